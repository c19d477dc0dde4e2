package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Bounds of an answer.
const (
	maxDecisions = 50
	maxReceived  = 5 // messages of one name that are explained
)

// Why answers why a customer is where they are, or why they did or did not get a message.
type Why struct {
	Customer  string        `json:"customer"`
	User      string        `json:"user"`
	At        time.Time     `json:"at"`
	Message   string        `json:"message,omitempty"`
	Answer    []string      `json:"answer"` // in sentences
	Journeys  []WhyJourney  `json:"journeys"`
	Decisions []WhyDecision `json:"decisions"` // newest first; of a message those that decided it
	Missed    []WhyMissed   `json:"missed"`    // of a message: the places that send it and did not, or not again
	Exact     bool          `json:"exact"`     // living the events again led to the stored state: what is told of scripts is what they did
	Notes     []string      `json:"notes"`
}

// WhyJourney is where the customer stands in one journey, and how they came there.
type WhyJourney struct {
	Journey string         `json:"journey"`
	Mode    lifecycle.Mode `json:"mode"`
	Stage   string         `json:"stage"` // "": in none
	Since   time.Time      `json:"since,omitzero"`
	Because string         `json:"because"`
	Waits   []string       `json:"waits"` // what may happen by itself, in words
}

// WhyDecision is what one event, timer or person caused.
type WhyDecision struct {
	At      time.Time   `json:"at"`
	Cause   string      `json:"cause"`
	Effects []string    `json:"effects"`
	Scripts []WhyScript `json:"scripts"`
	Gates   []WhyGate   `json:"gates,omitempty"` // of a message: what it met on its way out
	Ref     string      `json:"ref,omitempty"`   // of a message, for the ledger
}

// WhyScript is one call of a handler.
type WhyScript struct {
	Journey    string             `json:"journey"`
	Stage      string             `json:"stage"`
	Version    string             `json:"version"`
	Handler    string             `json:"handler"` // as it is registered: on "Order Completed"
	File       string             `json:"file"`
	Line       int                `json:"line"`
	Resumed    bool               `json:"resumed,omitempty"`
	Lines      []script.Place     `json:"lines"` // taken
	Reads      []script.Looked    `json:"reads"`
	Conditions []script.Condition `json:"conditions"`
	Ended      string             `json:"ended"`
}

// WhyGate is one thing that happened to a message on its way.
type WhyGate struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// WhyMissed is a place that sends the message, and why it did not for this customer.
type WhyMissed struct {
	script.Place
	Journey string   `json:"journey"`
	Stage   string   `json:"stage,omitempty"` // "": journey.lua
	Handler string   `json:"handler"`
	Reasons []string `json:"reasons"` // what would have to be otherwise
}

// Why explains a customer, or one message: its name, its reference in the ledger, or its ID. "": all that was decided.
func (l *Lives) Why(ctx context.Context, id lifecycle.ID, message string) (any, error) {
	r, err := l.relive(ctx, id)
	if err != nil {
		return nil, err
	}
	c := r.life.Customer
	compared := r.compared()
	w := &Why{Customer: c.ID.String(), User: nameOf(c), At: l.clock.Now(), Answer: []string{}, Journeys: []WhyJourney{}, Decisions: []WhyDecision{},
		Missed: []WhyMissed{}, Exact: compared.Equal, Notes: compared.Notes}
	switch {
	case w.Exact:
	case r.test():
		w.Notes = append(w.Notes, "the events were lived again by days, not by minutes: what is told of scripts may differ from what they did; of messages the ledger tells")
	case compared.Incomplete:
		w.Notes = append(w.Notes, "the events were lived again without the beginning: what is told of scripts may differ from what they did")
	default:
		w.Notes = append(w.Notes, "living the events again did not lead to all that is stored: what is told of scripts may differ from what they did; "+
			"stagecraft replay "+w.User+" names the differences")
	}
	x := &explaining{Lives: l, relived: r, why: w}
	x.journeys()
	if message == "" {
		for i := len(r.life.Entries) - 1; i >= 0 && len(w.Decisions) < maxDecisions; i-- {
			if d := x.decision(&r.life.Entries[i].TimelineEntry); d != nil {
				w.Decisions = append(w.Decisions, *d)
			}
		}
		for _, j := range w.Journeys {
			w.Answer = append(w.Answer, j.words())
		}
		if len(w.Answer) == 0 {
			w.Answer = append(w.Answer, w.User+" has never been in a journey.")
		}
		return w, nil
	}
	return w, x.message(ctx, message)
}

// explaining is one answer in the making.
type explaining struct {
	*Lives
	*relived
	why *Why
}

