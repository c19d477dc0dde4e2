package engine

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Receive takes live events: it stamps them, gives each to its partition, and returns when all that they caused is on
// disk. Every event must have been validated. If more than the limit would be in flight, none is taken and the error
// is Busy.
func (e *Engine) Receive(ctx context.Context, events []lifecycle.Event) ([]store.Result, error) {
	now := e.clock.Now()
	inputs := make([]Receive, len(events))
	for i := range events {
		event := events[i]
		if event.MessageID == "" {
			event.MessageID = uuid.NewString()
		}
		event.Received = now
		if event.Timestamp.IsZero() {
			event.Timestamp = now
		}
		identity := event.Identity()
		inputs[i] = Receive{Event: event, At: now,
			Mark: lifecycle.HashID("message", string(identity.Kind), identity.Value, event.MessageID)}
	}
	return e.take(ctx, inputs)
}

// admit counts events among those that are being worked on, which are pending until the caller takes them off, or refuses
// them as Busy. Those that come alone are let in however many they are: they would never be otherwise.
func (e *Engine) admit(n int64) error {
	if all := e.pending.Add(n); all > e.limit && all > n {
		e.pending.Add(-n)
		return lifecycle.Errorf(lifecycle.Busy, "%d events are being worked on; send this again in a moment", all-n)
	}
	return nil
}

func (e *Engine) take(ctx context.Context, inputs []Receive) ([]store.Result, error) {
	n := int64(len(inputs))
	if err := e.admit(n); err != nil {
		return nil, err
	}
	defer e.pending.Add(-n)
	for i := range inputs {
		inputs[i].Place = i
	}
	late := named(inputs)
	if late == nil {
		return e.handOut(ctx, inputs), nil
	}
	// What names only a visitor goes before what says who they are.
	results := make([]store.Result, len(inputs))
	for _, now := range []bool{false, true} {
		var part []Receive
		var at []int
		for i := range inputs {
			if late[i] == now {
				part, at = append(part, inputs[i]), append(at, i)
			}
		}
		for i, result := range e.handOut(ctx, part) {
			results[at[i]] = result
		}
	}
	return results, nil
}

// named returns which of several inputs are those of users, if one of these names a visitor of whom another one tells without
// a user ID; nil if none does.
func named(inputs []Receive) []bool {
	var visitors map[string]bool
	for i := range inputs {
		if event := &inputs[i].Event; event.UserID != "" && event.AnonymousID != "" && len(inputs) > 1 {
			if visitors == nil {
				visitors = map[string]bool{}
			}
			visitors[event.AnonymousID] = true
		}
	}
	if visitors == nil || !slices.ContainsFunc(inputs, func(in Receive) bool { return in.Event.UserID == "" && visitors[in.Event.AnonymousID] }) {
		return nil
	}
	late := make([]bool, len(inputs))
	for i := range inputs {
		late[i] = inputs[i].Event.UserID != ""
	}
	return late
}

// handOut recognises of whom inputs are, and gives each to its partition.
func (e *Engine) handOut(ctx context.Context, inputs []Receive) []store.Result {
	items, names := make([]store.Item, len(inputs)), make([]lifecycle.ID, len(inputs))
	for i := range inputs {
		names[i] = inputs[i].Event.Identity().Hash()
	}
	meetings := e.meetingsOf(ctx, inputs, names)
	e.meetings.begin(meetings)
	defer e.meetings.end(meetings)
	var begin []int // new users who may be known by other names, too
	for i := range inputs {
		in := &inputs[i]
		if e.recognise(ctx, in) {
			begin = append(begin, i)
		}
		partition := names[i].Partition()
		if !in.Target.IsZero() {
			partition = in.Target.Partition()
		}
		items[i] = store.Item{Partition: partition, Input: *in}
	}
	results := e.store.DoAll(ctx, items)
	for _, i := range begin {
		if results[i].Err == nil {
			e.introduce(ctx, &inputs[i])
		}
	}
	return results
}

// partition is the one that takes the input first.
func (in *Receive) partition() int {
	if !in.Target.IsZero() {
		return in.Target.Partition()
	}
	return in.Event.Identity().Hash().Partition()
}
