package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// routeBroadcasts has one message to many.
func (s *Server) routeBroadcasts(api fiber.Router) {
	broadcasts := s.broadcasts()
	broadcasts.route(api)
	api.Post("/broadcasts/:name/preview", func(c *fiber.Ctx) error { return s.previewBroadcast(c, broadcasts) })
	api.Post("/broadcasts/:name/test", func(c *fiber.Ctx) error { return s.testBroadcast(c, broadcasts) })
}

func (s *Server) broadcasts() *jobs[engine.Broadcast] {
	return &jobs[engine.Broadcast]{
		Server: s, kind: "broadcast", most: maxDraft, compile: true,
		all: s.Engine.Broadcasts, one: s.Engine.Broadcast, add: s.Engine.AddToBroadcast,
		name: func(b *engine.Broadcast) *string { return &b.Name },
		made: func(b *engine.Broadcast) time.Time { return b.Created },
		save: func(c *fiber.Ctx, draft engine.Broadcast, isNew bool) (engine.Broadcast, error) {
			return s.Engine.SaveBroadcast(c.UserContext(), draft, isNew)
		},
		drop:  s.dropBroadcast,
		ahead: func(ctx context.Context, b engine.Broadcast) (any, error) { return s.Engine.BroadcastAhead(ctx, b) },
		act:   s.actOnBroadcast,
		lines: s.broadcastLines,
		wire:  s.broadcastWhole,
	}
}

// wireBroadcast is a broadcast with its figures.
type wireBroadcast struct {
	engine.Broadcast
	Status  string       `json:"status"`           // draft, scheduled, sending, paused, stopped or done
	Begins  *time.Time   `json:"begins,omitempty"` // when customers are let in, once it was started
	Who     string       `json:"who"`
	Journey string       `json:"journey"`
	Listed  int64        `json:"listed"`
	Let     int64        `json:"let"`    // customers who were let in
	Had     int64        `json:"had"`    // had it already, with somebody who became part of them
	Merged  int64        `json:"merged"` // of the list: part of somebody else by now, who is let in instead
	Gone    int64        `json:"gone"`   // of the list: not there any more
	Done    float64      `json:"done"`   // the share of the partitions where nobody is left, 0 to 1
	Waiting int64        `json:"waiting"`
	Heldout int64        `json:"heldout"`
	Errors  int64        `json:"errors"`
	Figures []wirePart   `json:"figures"`
	Reasons []wireReason `json:"reasons"`
	Script  []wireFile   `json:"script,omitempty"`

	Warnings []wireWarning `json:"warnings,omitempty"` // of a draft: what may go wrong with its messages

	Pauses []delivery.Order `json:"pauses,omitempty"` // of one that is not over: what keeps its messages from leaving
}

// wireWarning is what may go wrong with a message. With Stops the broadcast cannot be started before it is mended.
type wireWarning struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Stops   bool   `json:"stops"`
}

func warningsOf(missing, others []*lifecycle.Error) (list []wireWarning) {
	for i, e := range append(missing[:len(missing):len(missing)], others...) {
		list = append(list, wireWarning{e.Message, e.Hint, e.File, e.Line, i < len(missing)})
	}
	return list
}

// wirePart is what became of one message of an A/B test.
type wirePart struct {
	Name       string `json:"name"`
	Decided    int64  `json:"decided"`
	Queued     int64  `json:"queued"`
	Sent       int64  `json:"sent"`
	Failed     int64  `json:"failed"`
	Suppressed int64  `json:"suppressed"`
	Expired    int64  `json:"expired"`
	Cancelled  int64  `json:"cancelled"`
	Held       int64  `json:"held"`
	Delivered  int64  `json:"delivered"`
	Opened     int64  `json:"opened"`
	Clicked    int64  `json:"clicked"`
	Bounced    int64  `json:"bounced"`
	Complained int64  `json:"complained"`
}

