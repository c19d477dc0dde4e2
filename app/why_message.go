package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// message explains one message: each time that it was decided, with what it met on its way, and of the places that could
// have sent it why they did not.
func (x *explaining) message(ctx context.Context, asked string) error {
	name, one := asked, lifecycle.ID{}
	for id, m := range x.messages {
		if m.Ref == asked || id.String() == asked {
			name, one = m.Name, id
		}
	}
	if one.IsZero() {
		id, theirs, err := x.named(ctx, asked)
		if err != nil {
			return err
		}
		if theirs {
			name, one = x.messages[id].Name, id
		}
	}
	w := x.why
	w.Message = name
	received, left := 0, 0
	for i := len(x.life.Entries) - 1; i >= 0; i-- {
		entry := &x.life.Entries[i].TimelineEntry
		for _, f := range entry.Facts {
			if f.Kind != lifecycle.FactMessage || f.Name != name || !one.IsZero() && f.Message != one {
				continue
			}
			if received++; len(w.Decisions) == maxReceived {
				continue
			}
			d, err := x.received(ctx, entry, f)
			if err != nil {
				return err
			}
			if m := x.messages[f.Message]; m.State == lifecycle.Accepted {
				left++
			}
			w.Decisions = append(w.Decisions, *d)
		}
	}
	if !one.IsZero() {
		return nil
	}
	written, coming := false, x.coming(name)
	for _, state := range x.life.Now {
		program, ok := x.engine.Program(state.Version)
		if !ok {
			continue
		}
		written = written || len(program.Channels(name)) > 0
		for _, sending := range program.Sendings(name) {
			written = true
			if slices.ContainsFunc(coming, func(m WhyMissed) bool { return m.Journey == state.Name && m.Place == sending.Place }) {
				continue
			}
			if missed := x.missed(state, program, name, sending); missed != nil {
				w.Missed = append(w.Missed, *missed)
			}
		}
	}
	if len(coming) > 0 {
		w.Missed = append(coming, w.Missed...)
	}
	switch {
	case received == 0 && !written && len(coming) == 0:
		known := x.names()
		hint := script.DidYouMean(name, known, "")
		if hint == "" {
			hint = "there are: " + strings.Join(known, ", ")
		}
		return &lifecycle.Error{Code: lifecycle.NotFound, Field: "message", Message: fmt.Sprintf("no journey has a message %q, and this customer was never sent one", name), Hint: hint}
	case received == 0:
		said := "was never to get %s. What would have to be otherwise:"
		if len(coming) > 0 {
			said = "has not got %s yet. What may still send it, and what would have to be otherwise for the rest:"
		}
		w.Answer = append(w.Answer, w.User+" "+fmt.Sprintf(said, name))
		for _, m := range w.Missed {
			w.Answer = append(w.Answer, fmt.Sprintf("%s:%d, %s: %s.", m.File, m.Line, m.Handler, strings.Join(m.Reasons, "; ")))
		}
		if len(w.Missed) == 0 {
			w.Answer = append(w.Answer, "No script of the journeys as they are now names it in a send; one that works out the name cannot be found.")
		}
	}
	return nil
}

