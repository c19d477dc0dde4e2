package engine

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"stagecraft/app/lifecycle"
)

// What becomes known of stages: as events of the customer, where a script that runs names them, and as webhooks, where
// somebody has asked for them. Nothing of it is written otherwise: the facts of the move are in the timeline anyway.

// The events of stages. Their properties are journey, stage (of a refusal from and to), the other stage, reason and decision.
const (
	StageEntered = "Stage Entered"
	StageLeft    = "Stage Left"
	MoveRefused  = "Move Refused"
)

// SetStageWebhooks names the addresses to which every change of a stage is posted. It is called before the store starts.
func (e *Engine) SetStageWebhooks(addresses []string) { e.stageHooks = addresses }

// wants reports whether an event of our own has to happen: a script of this customer, one that runs or a run that waits, or
// a segment, names it.
func (s *session) wants(event string) bool {
	for _, j := range s.journeys {
		if j.program.Mentions(event) {
			return true
		}
	}
	if set := s.engine.segments(s.tx); set != nil && set.index[event] != nil {
		return true
	}
	for v := range s.customer.Visits {
		for _, ref := range s.customer.Visits[v].Runs {
			if ref.Event == event {
				return true
			}
		}
	}
	return false
}

// happen lets an event of our own happen to this customer, after the present one and in the same commit, as if a script had
// tracked it.
func (s *session) happen(event, journey string, properties any) {
	if s.depth >= maxDepth {
		s.note(lifecycle.Fact{Kind: lifecycle.FactTracked, Journey: journey, Name: event,
			Reason: fmt.Sprintf("refused: a chain of tracked events is at most %d deep", maxDepth)})
		return
	}
	c, now := s.customer, s.customer.Real(s.now)
	mark := lifecycle.HashID("own event", s.cause.Part(), event, journey, strconv.Itoa(len(s.decision.Facts)-s.before),
		strconv.FormatUint(c.Seq, 10))
	own := lifecycle.Event{Type: lifecycle.Track, Name: event, MessageID: mark.String(), UserID: c.UserID(), Timestamp: now, Received: now,
		Depth: s.depth + 1}
	if own.UserID == "" {
		own.AnonymousID = c.AnonymousID()
	}
	own.Properties, _ = json.Marshal(properties) // texts, and nothing else
	t := trackedEvent{event: own, mark: mark, journey: journey}
	if s.step != nil {
		s.step.tracked = append(s.step.tracked, t)
	} else {
		s.tracked = append(s.tracked, t)
	}
}

// stageChange is what is told of a change of stage.
type stageChange struct {
	Journey  string `json:"journey"`
	Stage    string `json:"stage,omitempty"`
	From     string `json:"from,omitempty"` // of an entry: the stage before, if there was one
	To       string `json:"to,omitempty"`   // of leaving: the stage after, if there is one
	Reason   string `json:"reason"`
	Decision string `json:"decision,omitempty"`
	By       string `json:"by,omitempty"`
}

// tellChange tells of a move, an entry (from is "") or an exit (the request leads nowhere).
func (s *session) tellChange(j *journey, visit *lifecycle.Visit, from string, request moveRequest) {
	if lifecycle.IsBroadcast(j.name) {
		return
	}
	left, entered := from != "" && s.wants(StageLeft), request.to != "" && s.wants(StageEntered)
	hooked := len(s.engine.stageHooks)+len(s.engine.posted) > 0 && !s.history && s.step != nil
	if !left && !entered && !hooked {
		return
	}
	told := stageChange{Journey: j.name, Reason: s.reasonOf(j, from, request), Decision: s.cause.String()}
	if request.why != "" || s.event == nil || request.by != s.event.Name { // what names an event is told as the reason
		told.By = request.by
	}
	if left {
		told := told
		told.Stage, told.To = from, request.to
		s.happen(StageLeft, j.name, told)
	}
	if entered {
		told := told
		told.Stage, told.From = request.to, from
		s.happen(StageEntered, j.name, told)
	}
	if hooked {
		s.postChange(j, visit, from, request.to, told)
	}
}

// tellRefused tells of a move that was not made.
func (s *session) tellRefused(j *journey, from string, request moveRequest, why string) {
	if !lifecycle.IsBroadcast(j.name) && s.wants(MoveRefused) {
		s.happen(MoveRefused, j.name, stageChange{Journey: j.name, From: from, To: request.to, Reason: why, Decision: s.cause.String(), By: request.by})
	}
}

