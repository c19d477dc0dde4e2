package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// awaiting returns the runs that may wait for the session's event, in the order in which they began.
func (s *session) awaiting(visit *lifecycle.Visit) []lifecycle.ID {
	var runs []lifecycle.ID
	var about lifecycle.ID
	asked := false
	for i := range visit.Runs {
		ref := &visit.Runs[i]
		switch {
		case ref.Event != "" && ref.Event == s.event.Name:
			runs = append(runs, ref.ID)
		case !ref.Message.IsZero():
			if !asked {
				about, asked = aboutMessage(s.event), true
			}
			if about == ref.Message {
				runs = append(runs, ref.ID)
			}
		}
	}
	return runs
}

// aboutMessage returns the message of which an event tells: its property "message". What a machine did says nothing of
// whom the message was for.
func aboutMessage(event *lifecycle.Event) (id lifecycle.ID) {
	var properties struct {
		Message string `json:"message"`
		Machine bool   `json:"machine"`
	}
	if len(event.Properties) > 0 && json.Unmarshal(event.Properties, &properties) == nil && !properties.Machine {
		id, _ = lifecycle.ParseID(properties.Message)
	}
	return id
}

// wakeByEvent lets a run go on if the session's event is what it waits for, and if it still waits: a goal, a move or an
// exit may have ended it.
func (s *session) wakeByEvent(j *journey, id lifecycle.ID) {
	if findRun(s.customer.Visit(j.name), id) == nil {
		return
	}
	if r, err := s.loadRun(id); err != nil || r != nil && s.matches(r) {
		s.wake(j, id, r, s.event, err)
	}
}

// matches reports whether the session's event is what a run waits for.
func (s *session) matches(r *run) bool {
	if r.For == nil {
		return false
	}
	if !r.For.Message.IsZero() {
		name := s.event.Name
		if !strings.EqualFold(name[strings.LastIndexByte(name, ' ')+1:], r.For.What) {
			return false
		}
	}
	if len(r.For.Filter) == 0 {
		return true
	}
	var properties map[string]any
	if json.Unmarshal(s.event.Properties, &properties) != nil {
		return false
	}
	for name, want := range r.For.Filter {
		if properties[name] != want {
			return false
		}
	}
	return true
}

// What becomes of a message comes to the scripts as an event of these names.
const (
	messageAccepted = "Message Accepted"
	messageFailed   = "Message Failed"
)

// settledName returns the name of the event that tells of a state, or "".
func settledName(state lifecycle.MessageState) string {
	switch state {
	case lifecycle.Accepted:
		return messageAccepted
	case lifecycle.Failed:
		return messageFailed
	}
	return ""
}

// settledEvent is the event that tells what became of a message.
func settledEvent(m *lifecycle.Message, cause lifecycle.ID, at time.Time) lifecycle.Event {
	properties := map[string]string{"message": m.First().String(), "name": m.Name, "channel": m.Channel}
	if m.Reason != "" {
		properties["reason"] = m.Reason
	}
	event := lifecycle.Event{Type: lifecycle.Track, Name: settledName(m.State), MessageID: cause.String(), Timestamp: at, Received: at}
	event.Properties, _ = json.Marshal(properties)
	return event
}

// settledAlready answers a run that waits for what became of a message before the wait began; nil: it has to wait. From
// then on the outbox tells of the message.
func (s *session) settledAlready(r *run) *lifecycle.Event {
	if r.For == nil || r.For.Message.IsZero() {
		return nil
	}
	id := r.For.Message
	if slices.ContainsFunc(s.step.messages, func(m sending) bool { return m.ID == id }) {
		s.step.watching = append(s.step.watching, r) // it is put at the end of the step
		return nil
	}
	for _, message := range r.Sent {
		if message.ID != id {
			continue
		}
		state, reason := s.engine.outbox.Watch(s.tx, message.Decided, id)
		name := settledName(state)
		if name == "" || !strings.HasSuffix(strings.ToLower(name), " "+r.For.What) {
			return nil
		}
		event := settledEvent(&lifecycle.Message{ID: id, State: state, Reason: reason}, id, s.now)
		return &event
	}
	return nil
}

// watch lets the outbox tell of a message that was put in this very step, or says at once what became of it.
func (s *session) watch(r *run, messages []sending) {
	for _, m := range messages {
		if m.ID != r.For.Message || m.State == lifecycle.Suppressed {
			continue
		}
		settled := *m.Message
		settled.State, settled.Reason = s.engine.outbox.Watch(s.tx, m.Decided, m.ID)
		s.engine.Settled(s.tx, &settled, s.at)
	}
}

// Settled lets scripts know what became of a message that is watched: an event for the customer, as an instruction to
// this partition. Delivery calls it inside Apply, once for each message that it has settled.
func (e *Engine) Settled(tx store.Tx, m *lifecycle.Message, at time.Time) {
	if settledName(m.State) == "" {
		return
	}
	mark := lifecycle.HashID("settled", m.ID.Part(), string(m.State))
	e.instruct(tx, at, mark, 20, instruction{Receive: &Receive{Event: settledEvent(m, mark, at), At: at, Mark: mark, Target: m.Customer, Inner: true}})
}
