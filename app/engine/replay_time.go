package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// journeysUntil publishes and switches what was until a moment.
func (r *Reliving) journeysUntil(ctx context.Context, until time.Time) error {
	for len(r.journeys) > 0 && !r.journeys[0].At.After(until) {
		next := r.journeys[0]
		if err := r.scoresUntil(ctx, next.At); err != nil {
			return err
		}
		if err := r.fireUntil(ctx, next.At.Add(-1)); err != nil { // what was due before fired before
			return err
		}
		r.journeys = r.journeys[1:]
		r.clock.Set(next.At)
		before, known := r.known[next.Journey]
		r.known[next.Journey] = next
		if before.Version != next.Version {
			source, err := r.source(next.Version)
			if err != nil {
				return err
			}
			if err = r.engine.Publish(ctx, Publish{Source: source, Mode: next.Mode, Drain: next.Drained}); err != nil {
				return err
			}
		}
		if known && before.Mode != next.Mode {
			if err := r.engine.SetMode(ctx, SetMode{Journey: next.Journey, Mode: next.Mode}); err != nil {
				return err
			}
		}
		if err := r.hear(ctx); err != nil {
			return err
		}
	}
	return r.scoresUntil(ctx, until)
}

// scoresUntil publishes what was declared of scores until a moment.
func (r *Reliving) scoresUntil(ctx context.Context, until time.Time) error {
	for len(r.scores) > 0 && !r.scores[0].At.After(until) {
		next := r.scores[0]
		if err := r.segmentsUntil(ctx, next.At); err != nil {
			return err
		}
		if err := r.fireUntil(ctx, next.At.Add(-1)); err != nil {
			return err
		}
		r.scores = r.scores[1:]
		r.clock.Set(next.At)
		if err := r.engine.PublishScores(ctx, next.Rules); err != nil {
			return err
		}
		if err := r.hear(ctx); err != nil {
			return err
		}
	}
	return r.segmentsUntil(ctx, until)
}

// hear lets the customer hear of what was published now. Timers that have waited go on waiting if something else is published
// before they fire.
func (r *Reliving) hear(ctx context.Context) error {
	now := r.clock.Now()
	if !slices.ContainsFunc(r.life.pauses(r.id), func(p pause) bool { return p.has(now) }) {
		return r.engine.Chores(ctx, r.id.Partition())
	}
	for _, chore := range []func(context.Context, int, time.Time) (bool, error){r.engine.resyncJourneys, r.engine.workScores} {
		for busy := true; busy; {
			var err error
			if busy, err = chore(ctx, r.id.Partition(), now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Reliving) do(ctx context.Context, partition int, input any) error {
	if _, err := r.engine.store.Do(ctx, partition, input); err != nil {
		return err
	}
	return r.settle(ctx, partition)
}

// fire brings the world to a moment, with all that is due by then.
func (r *Reliving) fire(ctx context.Context, at time.Time) error {
	if err := r.journeysUntil(ctx, at); err != nil {
		return err
	}
	if err := r.fireUntil(ctx, at); err != nil {
		return err
	}
	r.clock.Set(at)
	return nil
}

// fireUntil fires what is due in the journeys as they are, each timer at its time.
func (r *Reliving) fireUntil(ctx context.Context, at time.Time) error {
	for {
		var next *lifecycle.Customer
		for _, id := range r.ids {
			c, err := r.engine.Record(ctx, id)
			switch {
			case lifecycle.CodeOf(err) == lifecycle.NotFound:
			case err != nil:
				return err
			case c.Import == "" && !c.Due.IsZero() && !firesAt(r.life.pauses(c.ID), c.Due).After(at) && (next == nil || c.Due.Before(next.Due)):
				next = c
			}
		}
		if next == nil {
			return nil
		}
		due := firesAt(r.life.pauses(next.ID), next.Due)
		r.clock.Set(due)
		if err := r.do(ctx, next.ID.Partition(), fire{next.ID, due}); err != nil {
			return err
		}
	}
}

// openImport opens an import with which a line came at a moment, unless it is open. One source may be imported from again and
// again: an earlier run ends first.
func (r *Reliving) openImport(ctx context.Context, source string, at time.Time) error {
	if record, is := r.open[source]; is {
		if r.runAt(record.Source, at).Began.Equal(record.Began) {
			return nil
		}
		if err := r.closeImport(ctx, record); err != nil {
			return err
		}
	}
	r.open[source] = r.runAt(source, at)
	return r.engine.OpenImport(ctx, source, true)
}

// runAt returns an import as it was in the run that went on at a moment.
func (r *Reliving) runAt(source string, at time.Time) (record importRecord) {
	for _, record = range r.life.imports {
		if record.Source == source {
			break
		}
	}
	if record.Began.After(at) {
		for _, run := range slices.Backward(record.Former) {
			record.State, record.Began, record.At, record.Abort, record.Done = ImportClosed, run.Began, run.End, run.Abort, run.Done
			if !run.Began.After(at) {
				break
			}
		}
	}
	return record
}

// closeFor closes the imports that had been closed when a line of history came. One that was still closing is closed if it had let
// the line's customer go already: only then did the line come late that else would not have.
func (r *Reliving) closeFor(ctx context.Context, entry *LifeEntry, in *Receive) error {
	for _, record := range r.inOrder() {
		if record.State != ImportClosed || record.At.After(entry.Event.Received) {
			continue
		}
		if record.done().After(entry.Event.Received) {
			if gone, err := r.letGo(ctx, record.Source, entry, in); err != nil || !gone {
				return err
			}
		}
		if err := r.closeImport(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// letGo reports whether nobody was held by an import any more when a line came.
func (r *Reliving) letGo(ctx context.Context, source string, entry *LifeEntry, in *Receive) (bool, error) {
	late := slices.ContainsFunc(entry.Facts, func(f lifecycle.Fact) bool { return f.Kind == lifecycle.FactLate })
	for _, id := range r.ids {
		c, err := r.engine.Record(ctx, id)
		switch {
		case lifecycle.CodeOf(err) == lifecycle.NotFound:
		case err != nil:
			return false, err
		case c.Import == source && (id != r.whose(entry) || !late || in.At.Before(c.Clock)):
			return false, nil
		}
	}
	return true, nil
}

// closeUntil closes the imports whose closing had begun until a moment, in that order.
func (r *Reliving) closeUntil(ctx context.Context, at time.Time) error {
	for _, record := range r.inOrder() {
		if record.State == ImportClosed && !record.At.After(at) {
			if err := r.closeImport(ctx, record); err != nil {
				return err
			}
		}
	}
	return nil
}

// inOrder returns the imports that are open, in the order in which their closing began.
func (r *Reliving) inOrder() []importRecord {
	return slices.SortedFunc(maps.Values(r.open), func(a, b importRecord) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source))
	})
}

func (r *Reliving) closeImport(ctx context.Context, record importRecord) error {
	delete(r.open, record.Source)
	if record.State == ImportOpen {
		return nil
	}
	if err := r.journeysUntil(ctx, record.At); err != nil {
		return err
	}
	if _, err := r.engine.CloseImport(ctx, record.Source, record.At, record.Abort, time.Minute); err != nil {
		return err
	}
	return r.missing(ctx, false)
}
