package delivery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Most messages are decided, handed over once and accepted, and that much stands in their records. What else happens to
// one is written down as steps, so that its whole life can be told:
//
//	y message -> steps, oldest first
const maxSteps = 64 // the first half and the newest half are kept

// StepKind names what happened to a message.
type StepKind string

const (
	StepDecided   StepKind = "decided"   // a script decided to send it, by Channel: Reason says why by none that is preferred to it
	StepQueued    StepKind = "queued"    // it waits until it is due
	StepDeferred  StepKind = "deferred"  // policy lets it wait until Until, for a reason
	StepPaused    StepKind = "paused"    // an operator, or its journey's mode, keeps it from leaving
	StepResumed   StepKind = "resumed"   // what kept it from leaving was taken back
	StepPolicy    StepKind = "policy"    // every gate let it pass
	StepAttempt   StepKind = "attempt"   // it was handed to the connector
	StepTemporary StepKind = "temporary" // the attempt failed for the time being; the next one is at Until
	StepInDoubt   StepKind = "in doubt"  // the attempt has no known result: Reason; with Until there is another one
	StepOrdered   StepKind = "ordered"   // an operator has it sent anyway, which was held: Reason says who
	StepAnswer    StepKind = "answer"    // the other side's answer to the attempt, where the connector tells: Reply
	StepReplayed  StepKind = "replayed"  // an operator has it sent once more: Reason says who; Attempt is how often it was tried before
	StepSettled   StepKind = "settled"   // nothing more becomes of it: State, Reason
	StepFallback  StepKind = "fallback"  // another channel was tried instead: Ref is that message
	StepInstead   StepKind = "instead"   // it is sent instead of Ref, which failed by another channel
	StepEvent     StepKind = "event"     // something came back of it: Name is the customer's event
)

// Step is one thing that happened to a message. Which fields are set depends on the kind.
type Step struct {
	Kind    StepKind               `json:"kind" msgpack:"k"`
	At      time.Time              `json:"at" msgpack:"a"`
	Reason  string                 `json:"reason,omitempty" msgpack:"r,omitempty"`
	Until   time.Time              `json:"until,omitzero" msgpack:"u,omitempty"`
	Attempt int                    `json:"attempt,omitempty" msgpack:"n,omitempty"`
	State   lifecycle.MessageState `json:"state,omitempty" msgpack:"s,omitempty"`
	Ref     string                 `json:"ref,omitempty" msgpack:"f,omitempty"`
	Channel string                 `json:"channel,omitempty" msgpack:"h,omitempty"`
	Name    string                 `json:"name,omitempty" msgpack:"e,omitempty"`
	Reply   *lifecycle.Reply       `json:"reply,omitempty" msgpack:"y,omitempty"` // of a temporary failure or an answer
	File    string                 `json:"file,omitempty" msgpack:"-"`
	Line    int                    `json:"line,omitempty" msgpack:"-"`
	Version string                 `json:"version,omitempty" msgpack:"-"`
	To      string                 `json:"to,omitempty" msgpack:"-"`
	Machine bool                   `json:"machine,omitempty" msgpack:"-"` // of an event: a program did it, not the customer
}

func stepsKey(id lifecycle.ID) []byte { return append([]byte{'y'}, id[:]...) }

func stepsOf(tx store.Reader, id lifecycle.ID) []Step {
	var steps []Step
	if key := stepsKey(id); tx.Has(key) {
		_ = store.Decode(tx.Get(key), &steps) // what cannot be read is not told
	}
	return steps
}

// step writes down what happened to a message beside what its records say.
func step(tx store.Tx, id lifecycle.ID, more ...Step) {
	steps := append(stepsOf(tx, id), more...)
	for len(steps) > maxSteps {
		// The last replay is kept: attempts are counted from it.
		drop := maxSteps / 2
		if steps[drop].Kind == StepReplayed && !slices.ContainsFunc(steps[drop+1:], func(s Step) bool { return s.Kind == StepReplayed }) {
			drop++
		}
		steps = slices.Delete(steps, drop, drop+1)
	}
	tx.Set(stepsKey(id), store.Encode(steps))
}

