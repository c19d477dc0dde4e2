package web

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
)

// routeBroadcasts has one message to many: drafts, their lists, what they would do, and how far they have come.
func (s *Server) routeBroadcasts(api fiber.Router) {
	api.Get("/broadcasts", s.listBroadcasts)
	api.Get("/broadcasts/:name", s.oneBroadcast)
	api.Put("/broadcasts/:name", s.saveBroadcast)
	api.Delete("/broadcasts/:name", s.dropBroadcast)
	api.Post("/broadcasts/:name/list", s.addToBroadcast)
	api.Post("/broadcasts/:name/ahead", s.broadcastAhead)
	api.Post("/broadcasts/:name/preview", s.previewBroadcast)
	api.Post("/broadcasts/:name/test", s.testBroadcast)
	for _, act := range []string{"start", "pause", "resume", "stop"} {
		api.Post("/broadcasts/:name/"+act, s.actOnBroadcast(act))
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
	Let     int64        `json:"let"`  // customers who were let in
	Gone    int64        `json:"gone"` // of the list: not there any more
	Done    float64      `json:"done"` // the share of the partitions where nobody is left, 0 to 1
	Waiting int64        `json:"waiting"`
	Heldout int64        `json:"heldout"`
	Errors  int64        `json:"errors"`
	Figures []wirePart   `json:"figures"`
	Reasons []wireReason `json:"reasons"`
	Script  []wireFile   `json:"script,omitempty"`
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
	w := &wireBroadcast{Broadcast: b, Who: b.Audience.Text(), Journey: b.Journey(), Listed: progress.Listed, Let: progress.Let, Gone: progress.Gone,
		Done: float64(progress.Parts) / lifecycle.Partitions, Errors: j.Failed["send"], Figures: []wirePart{}, Reasons: []wireReason{}}
	for _, line := range j.Lines {
		w.Waiting += line.Waiting
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

func (s *Server) listBroadcasts(c *fiber.Ctx) error {
	list, err := s.Engine.Broadcasts(c.UserContext())
	if err != nil {
		return err
	}
	report, err := s.Insight.Report(c.UserContext())
	if err != nil {
		return err
	}
	all := []*wireBroadcast{}
	for _, b := range list {
		w, err := s.wireOf(c.UserContext(), b, report)
		if err != nil {
			return err
		}
		for i := range w.Parts {
			w.Parts[i].Texts = nil // the list is light
		}
		all = append(all, w)
	}
	return c.JSON(fiber.Map{"broadcasts": all})
}

// named returns the broadcast that the path names.
func (s *Server) named(c *fiber.Ctx) (engine.Broadcast, error) {
	name, err := param(c, "name")
	if err != nil {
		return engine.Broadcast{}, err
	}
	return s.Engine.Broadcast(c.UserContext(), name)
}

func (s *Server) oneBroadcast(c *fiber.Ctx) error {
	b, err := s.named(c)
	if err != nil {
		return err
	}
	return s.answerBroadcast(c, b)
}

func (s *Server) answerBroadcast(c *fiber.Ctx, b engine.Broadcast) error {
	report, err := s.Insight.Report(c.UserContext())
	if err != nil {
		return err
	}
	w, err := s.wireOf(c.UserContext(), b, report)
	if err != nil {
		return err
	}
	if program, err := s.Engine.BroadcastProgram(c.UserContext(), &b); err == nil {
		for _, file := range []string{"journey.lua", "send.lua"} {
			text, _ := program.Source(file)
			w.Script = append(w.Script, wireFile{file, string(text)})
		}
	}
	return c.JSON(w)
}

func (s *Server) saveBroadcast(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	data, err := body(c, maxDraft)
	if err != nil {
		return err
	}
	var b engine.Broadcast
	if err = decodeStrict(data, &b); err != nil {
		return err
	}
	if b.Name != "" && b.Name != name {
		return fieldError("name", "the body names broadcast %.80q, but the address %.80q", b.Name, name)
	}
	b.Name = name
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	if b, err = s.Engine.SaveBroadcast(c.UserContext(), b); err != nil {
		return err
	}
	s.Insight.Touch()
	return s.answerBroadcast(c, b)
}

func (s *Server) dropBroadcast(c *fiber.Ctx) error {
	b, err := s.named(c)
	if err != nil {
		return err
	}
	report, err := s.Insight.Report(c.UserContext())
	if err != nil {
		return err
	}
	w, err := s.wireOf(c.UserContext(), b, report)
	if err != nil {
		return err
	}
	if w.Status == "done" { // nothing of it is left to be stopped, but it has not been put away yet
		if _, err = s.Engine.SetBroadcast(c.UserContext(), b.Name, engine.BroadcastStopped); err != nil {
			return err
		}
	}
	if err = s.Engine.DropBroadcast(c.UserContext(), b.Name); err != nil {
		return err
	}
	s.Insight.Touch()
	return c.JSON(fiber.Map{})
}

func (s *Server) addToBroadcast(c *fiber.Ctx) error {
	b, err := s.named(c)
	if err != nil {
		return err
	}
	data, err := body(c, maxInflated)
	if err != nil {
		return err
	}
	members, err := readMembers(data)
	if err != nil {
		return err
	}
	added, err := s.Engine.AddToBroadcast(c.UserContext(), b.Name, members)
	if err != nil {
		return err
	}
	s.Insight.Touch()
	return c.JSON(added)
}

func (s *Server) broadcastAhead(c *fiber.Ctx) error {
	b, err := s.named(c)
	if err != nil {
		return err
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	ahead, err := s.Engine.BroadcastAhead(c.UserContext(), b)
	if err != nil {
		return err
	}
	return c.JSON(ahead)
}

// actOnBroadcast starts, pauses, resumes and stops. What is queued is paused and cancelled with it.
func (s *Server) actOnBroadcast(act string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		b, err := s.named(c)
		if err != nil {
			return err
		}
		o, err := s.decodeOrder(c)
		if err != nil {
			return err
		}
		ctx, of := c.UserContext(), delivery.Target{Journey: b.Journey()}
		switch act {
		case "start":
			b, err = s.Engine.StartBroadcast(ctx, b.Name, o.By)
		case "pause":
			if b, err = s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastPaused); err == nil {
				err = s.Delivery.PauseMessages(ctx, of, o.By, cmp.Or(o.Why, "the broadcast is paused"))
			}
		case "resume":
			if b, err = s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastRunning); err == nil {
				err = s.Delivery.ResumeMessages(ctx, of)
			}
		case "stop":
			if b, err = s.Engine.SetBroadcast(ctx, b.Name, engine.BroadcastStopped); err == nil {
				_, err = s.Delivery.CancelMessages(ctx, of, o.By, cmp.Or(o.Why, "the broadcast was stopped"))
			}
			if err == nil {
				err = s.Delivery.ResumeMessages(ctx, of) // else the pause would stay for nothing
			}
		}
		if err != nil {
			return err
		}
		s.Log.Info("an operator acted on a broadcast", "broadcast", b.Name, "act", act, "by", o.By, "why", o.Why)
		s.Insight.Touch()
		return s.answerBroadcast(c, b)
	}
}

// broadcastSample asks for the message of a broadcast as one customer would get it.
type broadcastSample struct {
	User    string          `json:"user"`
	Part    string          `json:"part"`    // empty: the one that the customer would get
	Channel string          `json:"channel"` // empty: the one that the customer prefers
	Locale  *string         `json:"locale"`
	Row     json.RawMessage `json:"row"` // what the list would say of the customer
	To      []string        `json:"to"`  // of a test
}

func (s *Server) previewBroadcast(c *fiber.Ctx) error {
	_, wire, _, err := s.sampleOfBroadcast(c)
	if err != nil {
		return err
	}
	return c.JSON(wire)
}

func (s *Server) sampleOfBroadcast(c *fiber.Ctx) (asked broadcastSample, wire *wirePreview, sample *delivery.Sample, err error) {
	b, err := s.named(c)
	if err != nil {
		return
	}
	data, err := body(c, maxSingle)
	if err != nil {
		return
	}
	if err = decodeJSON(data, &asked); err != nil {
		return
	}
	customer, err := s.customer(c, asked.User)
	if err != nil {
		return
	}
	done, err := s.turn()
	if err != nil {
		return
	}
	defer done()
	program, err := s.Engine.BroadcastProgram(c.UserContext(), &b)
	if err != nil {
		return
	}
	part := slices.IndexFunc(b.Parts, func(p engine.BroadcastPart) bool { return p.Name == cmp.Or(asked.Part, b.PartOf(customer.ID)) })
	if part < 0 {
		err = fieldError("part", "the broadcast has no message %.80q", asked.Part)
		return
	}
	name := b.Parts[part].Name
	wire = &wirePreview{Channels: program.Channels(name), User: asked.User}
	template, err := wire.choose(program, &previewRequest{Message: name, Channel: asked.Channel, Locale: asked.Locale}, customer)
	if err != nil {
		return
	}
	now := s.Clock.Now()
	sample = &delivery.Sample{Template: template, Customer: customer, Journey: b.Journey(), Stage: "send", At: now,
		Event: lifecycle.Event{Type: lifecycle.Track, Name: engine.BroadcastEvent, Timestamp: now, Received: now, Properties: object(asked.Row)}}
	if subject := b.Parts[part].Subject; subject != "" {
		sample.Options = map[string]string{"subject": subject}
	}
	err = s.render(wire, sample)
	return
}

// testBroadcast sends it to some addresses, marked as a test.
func (s *Server) testBroadcast(c *fiber.Ctx) error {
	asked, wire, sample, err := s.sampleOfBroadcast(c)
	if err != nil {
		return err
	}
	if len(asked.To) == 0 || len(asked.To) > 20 {
		return fieldError("to", "name 1 to 20 addresses, not %d", len(asked.To))
	}
	for i, to := range asked.To {
		if asked.To[i], err = testAddress(wire.Channel, strings.TrimSpace(to)); err != nil {
			return err
		}
	}
	refs, err := s.sendTests(c.UserContext(), wire, sample, asked.To...)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"refs": refs})
}