type wireReason struct {
	Part   string `json:"part"`
	State  string `json:"state"`
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

type wireFile struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// wireOf adds the figures to a broadcast.
func (s *Server) wireOf(ctx context.Context, b engine.Broadcast, report *insight.Report) (*wireBroadcast, error) {
	progress, err := s.Engine.BroadcastProgress(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	j := report.Journey(b.Journey())
	w := &wireBroadcast{Broadcast: b, Who: b.Audience.Text(), Journey: b.Journey(), Listed: progress.Listed, Let: progress.Let, Had: progress.Had, Merged: progress.Merged, Gone: progress.Gone,
		Done: float64(progress.Parts) / lifecycle.Partitions, Errors: j.Failed["send"], Figures: []wirePart{}, Reasons: []wireReason{}}
	for _, line := range j.Lines {
		if b.State != engine.BroadcastStopped { // then nobody's hour comes any more
			w.Waiting += line.Waiting
		}
	}
	kept := map[string]int64{} // by reason, of each part
	for r, n := range j.Reasons {
		w.Reasons = append(w.Reasons, wireReason{r.Message, r.State, r.Reason, n})
		if r.State == string(lifecycle.Suppressed) {
			kept[r.Message] += n
		}
	}
	queued := int64(0)
	for _, part := range b.Parts {
		n := j.Messages[part.Name]
		p := wirePart{part.Name, n["decided"], n[string(lifecycle.Queued)], n[string(lifecycle.Accepted)], n[string(lifecycle.Failed)],
			n[string(lifecycle.Suppressed)], n[string(lifecycle.Expired)], n[string(lifecycle.Cancelled)], n[string(lifecycle.Held)],
			n[string(lifecycle.Delivered)], n[string(lifecycle.Opened)], n[string(lifecycle.Clicked)], n[string(lifecycle.Bounced)], n[string(lifecycle.Complained)]}
		w.Figures, queued = append(w.Figures, p), queued+p.Queued
		// Whoever is held out is kept back as the message is decided; policy keeps back later, and says why.
		if held := p.Suppressed - kept[part.Name]; held > 0 {
			w.Heldout += held
			w.Reasons = append(w.Reasons, wireReason{part.Name, string(lifecycle.Suppressed), lifecycle.BecauseHoldout, held})
		}
	}
	slices.SortFunc(w.Reasons, func(a, b wireReason) int {
		return cmp.Or(strings.Compare(a.Part, b.Part), cmp.Compare(b.Count, a.Count), strings.Compare(a.Reason, b.Reason))
	})
	if w.Status = string(b.State); b.State == engine.BroadcastRunning {
		begins := b.Begins()
		if begins.Before(b.Started) {
			begins = b.Started
		}
		w.Begins = moment(begins)
		switch {
		case !progress.Done && s.Clock.Now().Before(begins):
			w.Status = "scheduled"
		case !progress.Done || w.Waiting > 0 || queued > 0:
			w.Status = "sending"
		default:
			w.Status = "done"
		}
	}
	return w, nil
}

// broadcastLines is the list, which is light.
func (s *Server) broadcastLines(ctx context.Context, list []engine.Broadcast) (any, error) {
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return nil, err
	}
	all := []*wireBroadcast{}
	for _, b := range list {
		w, err := s.wireOf(ctx, b, report)
		if err != nil {
			return nil, err
		}
		for i := range w.Parts {
			w.Parts[i].Texts = nil
		}
		all = append(all, w)
	}
	return all, nil
}

// broadcastWhole is one broadcast with its script.
func (s *Server) broadcastWhole(ctx context.Context, b engine.Broadcast) (any, error) {
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return nil, err
	}
	w, err := s.wireOf(ctx, b, report)
	if err != nil {
		return nil, err
	}
	if program, err := s.Engine.BroadcastProgram(ctx, &b); err == nil {
		for _, file := range []string{"journey.lua", "send.lua"} {
			text, _ := program.Source(file)
			w.Script = append(w.Script, wireFile{file, string(text)})
		}
		if w.Status == "scheduled" || w.Status == "sending" || w.Status == "paused" {
			if w.Pauses, err = s.Delivery.PausesOf(ctx, messagesOf(&b, program)); err != nil {
				return nil, err
			}
		}
	}
	if b.State == engine.BroadcastDraft {
		if missing, others, err := s.Engine.BroadcastDoubts(ctx, &b); err == nil {
			w.Warnings = warningsOf(missing, others)
		}
	}
	return w, nil
}

// messagesOf returns what a broadcast sends, one of each kind.
func messagesOf(b *engine.Broadcast, program *script.Program) (list []lifecycle.Message) {
	for _, t := range program.Templates {
		kind := cmp.Or(lifecycle.MessageKind(t.Front["kind"]), lifecycle.Marketing)
		list = append(list, lifecycle.Message{Journey: b.Journey(), Name: t.Name, Channel: t.Channel, Kind: kind})
	}
	return list
}

