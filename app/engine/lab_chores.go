package engine

import "context"

// Chores does what the owner of a partition does by itself, as of the clock's present, until nothing is left to do: what it
// has left for others, timers, and what a change of the journeys or scores still has to reach. It is for stores without
// owners.
func (e *Engine) Chores(ctx context.Context, partition int) error {
	for busy := true; busy; {
		var err error
		if busy, err = e.ownOnce(ctx, partition, e.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}
