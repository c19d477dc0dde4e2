package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Bounds of track.
const (
	// How long a chain of events may be, each of which a script tracked because of the one before. Events for others that
	// one input tracks beside each other count as if each followed from the last, so that people who track each other
	// cannot cause more than 2^10 events, however they go about it.
	maxDepth   = 10
	maxTracked = 100 // how many tracked events of one customer may follow from one event or timer
)

// trackedEvent is an event that a script made happen.
type trackedEvent struct {
	event   lifecycle.Event // in real time
	mark    lifecycle.ID
	to      string // somebody else; empty: the same customer
	journey string
	file    string
	line    int
}

// track takes an event that a script makes happen, to this customer or to another one. What was refused says why in the
// fact.
func (s *session) track(r *run, effect *script.Effect, fact *lifecycle.Fact) error {
	fact.Kind, fact.To = lifecycle.FactTracked, effect.To
	if r.Depth >= maxDepth {
		fact.Reason = fmt.Sprintf("refused: a chain of tracked events is at most %d deep", maxDepth)
		return nil
	}
	now := s.customer.Real(s.now)
	mark := lifecycle.HashID("track", r.ID.Part(), strconv.Itoa(effect.Step))
	event := lifecycle.Event{Type: lifecycle.Track, Name: effect.Name, MessageID: mark.String(), Timestamp: now, Received: now,
		Depth: r.Depth + 1}
	if len(effect.Args) > 0 {
		data, err := json.Marshal(effect.Args)
		if err != nil {
			return failure(effect, "", "the properties of %q cannot be written as JSON: %v", effect.Name, err)
		}
		event.Properties = data
	}
	if event.UserID = effect.To; effect.To == "" || effect.To == s.customer.UserID() || effect.To == s.customer.ID.String() {
		effect.To, fact.To = "", ""
		if event.UserID = s.customer.UserID(); event.UserID == "" {
			event.AnonymousID = s.customer.AnonymousID()
		}
	}
	if err := event.Validate(); err != nil {
		return failure(effect, "", "%q cannot be tracked: %v", effect.Name, err)
	}
	if err := s.spend(effect, len(event.Properties)); err != nil {
		return err
	}
	s.step.tracked = append(s.step.tracked, trackedEvent{event, mark, effect.To, fact.Journey, effect.File, effect.Line})
	return nil
}

// takeTracked hands on what a step that was kept has tracked. To this customer it happens after the present event or
// timer and before the next one, at the same moment, so that a late timer and a script that slept change nothing; it is
// part of the same commit. To another one it goes as an instruction that is delivered once.
func (s *session) takeTracked(tracked []trackedEvent) {
	for _, t := range tracked {
		if t.to == "" {
			s.tracked = append(s.tracked, t)
			continue
		}
		t.event.Depth += s.crossed
		if s.crossed++; t.event.Depth > maxDepth {
			s.note(lifecycle.Fact{Kind: lifecycle.FactTracked, Journey: t.journey, Name: t.event.Name, To: t.to, File: t.file, Line: t.line,
				Reason: fmt.Sprintf("refused: one event may lead to events for at most %d others, after each other or beside each other", maxDepth)})
			continue
		}
		in := Receive{Event: t.event, At: s.at, Mark: t.mark, Inner: true}
		if in.Target = (lifecycle.Identity{Kind: lifecycle.UserID, Value: t.to}).Hash(); len(t.to) == 2*len(in.Target) {
			if id, err := lifecycle.ParseID(t.to); err == nil {
				in.Target = id
			}
		}
		if s.history {
			in.History, in.At, in.Source = true, t.event.Timestamp, cmp.Or(s.customer.Import, s.source)
		}
		s.engine.instruct(s.tx, s.at, t.mark, 21, instruction{Receive: &in})
	}
}

// handleTracked lets the events happen that scripts made happen to this customer, and those that follow from them.
func (s *session) handleTracked() {
	for n := 0; len(s.tracked) > 0; n++ {
		t := s.tracked[0]
		s.tracked = s.tracked[1:]
		if n >= maxTracked {
			s.note(lifecycle.Fact{Kind: lifecycle.FactTracked, Journey: t.journey, Name: t.event.Name, File: t.file, Line: t.line,
				Reason: fmt.Sprintf("refused: one event or timer may cause at most %d tracked events", maxTracked)})
			continue
		}
		s.cause, s.event = t.mark, s.inward(&t.event)
		first := len(s.decision.Facts)
		s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: t.event.Name})
		s.takeRevenue(s.event)
		s.handle()
		s.timeline(TimelineEntry{At: t.event.Timestamp, Event: &t.event, Facts: s.decision.Facts[first:]})
	}
}

// inward returns an event as this customer's scripts are to see it: a test person's in lapsed time.
func (s *session) inward(event *lifecycle.Event) *lifecycle.Event {
	if !s.customer.Test() {
		return event
	}
	lapsed := *event
	lapsed.Timestamp, lapsed.Received = s.customer.Lapsed(event.Timestamp), s.customer.Lapsed(event.Received)
	return &lapsed
}