// names are the messages of all journeys.
func (x *explaining) names() []string {
	var names []string
	for _, state := range x.life.Now {
		if program, ok := x.engine.Program(state.Version); ok {
			for _, t := range program.Templates {
				if !slices.Contains(names, t.Name) {
					names = append(names, t.Name)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// received tells of one time that the message was decided.
func (x *explaining) received(ctx context.Context, entry *engine.TimelineEntry, f lifecycle.Fact) (*WhyDecision, error) {
	d := &WhyDecision{At: f.At.UTC(), Cause: causeOf(entry), Effects: []string{x.messageWords(f)}, Scripts: []WhyScript{}}
	for _, t := range x.traces {
		for _, effect := range t.Ended.Effects {
			if !f.Message.IsZero() && script.MessageID(t.Run, effect.Step) == f.Message || (f.Message.IsZero() || x.messages[f.Message].Test) &&
				effect.File == f.File && effect.Line == f.Line && effect.Name == f.Name && t.At.Equal(f.At) {
				d.Scripts = append(d.Scripts, x.script(t))
			}
		}
	}
	m, known := x.messages[f.Message]
	became := outcome(lifecycle.MessageState(f.Reason), "")
	if known {
		d.Ref = m.Ref
		life, err := x.delivery.LifeOf(ctx, m.Ref)
		if err != nil {
			return nil, err
		}
		further, err := x.instead(ctx, life)
		if err != nil {
			return nil, err
		}
		lives := append([]delivery.Life{life}, further...)
		for i, life := range lives {
			for _, step := range life.Steps {
				text := stepWords(step)
				if text == "" {
					continue
				}
				if i > 0 {
					text = "by " + life.Channel + ": " + text
				}
				d.Gates = append(d.Gates, WhyGate{step.At.UTC(), text})
			}
		}
		became = outcomes(lives)
	}
	sentence := fmt.Sprintf("%s: %s was decided because of %s", when(f.At), f.Name, d.Cause)
	if f.File != "" {
		sentence += fmt.Sprintf(", at %s:%d", f.File, f.Line)
	}
	if len(d.Scripts) > 0 {
		sentence += " in " + d.Scripts[0].Handler
		for _, c := range d.Scripts[0].Conditions {
			if c.Held != nil {
				sentence += fmt.Sprintf(", where %s was %v", c.Text, *c.Held)
			}
		}
	}
	if chosen := m.Chosen(); chosen != "" {
		sentence += "; " + chosen
	}
	x.why.Answer = append(x.why.Answer, sentence+"; "+became+".")
	return d, nil
}

// missed says why a place that sends the message did not; nil if it did at the customer's last chance.
func (x *explaining) missed(state engine.JourneyState, program *script.Program, name string, s script.Sending) *WhyMissed {
	handler := s.Kind
	h := handlerOf(&program.Journey, s.Handler)
	if h != nil {
		handler = handlerWords(h)
	}
	m := &WhyMissed{Place: s.Place, Journey: state.Name, Stage: s.Stage, Handler: handler}
	say := func(format string, args ...any) { m.Reasons = append(m.Reasons, fmt.Sprintf(format, args...)) }
	if state.Mode != lifecycle.Live {
		say("%s", notLive(state))
	}
	visit := x.life.Customer.Visit(state.Name)
	x.notThere(visit, state, &program.Journey, s, say)
	last := x.lastCall(state.Name, s, h)
	if last == nil {
		if h != nil && len(m.Reasons) == 0 || visit != nil {
			x.neverRan(state.Name, h, s, visit, say)
		}
		if len(m.Reasons) == 0 {
			say("the handler has never run for them")
		}
		return m
	}
	then, had := x.asItWas(last, program, name, s)
	if !had {
		say("at %s the handler ran, and version %s, which ran then, did not send it", when(last.At), last.Version)
		return m
	}
	for _, t := range x.traces {
		for _, effect := range t.Ended.Effects {
			if t.Run == last.Run && effect.Kind == script.Send && effect.Name == name && effect.File == then.File && effect.Line == then.Line {
				return nil // it was sent then
			}
		}
	}
	if x.test() && x.sentSince(last.At, name, then.Place) {
		return nil
	}
	x.wentElsewhere(last, then, visit, say)
	if len(m.Reasons) == 0 {
		return nil
	}
	return m
}

// notThere says that the customer is not in the stage.
func (x *explaining) notThere(visit *lifecycle.Visit, state engine.JourneyState, plan *lifecycle.Journey, s script.Sending, say func(string, ...any)) {
	c := x.life.Customer
	switch {
	case visit == nil:
		say("they have never entered journey %s", state.Name)
		if !plan.ByHand {
			x.slept(state.Name, time.Time{}, plan.Entry, say)
		}
	case s.Stage == "" && visit.Stage == "":
		say("they have left journey %s (%s)", state.Name, x.cameBy(state.Name))
	case s.Stage == "" || visit.Stage == s.Stage:
	case !c.Left(state.Name, s.Stage).IsZero():
		where := "in none"
		if visit.Stage != "" {
			where = "in " + visit.Stage
		}
		say("they were in stage %s until %s and are %s now", s.Stage, when(c.Real(c.Left(state.Name, s.Stage))), where)
	case x.wereIn(state.Name, s.Stage):
		where := "in none"
		if visit.Stage != "" {
			where = "in " + visit.Stage
		}
		say("they were in stage %s once and are %s now (%s)", s.Stage, where, x.cameBy(state.Name))
	case visit.Stage == "":
		say("they have left journey %s without ever being in stage %s", state.Name, s.Stage)
	default:
		say("they have never been in stage %s: they are in %s since %s (%s)", s.Stage, visit.Stage, when(c.Real(visit.Entered)), x.cameBy(state.Name))
		if heard := heardIn(plan, visit.Stage); len(heard) > 0 {
			x.slept(state.Name, c.Real(visit.Entered), heard, say)
		}
	}
}

// lastCall returns the last call of the handler, in whatever version; nil if it never ran.
func (x *explaining) lastCall(journey string, s script.Sending, h *lifecycle.Handler) *engine.Trace {
	for i := len(x.traces) - 1; i >= 0; i-- {
		t := x.traces[i]
		if t.Journey != journey || t.Handler != s.Handler {
			continue
		}
		if program, ok := x.engine.Program(t.Version); ok && h != nil { // handlers are numbered: another version may mean another one
			if then := handlerOf(&program.Journey, t.Handler); then == nil || then.Kind != h.Kind || then.Event != h.Event || then.File != h.File {
				continue
			}
		}
		return t
	}
	return nil
}

// neverRan says what would have started the handler.
func (x *explaining) neverRan(journey string, h *lifecycle.Handler, s script.Sending, visit *lifecycle.Visit, say func(string, ...any)) {
	if h == nil {
		return
	}
	switch h.Kind {
	case lifecycle.OnEvent:
		times, last := x.happened(h.Event)
		switch {
		case times == 0:
			say("no %q has come", h.Event)
		case s.Stage != "":
			say("%q came %d times, last %s, but not while they were in %s and this script was live", h.Event, times, when(last), s.Stage)
		default:
			say("%q came %d times, last %s, but not while this script was live for them", h.Event, times, when(last))
		}
		x.slept(journey, time.Time{}, []string{h.Event}, say)
	case lifecycle.OnIdle:
		if visit == nil {
			return
		}
		for _, timer := range visit.Timers {
			if timer.Run.IsZero() && timer.Event == h.Event && timer.After == h.After && !timer.Fired {
				say("the silence is over on %s, if no %q comes before", when(x.life.Customer.Real(timer.Due)), h.Event)
				return
			}
		}
		say("a silence of %s without %q has never passed while they were there", lasting(h.After), h.Event)
	case lifecycle.OnEnter:
		if visit != nil && visit.Stage == s.Stage {
			say("they came into the stage before this handler was there, or were placed in it, which runs no handler")
		}
	case lifecycle.OnLeave:
		if visit != nil && visit.Stage == s.Stage {
			say("it runs when they leave %s, where they still are", s.Stage)
		}
	}
}

// wentElsewhere says why a handler that ran did not come to the line.
func (x *explaining) wentElsewhere(t *engine.Trace, s script.Sending, visit *lifecycle.Visit, say func(string, ...any)) {
	at := "at " + when(t.At) + " the handler ran"
	var taken []script.Condition
	if program, ok := x.engine.Program(t.Version); ok {
		taken = program.Conditions(t.Lines)
	}
	for _, want := range s.Inside {
		for _, was := range taken {
			if was.Place == want.Place && was.Held != nil && *was.Held != *want.Held {
				say("%s, and at %s:%d %s was %v%s", at, was.File, was.Line, was.Text, *was.Held, readAt(t.Reads, was.Place))
				return
			}
		}
	}
	switch {
	case t.Err != nil:
		say("%s and failed: %s", at, t.Err)
	case t.Ended.Waiting && x.test() && (visit == nil || runOf(visit, t.Run) == nil):
		say("%s and waited at %s:%d; how it went on cannot be told of a test person, whose days are minutes", at, t.Ended.File, t.Ended.Line)
	case t.Ended.Waiting && t.Ended.File == s.File && t.Ended.Line == s.Line && (visit == nil || runOf(visit, t.Run) == nil):
		say("%s and waited at %s:%d, which ended %s", at, t.Ended.File, t.Ended.Line, strings.TrimSuffix(x.endedBy(t), ","))
	case slices.Contains(t.Lines, s.Place):
		say("%s and came to the line, where it decided not to%s", at, readAt(t.Reads, s.Place))
	case t.Ended.Waiting && visit != nil && runOf(visit, t.Run) != nil:
		say("it waits at %s:%d until %s", t.Ended.File, t.Ended.Line, when(x.life.Customer.Real(t.Ended.Until)))
	case t.Ended.Waiting:
		say("%s and waited at %s:%d, which ended %s", at, t.Ended.File, t.Ended.Line, strings.TrimSuffix(x.endedBy(t), ","))
	case t.Ended.Move != "":
		say("%s and moved them to %s at %s:%d before it came there", at, t.Ended.Move, t.Ended.File, t.Ended.Line)
	default:
		say("%s and did not come to this line", at)
	}
}

// happened counts the events of a name.
func (x *explaining) happened(name string) (times int, last time.Time) {
	for i := range x.life.Entries {
		if e := x.life.Entries[i].Event; e != nil && e.Name == name {
			times, last = times+1, x.life.Entries[i].At
		}
	}
	return times, last
}