// journeys tells where the customer stands.
func (x *explaining) journeys() {
	c := x.life.Customer
	for _, state := range x.life.Now {
		visit := c.Visit(state.Name)
		if visit == nil {
			continue
		}
		j := WhyJourney{Journey: state.Name, Mode: state.Mode, Stage: visit.Stage, Because: x.cameBy(state.Name), Waits: []string{}}
		if visit.Stage != "" {
			j.Since = c.Real(visit.Entered).UTC()
		}
		for _, timer := range visit.Timers {
			due := when(c.Real(timer.Due))
			switch run := runOf(visit, timer.Run); {
			case timer.Fired:
			case run == nil && timer.Run.IsZero():
				j.Waits = append(j.Waits, fmt.Sprintf("if no %q comes before %s, its silence of %s is over", timer.Event, due, lasting(timer.After)))
			case run == nil:
			case run.Event != "":
				j.Waits = append(j.Waits, fmt.Sprintf("%s:%d waits for %q, until %s", run.File, run.Line, run.Event, due))
			case !run.Message.IsZero():
				j.Waits = append(j.Waits, fmt.Sprintf("%s:%d waits for what becomes of a message, until %s", run.File, run.Line, due))
			default:
				j.Waits = append(j.Waits, fmt.Sprintf("%s:%d waits until %s", run.File, run.Line, due))
			}
		}
		x.why.Journeys = append(x.why.Journeys, j)
	}
}

func runOf(visit *lifecycle.Visit, id lifecycle.ID) *lifecycle.RunRef {
	for i := range visit.Runs {
		if visit.Runs[i].ID == id && !id.IsZero() {
			return &visit.Runs[i]
		}
	}
	return nil
}

// cameBy tells what brought the customer where they are in a journey.
func (x *explaining) cameBy(journey string) string {
	for i := len(x.life.Entries) - 1; i >= 0; i-- {
		entry := &x.life.Entries[i]
		for k := len(entry.Facts) - 1; k >= 0; k-- {
			f := entry.Facts[k]
			if f.Journey != journey {
				continue
			}
			switch f.Kind {
			case lifecycle.FactMoved, lifecycle.FactExited, lifecycle.FactPlaced:
				return script.TellFact(f) + by(f) + " at " + causeOf(&entry.TimelineEntry)
			case lifecycle.FactEntered:
				if f.From == "" {
					return "entered " + f.To + by(f) + " at " + causeOf(&entry.TimelineEntry)
				}
			}
		}
	}
	if gone := x.life.Gone; !gone.IsZero() {
		return "the timeline does not say: what happened before " + when(gone) + " is not kept"
	}
	return "the timeline does not say"
}

// by names who asked for something that no script did, and why where the fact's own words do not say it. Only who changes
// stages can be somebody's wish: what other facts name is what they are about.
func by(f lifecycle.Fact) string {
	switch f.Kind {
	case lifecycle.FactEntered, lifecycle.FactMoved, lifecycle.FactExited, lifecycle.FactPlaced, lifecycle.FactRefused:
	default:
		return ""
	}
	switch {
	case ofItself(f) && f.Reason != "":
		return ": " + f.Reason + ","
	case f.File != "" || f.Name == "":
		return ""
	case f.Reason != "" && f.Kind != lifecycle.FactRefused:
		return ", asked for by " + f.Name + ": " + f.Reason + ","
	}
	return ", asked for by " + f.Name + ","
}

func causeOf(entry *engine.TimelineEntry) string {
	switch e := entry.Event; {
	case e == nil && slices.ContainsFunc(entry.Facts, published):
		return "the publication of the journey"
	case e == nil && slices.ContainsFunc(entry.Facts, ofItself):
		return "becoming one with another customer"
	case e == nil && slices.ContainsFunc(entry.Facts, func(f lifecycle.Fact) bool { return by(f) != "" || f.Kind == lifecycle.FactTest }):
		return "somebody's request"
	case e == nil:
		return "a timer"
	case e.Name != "":
		return strconv.Quote(e.Name)
	default:
		return "an " + string(e.Type) + " call"
	}
}

func (j *WhyJourney) words() string {
	if j.Stage == "" {
		return fmt.Sprintf("Of %s they are in no stage: %s.", j.Journey, j.Because)
	}
	text := fmt.Sprintf("In %s they are in %s since %s: %s.", j.Journey, j.Stage, when(j.Since), j.Because)
	if j.Mode != lifecycle.Live {
		text += fmt.Sprintf(" The journey is %s.", j.Mode)
	}
	return text
}