// reasonOf says in words why a customer changes stages.
func (s *session) reasonOf(j *journey, from string, request moveRequest) string {
	event := ""
	if s.event != nil {
		event = s.event.Name
	}
	stage := j.plan().Stage(from)
	switch {
	case request.why != "":
		return request.why
	case request.to == "" && event != "" && request.by == event:
		return "left the journey at " + event
	case request.by != "":
		return "asked for by " + request.by
	case from == "" && event != "":
		return "entered the journey at " + event
	case from == "":
		return "entered the journey"
	case stage != nil && request.to == stage.Next && request.file == stage.File && request.line == 1:
		return "the goal of " + from + " was reached"
	case event != "":
		return fmt.Sprintf("%s:%d moved at %s", request.file, request.line, event)
	}
	return fmt.Sprintf("%s:%d moved", request.file, request.line)
}

// postedChange is what a webhook about a change of stage says.
type postedChange struct {
	Event       string `json:"event"`
	Customer    string `json:"customer"`
	UserID      string `json:"userId,omitempty"`
	AnonymousID string `json:"anonymousId,omitempty"`
	Journey     string `json:"journey"`
	From        string `json:"from"` // "": was not in the journey
	To          string `json:"to"`   // "": is not in it any more
	At          string `json:"at"`
	Sequence    uint64 `json:"sequence"` // grows with every change of the customer: webhooks may overtake each other
	Reason      string `json:"reason"`
	By          string `json:"by,omitempty"`
	Decision    string `json:"decision"`
	Version     string `json:"version"` // of the scripts
}

// StageChanged is what webhooks about stages call what they tell of.
const StageChanged = "Stage Changed"

// postChange puts a webhook for every address that wants to know into the step. It belongs to the decision: it leaves if and
// only if the customer has moved.
func (s *session) postChange(j *journey, visit *lifecycle.Visit, from, to string, told stageChange) {
	c, now := s.customer, s.customer.Real(s.now)
	payload, _ := json.Marshal(postedChange{Event: StageChanged, Customer: c.ID.String(), UserID: c.UserID(), AnonymousID: c.AnonymousID(),
		Journey: j.name, From: from, To: to, At: now.UTC().Format("2006-01-02T15:04:05.000Z07:00"), Sequence: s.sequence(), Reason: told.Reason, By: told.By,
		Decision: told.Decision, Version: j.plan().Version})
	name := func(i int) lifecycle.ID {
		return lifecycle.HashID("stage webhook", s.cause.Part(), j.name, strconv.FormatUint(visit.Number, 10), from, to, strconv.Itoa(i))
	}
	for i, address := range s.hooks(name) {
		parsed, err := url.Parse(address)
		if err != nil {
			continue // checked when the server started
		}
		m := &lifecycle.Message{
			ID: name(i), Customer: c.ID, User: s.user(), Journey: j.name, Version: j.plan().Version, Stage: to, Name: parsed.Host, Channel: "webhook",
			Kind: lifecycle.Transactional, Decided: now, Due: now, State: lifecycle.Queued, Test: c.Test(),
			Options: map[string]string{"url": address, "payload": string(payload)},
		}
		if s.event != nil {
			m.Event = *s.event
		}
		if j.mode == lifecycle.Shadow {
			m.State, m.Reason, m.Settled = lifecycle.Suppressed, lifecycle.BecauseShadow, now
		}
		s.step.messages = append(s.step.messages, sending{Message: m})
		fact := lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: j.name, From: to, Name: m.Name, Reason: string(m.State), Version: m.Version}
		if !m.Test {
			fact.Message = m.ID
		}
		s.note(fact)
	}
}

// sequence numbers a change that was just noted: after all of earlier decisions by the timeline, within its own by the facts.
func (s *session) sequence() uint64 {
	const factsAtMost = 1_000_000
	return s.customer.Seq*factsAtMost + uint64(len(s.decision.Facts)-s.before)
}

// hooks returns where a change is posted. Who lives a life again posts what was posted then, whatever the settings are now.
func (s *session) hooks(name func(i int) lifecycle.ID) []string {
	if s.engine.posted == nil {
		return s.engine.stageHooks
	}
	var list []string
	for host, is := s.engine.posted[name(0)]; is; host, is = s.engine.posted[name(len(list))] {
		list = append(list, "https://"+host)
	}
	return list
}