// hasStep reports whether there is a step of a kind about an attempt.
func hasStep(steps []Step, kind StepKind, attempt int) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Kind == kind && s.Attempt == attempt })
}

// oneLife asks for a message and all that happened to it, as far as the outbox knows.
type oneLife struct{ Ref string }

// Life is a message with its bytes and what happened to it, oldest first.
type Life struct {
	FullMessage
	Steps []Step
	Kept  bool // its connector keeps it, and can still take it back
}

// LifeOf returns a message with its life; NotFound if there is none.
func (d *Delivery) LifeOf(ctx context.Context, ref string) (Life, error) {
	partition, err := RefPartition(ref)
	if err != nil {
		return Life{}, err
	}
	answer, err := d.store.Ask(ctx, partition, oneLife{ref})
	if err != nil {
		return Life{}, err
	}
	return answer.(Life), nil
}

func (d *Delivery) oneLife(tx store.Reader, q oneLife) (Life, error) {
	full, err := d.oneMessage(tx, OneMessage(q))
	if err != nil {
		return Life{}, err
	}
	_, at, id, _ := parseRef(q.Ref)
	first := &decided{}
	if err = store.Decode(tx.Get(messageKey(at, id)), first); err != nil {
		return Life{}, lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
	}
	m := &full.Message
	steps := []Step{{Kind: StepDecided, At: m.Decided, File: m.File, Line: m.Line, Version: m.Version, Channel: m.Channel, Reason: m.Chosen()}}
	if queued := first.Attempt != nil || first.State == lifecycle.Queued; queued {
		q := Step{Kind: StepQueued, At: m.Decided, Reason: first.Reason, Until: first.Due}
		if first.Reason != "" && first.Due.After(first.Decided) {
			q.Reason, q.Until = "", time.Time{}
			steps = append(steps, q, Step{Kind: StepDeferred, At: m.Decided, Reason: first.Reason, Until: first.Due})
		} else {
			steps = append(steps, q)
		}
	}
	kept := stepsOf(tx, id)
	last, err := lastAttempt(tx, &decided{Message: *m, Attempt: first.Attempt})
	if err != nil {
		return Life{}, err
	}
	if last != nil {
		shown := d.shown(tx, m, last.Rendered)
		full.Rendered = &shown
	}
	// What was only rendered, or taken back, was not made.
	if last != nil && last.Number > 0 && !hasStep(kept, StepAttempt, last.Number) {
		kept = append(kept, Step{Kind: StepAttempt, At: last.At, Attempt: last.Number})
	}
	var tried time.Time // first
	for i := range kept {
		if s := &kept[i]; s.Kind == StepAttempt {
			s.To = last.Rendered.To // all attempts are to one address
			if tried.IsZero() || s.At.Before(tried) {
				tried = s.At
			}
		}
	}
	if !tried.IsZero() {
		steps = append(steps, Step{Kind: StepPolicy, At: tried})
	}
	steps = append(steps, kept...)
	steps = append(steps, readControls(tx).pausesOf(m, steps)...)
	if !m.Settled.IsZero() {
		steps = append(steps, Step{Kind: StepSettled, At: m.Settled, State: m.State, Reason: m.Reason})
	}
	SortSteps(steps)
	return Life{full, steps, isKept(tx, m)}, nil
}

// SortSteps puts the oldest first; of what happened at one moment, in the order in which it can only have happened.
func SortSteps(steps []Step) {
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind.rank(), b.Kind.rank()))
	})
}

func (k StepKind) rank() int {
	return slices.Index([]StepKind{StepDecided, StepInstead, StepQueued, StepPolicy, StepAttempt, StepInDoubt, StepAnswer, StepSettled, StepFallback, StepEvent}, k.among())
}

// among takes together the kinds of which any may come before the other.
func (k StepKind) among() StepKind {
	switch k {
	case StepDeferred, StepPaused, StepResumed, StepReplayed, StepOrdered:
		return StepQueued
	case StepTemporary:
		return StepInDoubt
	case StepWithdrawing, StepReleased, StepTooLate:
		return StepEvent
	}
	return k
}
