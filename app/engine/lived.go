package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of what is looked through of one customer's timeline.
const (
	maxLived   = 200_000 // entries, for a page of it
	maxHistory = 20_000  // entries, for the stages
	maxChanges = 500     // of stages
)

// LivedPlace is a place in a customer's timeline: the entry's time and number. The zero value is the end of it, where the
// newest are.
type LivedPlace struct {
	At  time.Time
	Seq uint64
}

// livedBefore asks for the entries of a customer's timeline that are older than a place.
type livedBefore struct {
	Customer lifecycle.ID
	Place    LivedPlace
	Limit    int
}

// LivedPage is a part of a customer's timeline, newest first.
type LivedPage struct {
	Entries []LifeEntry
	More    bool         // there are older ones
	gone    lifecycle.ID // where the customer is now
}

// placedEntry is a timeline entry of which everything but the event was read.
type placedEntry struct {
	TimelineEntry
	seq  uint64
	data []byte
}

// ReadRecord reads the beginning of what TimelineEntry.AppendRecord appended.
func (p *placedEntry) ReadRecord(data []byte) error {
	r := lifecycle.NewRecordReader(data)
	r.Version("a timeline entry", entryRecord)
	p.TimelineEntry = TimelineEntry{At: r.Time(), From: r.OptionalID(), Facts: lifecycle.ReadFacts(&r)}
	return r.Err()
}

// livedBefore reads a page. What came with merged customers stands in the timeline where the merge does, and history that came
// late where it was written down: they are put in their places by time. All else stands in order already.
func (e *Engine) livedBefore(tx store.Reader, q livedBefore) (page LivedPage, failed error) {
	id, here := e.follow(tx, q.Customer)
	if !here {
		return LivedPage{gone: id}, nil
	}
	if !tx.Has(customerKey(id)) {
		return page, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	var found []placedEntry
	own, looked := 0, 0
	prefix := timelinePrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		one := placedEntry{seq: ^binary.BigEndian.Uint64(key[len(prefix):])}
		if failed = store.Decode(value, &one); failed != nil {
			return false
		}
		looked++
		if q.Place.At.IsZero() || cmp.Or(one.At.Compare(q.Place.At), cmp.Compare(one.seq, q.Place.Seq)) < 0 {
			one.data = bytes.Clone(value)
			found = append(found, one)
			if one.From.IsZero() && !one.late() {
				own++
			}
		}
		return own <= q.Limit && looked < maxLived
	})
	slices.SortStableFunc(found, func(a, b placedEntry) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.seq, a.seq)) })
	page.More = len(found) > q.Limit
	for _, one := range found[:min(q.Limit, len(found))] {
		entry := LifeEntry{Seq: one.seq}
		if failed == nil {
			failed = store.Decode(one.data, &entry.TimelineEntry)
		}
		page.Entries = append(page.Entries, entry)
	}
	if failed != nil {
		failed = lifecycle.Wrap(lifecycle.Internal, failed, "the timeline of customer %s cannot be read", id)
	}
	return page, failed
}

// Lived returns the entries of a customer's timeline that are older than a place, newest first.
func (e *Engine) Lived(ctx context.Context, id lifecycle.ID, place LivedPlace, limit int) (LivedPage, error) {
	for range 8 {
		answer, err := e.store.Ask(ctx, id.Partition(), livedBefore{id, place, limit})
		if err != nil {
			return LivedPage{}, err
		}
		page := answer.(LivedPage)
		if page.gone.IsZero() {
			return page, nil
		}
		id = page.gone
	}
	return LivedPage{}, lifecycle.Errorf(lifecycle.Internal, "the customer's ID leads in a circle")
}

// stageHistory asks for the changes of a customer's stages.
type stageHistory struct{ Customer lifecycle.ID }

func (e *Engine) stageHistory(tx store.Reader, q stageHistory) (changes []lifecycle.Fact, failed error) {
	looked := 0
	prefix := timelinePrefix(q.Customer)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var entry placedEntry
		if failed = store.Decode(value, &entry); failed != nil {
			return false
		}
		for _, f := range slices.Backward(entry.Facts) {
			if changesStage(&f) {
				changes = append(changes, f)
			}
		}
		looked++
		return looked < maxHistory && len(changes) < maxChanges
	})
	slices.SortStableFunc(changes, func(a, b lifecycle.Fact) int { return b.At.Compare(a.At) })
	return changes, failed
}

// changesStage reports whether a fact is about where a customer stands in a journey that people know.
func changesStage(f *lifecycle.Fact) bool {
	switch f.Kind {
	case lifecycle.FactEntered:
		return f.From == "" && !lifecycle.IsBroadcast(f.Journey) // else it was moved
	case lifecycle.FactMoved, lifecycle.FactPlaced, lifecycle.FactExited, lifecycle.FactConverted, lifecycle.FactRefused:
		return !lifecycle.IsBroadcast(f.Journey)
	}
	return false
}

// StageHistory returns what changed a customer's stages, of all journeys, newest first, at most 500: facts of the kinds
// entered, moved, placed, exited, converted and refused. The customer is known by their own ID.
func (e *Engine) StageHistory(ctx context.Context, id lifecycle.ID) ([]lifecycle.Fact, error) {
	answer, err := e.store.Ask(ctx, id.Partition(), stageHistory{id})
	if err != nil {
		return nil, err
	}
	return answer.([]lifecycle.Fact), nil
}