// decision tells what an entry caused; nil if that is nothing.
func (x *explaining) decision(entry *engine.TimelineEntry) *WhyDecision {
	d := &WhyDecision{At: entry.At.UTC(), Cause: causeOf(entry), Effects: []string{}, Scripts: []WhyScript{}}
	for _, f := range entry.Facts {
		if text := script.TellFact(f); text != "" && f.Kind != lifecycle.FactEntered || f.Kind == lifecycle.FactEntered && f.From == "" {
			if f.Kind == lifecycle.FactMessage {
				text = x.messageWords(f)
			}
			d.Effects = append(d.Effects, text+strings.TrimSuffix(by(f), ","))
		}
	}
	for _, t := range x.traces {
		if x.belongs(t, entry) {
			d.Scripts = append(d.Scripts, x.script(t))
		}
	}
	if len(d.Effects)+len(d.Scripts) == 0 {
		return nil
	}
	return d
}

// belongs reports whether a call happened at an entry.
func (x *explaining) belongs(t *engine.Trace, entry *engine.TimelineEntry) bool {
	cause := t.Woken
	if cause == nil && !t.Resumed {
		cause = t.Event
	}
	if entry.Event == nil || cause == nil {
		return cause == nil && entry.Event == nil && t.At.Equal(entry.At) && slices.ContainsFunc(entry.Facts, func(f lifecycle.Fact) bool { return f.Journey == t.Journey })
	}
	return cause.MessageID == entry.Event.MessageID && cause.Name == entry.Event.Name && t.At.Equal(entry.At)
}

func (x *explaining) messageWords(f lifecycle.Fact) string {
	if m, known := x.messages[f.Message]; known && !f.Message.IsZero() {
		text := fmt.Sprintf("message %s by %s: %s", m.Name, m.Channel, m.State)
		if m.Reason != "" {
			text += ", " + m.Reason
		}
		if f.File != "" {
			text += fmt.Sprintf(" (%s:%d)", f.File, f.Line)
		}
		return text
	}
	return script.TellFact(f)
}

// script tells of one call.
func (x *explaining) script(t *engine.Trace) WhyScript {
	s := WhyScript{Journey: t.Journey, Stage: t.Stage, Version: t.Version, Handler: t.Handler, Resumed: t.Resumed,
		Lines: slices.Clone(t.Lines), Reads: slices.Clone(t.Reads), Conditions: []script.Condition{}}
	if s.Lines == nil {
		s.Lines = []script.Place{}
	}
	if s.Reads == nil {
		s.Reads = []script.Looked{}
	}
	if program, ok := x.engine.Program(t.Version); ok {
		if h := handlerOf(&program.Journey, t.Handler); h != nil {
			s.Handler, s.File, s.Line = handlerWords(h), h.File, h.Line
		}
		for _, c := range program.Conditions(t.Lines) {
			if !t.Ended.Waiting || c.File != t.Ended.File || c.Line != t.Ended.Line { // else nobody knows yet
				s.Conditions = append(s.Conditions, c)
			}
		}
	}
	switch {
	case t.Err != nil:
		s.Ended = "failed: " + t.Err.Error()
	case t.Ended.Waiting && t.Ended.For != nil && t.Ended.For.Event != "":
		s.Ended = fmt.Sprintf("waits for %q at %s:%d, until %s", t.Ended.For.Event, t.Ended.File, t.Ended.Line, when(x.life.Customer.Real(t.Ended.Until)))
	case t.Ended.Waiting:
		s.Ended = fmt.Sprintf("waits at %s:%d until %s", t.Ended.File, t.Ended.Line, when(x.life.Customer.Real(t.Ended.Until)))
	case t.Ended.Move != "":
		s.Ended = fmt.Sprintf("moves to %s at %s:%d", t.Ended.Move, t.Ended.File, t.Ended.Line)
	case t.Ended.Reached:
		s.Ended = "says that the goal is reached"
	default:
		s.Ended = "ends"
	}
	return s
}

func handlerOf(j *lifecycle.Journey, id string) *lifecycle.Handler {
	for i := range j.Handlers {
		if j.Handlers[i].ID == id {
			return &j.Handlers[i]
		}
	}
	for s := range j.Stages {
		for i := range j.Stages[s].Handlers {
			if h := &j.Stages[s].Handlers[i]; h.ID == id {
				return h
			}
		}
	}
	return nil
}

func handlerWords(h *lifecycle.Handler) string {
	switch h.Kind {
	case lifecycle.OnEvent:
		return fmt.Sprintf("on %q", h.Event)
	case lifecycle.OnIdle:
		return fmt.Sprintf("idle %q, %s", h.Event, lasting(h.After))
	}
	return string(h.Kind)
}
