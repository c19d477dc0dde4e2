package engine

import (
	"bytes"
	"context"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// drain ends the runs of versions that are drained. Nobody's old run goes on after the commit that drains them, also
// before resync has come to the customer.
func (s *session) drain() {
	draining := s.engine.parts[s.tx.Partition()].draining
	if draining == nil {
		return
	}
	for v := range s.customer.Visits {
		visit := &s.customer.Visits[v]
		keep, ok := draining[visit.Journey]
		for i := len(visit.Runs) - 1; ok && i >= 0; i-- {
			if ref := &visit.Runs[i]; !slices.Contains(keep, ref.Version) {
				s.endRun(visit, ref.ID, "its version was drained")
			}
		}
	}
}

// resync is the input "let the next customers learn of a journey's change": their runs, their silences and their place
// in the due index may differ now.
type resync struct{ Limit int }

func (e *Engine) resync(tx store.Tx, in resync) (more bool, err error) {
	states, err := e.journeyStates(tx)
	if err != nil {
		return false, err
	}
	// One walk serves all journeys that changed; it starts at the lowest cursor.
	var cursor lifecycle.ID
	pending := false
	for _, state := range states {
		if state.Resync && (!pending || bytes.Compare(state.Cursor[:], cursor[:]) < 0) {
			cursor, pending = state.Cursor, true
		}
	}
	if !pending {
		return false, nil
	}
	var customers []lifecycle.ID
	next, size := lifecycle.ID{}, 0
	tx.Scan(customerKey(cursor), []byte{'c' + 1}, func(key, value []byte) bool {
		if more = len(customers) >= in.Limit || size >= maxWritten; more {
			next = lifecycle.ID(key[1:])
			return false
		}
		customers = append(customers, lifecycle.ID(key[1:]))
		size += len(value) + costOfKey
		return true
	})
	for _, id := range customers {
		s, err := e.open(tx, id)
		if err != nil {
			return false, err
		}
		if facts := s.decision.Facts[s.followed:]; len(facts) > 0 {
			s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: facts})
		}
		if err = s.save(); err != nil {
			return false, err
		}
	}
	for i := range states {
		if !states[i].Resync {
			continue
		}
		if states[i].Resync, states[i].Cursor = more, next; !more {
			states[i].Keep = nil // everyone has been looked at
		}
	}
	tx.Set(journeysKey(), store.Encode(states))
	return more, nil
}

func (e *Engine) resyncJourneys(ctx context.Context, p int, _ time.Time) (bool, error) {
	answer, err := e.store.Ask(ctx, p, Journeys{})
	if err != nil {
		return false, err
	}
	for _, state := range answer.([]JourneyState) {
		if state.Resync {
			more, err := e.store.Do(ctx, p, resync{200})
			return err == nil && more.(bool), err
		}
	}
	return false, nil
}
