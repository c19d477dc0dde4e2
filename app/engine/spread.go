package engine

import (
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// spread is how far a journey has come. One that has been off ever since it was published is kept in the first partition
// alone: nobody can be in it, and nothing of it runs.
type spread int

const (
	all       spread = iota // every partition has it
	firstOnly               // the others do not know of it
	spreading               // they are being told, or that was broken off
)

// Publish publishes one version; see PublishAll.
func (e *Engine) Publish(ctx context.Context, in Publish) error {
	return e.PublishAll(ctx, []Publish{in})[0]
}

// PublishAll gives versions, each of another journey, to the partitions; the errors stand in the order of the versions.
// Publishing again what is known repairs what an earlier call, broken off in the middle, left different among the
// partitions.
func (e *Engine) PublishAll(ctx context.Context, list []Publish) []error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	errs := make([]error, len(list))
	states, err := e.States(ctx)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	inputs := make([]any, len(list))
	for i, in := range list {
		in.at = e.clock.Now()
		if in.Mode == lifecycle.Off {
			in.spread = firstOnly
		}
		for _, state := range states {
			if state.Name != in.Source.Name {
				continue
			}
			in.Mode, in.align, in.spread = state.Mode, true, all
			if state.Spread == firstOnly {
				in.spread = firstOnly
			}
		}
		inputs[i], errs[i] = e.prepare(in)
	}
	e.give(ctx, inputs, errs)
	return errs
}

// prepare compiles a version, if nobody has, and works out what of it is stored.
func (e *Engine) prepare(in Publish) (Publish, error) {
	program := in.Program
	if program == nil {
		var err error
		if program, err = e.host.Compile(in.Source); err != nil {
			return in, err
		}
	}
	version := e.remember(program).Journey.Version
	in.Program, in.ready = nil, newRelease(in.Source, version)
	return in, nil
}

// SetMode sets a journey's mode in every partition. A journey that only the first partition has comes to the others
// when it is not off any more.
func (e *Engine) SetMode(ctx context.Context, in SetMode) error {
	e.publishing.Lock()
	defer e.publishing.Unlock()
	states, err := e.States(ctx)
	if err != nil {
		return err
	}
	in.at = e.clock.Now()
	at := slices.IndexFunc(states, func(s JourneyState) bool { return s.Name == in.Journey })
	if at < 0 || states[at].Spread == all {
		return e.everywhere(ctx, in)
	}
	state := states[at]
	if state.Spread == firstOnly && in.Mode == state.Mode {
		return nil
	}
	source, err := e.SourceOf(ctx, state.Version)
	if err != nil {
		return err
	}
	whole, err := e.prepare(Publish{Source: source, Mode: in.Mode, at: in.at, align: true})
	if err != nil {
		return err
	}
	// The first partition says it before the others hear of it, so that a change that breaks off is repaired.
	begin := whole
	begin.Mode, begin.spread = state.Mode, spreading
	if _, err = e.store.Do(ctx, 0, begin); err != nil {
		return err
	}
	return e.everywhere(ctx, whole)
}

// give gives inputs to the partitions that are to have them, but none that has an error already. The first partition is
// told last: States reads that one, so what it says has come to all of them. It is told nothing if the store is not well.
func (e *Engine) give(ctx context.Context, inputs []any, errs []error) {
	for _, partitions := range [][]int{others(), {0}} {
		var items []store.Item
		var of []int // which input each is
		for i, input := range inputs {
			publish, ok := input.(Publish)
			for _, p := range partitions {
				if errs[i] == nil && (p == 0 || !ok || publish.spread == all) {
					items, of = append(items, store.Item{Partition: p, Input: input}), append(of, i)
				}
			}
		}
		var unwell error
		for k, result := range e.store.DoAll(ctx, items) {
			if i := of[k]; errs[i] == nil {
				errs[i] = result.Err
			}
			if code := lifecycle.CodeOf(result.Err); result.Err != nil && (code == lifecycle.Unavailable || code == lifecycle.Full) {
				unwell = result.Err
			}
		}
		for i := range errs {
			if errs[i] == nil {
				errs[i] = unwell
			}
		}
	}
}

// everywhere gives one input to every partition, to the first one last.
func (e *Engine) everywhere(ctx context.Context, input any) error {
	errs := make([]error, 1)
	e.give(ctx, []any{input}, errs)
	return errs[0]
}

// others returns all partitions but the first.
func others() []int {
	list := make([]int, lifecycle.Partitions-1)
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// States returns the journeys as the first partition has them.
func (e *Engine) States(ctx context.Context) ([]JourneyState, error) {
	answer, err := e.store.Ask(ctx, 0, Journeys{})
	if err != nil {
		return nil, err
	}
	return answer.([]JourneyState), nil
}