func (s *Server) dropBroadcast(ctx context.Context, b engine.Broadcast) error {
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return err
	}
	w, err := s.wireOf(ctx, b, report)
	if err != nil {
		return err
	}
	switch {
	case w.Status == "done", b.Stopping: // nothing of it is to leave afterwards, and no pause of it is to stay for the next one of its name
		if _, err = s.stopBroadcast(ctx, b, wireOrder{Why: "the broadcast was removed"}); err != nil {
			return err
		}
	case b.State == engine.BroadcastRunning, b.State == engine.BroadcastPaused:
		return lifecycle.Errorf(lifecycle.Conflict, "broadcast %s is %s; stop it first", b.Name, w.Status)
	}
	return s.Engine.DropBroadcast(ctx, b.Name)
}

// broadcastDone reports whether nothing of a broadcast is left to leave. The figures are read when nobody is let in any more,
// so that none of them is missed.
func (s *Server) broadcastDone(ctx context.Context, b engine.Broadcast) (bool, error) {
	progress, err := s.Engine.BroadcastProgress(ctx, b.Name)
	if err != nil || b.State != engine.BroadcastRunning || !progress.Done {
		return false, err
	}
	report, err := s.Insight.Report(ctx)
	if err != nil {
		return false, err
	}
	w, err := s.wireOf(ctx, b, report)
	return err == nil && w.Status == "done", err
}

// actOnBroadcast starts, pauses, resumes and stops. What is queued is paused and cancelled with it.
func (s *Server) actOnBroadcast(ctx context.Context, act string, b engine.Broadcast, o wireOrder) (_ engine.Broadcast, err error) {
	of := delivery.Target{Journey: b.Journey()}
	switch act {
	case "start":
		b, err = s.Engine.StartBroadcast(ctx, b.Name, o.By)
	case "pause":
		if done, err := s.broadcastDone(ctx, b); err != nil {
			return b, err
		} else if done {
			return b, lifecycle.Errorf(lifecycle.Conflict, "broadcast %s is done; there is nothing left to pause", b.Name)
		}
		b, err = s.pauseBroadcast(ctx, b, o)
	case "resume":
		if b.State == engine.BroadcastPaused || b.State == engine.BroadcastRunning { // first, as the next start pauses what is paused again
			err = s.Delivery.ResumeMessages(ctx, of, o.By)
		}
		if err == nil {
			b, err = s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastRunning)
		}
	case "stop":
		b, err = s.stopBroadcast(ctx, b, o)
	}
	return b, err
}

func (s *Server) pauseBroadcast(ctx context.Context, b engine.Broadcast, o wireOrder) (engine.Broadcast, error) {
	b, err := s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastPaused)
	if err == nil {
		err = s.Delivery.PauseMessages(ctx, delivery.Target{Journey: b.Journey()}, o.By, cmp.Or(o.Why, "the broadcast is paused"))
	}
	return b, err
}

func (s *Server) stopBroadcast(ctx context.Context, b engine.Broadcast, o wireOrder) (engine.Broadcast, error) {
	of := delivery.Target{Journey: b.Journey()}
	b, err := s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastStopped)
	if err == nil {
		_, err = s.Delivery.CancelMessages(ctx, of, o.By, cmp.Or(o.Why, "the broadcast was stopped"))
	}
	if err == nil {
		err = s.Delivery.ResumeMessages(ctx, of, o.By) // else the pause would stay for nothing
	}
	if err == nil {
		err = s.Engine.BroadcastCancelled(ctx, b.Name)
	}
	return b, err
}

// ResettleBroadcasts gives the orders again that an earlier start may not have given after it had paused or stopped a broadcast.
// It is called before messages leave.
func (s *Server) ResettleBroadcasts(ctx context.Context) error {
	list, err := s.Engine.Broadcasts(ctx)
	if err != nil {
		return err
	}
	again := wireOrder{By: "stagecraft"}
	for _, b := range list {
		var err error
		if b.State == engine.BroadcastPaused {
			_, err = s.pauseBroadcast(ctx, b, again)
		} else if b.Stopping {
			_, err = s.stopBroadcast(ctx, b, again)
		}
		if err != nil { // one that cannot be read must not keep the program from its work
			s.Log.Error("the messages of a broadcast could not be held or cancelled again", "broadcast", b.Name, "state", b.State, "error", err)
		}
	}
	return nil
}
