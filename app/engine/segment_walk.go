package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// After the segments have changed everybody is asked anew, a few customers at a time and with a pause in between, so that
// the events that come in meanwhile do not notice: at most about 20,000 customers a second over all partitions. Who has an
// event before it is their turn is asked then.
const (
	walkChunk = 25
	walkSteps = 400_000 // of predicates, after which a chunk ends before that: about 10 ms
	walkPause = 75 * time.Millisecond
	dropChunk = 500 // members taken off the list of a segment that is gone
)

// walkSegments is the input "ask the next customers who may not know of a change of the segments".
type walkSegments struct {
	Limit int
	Steps int // that predicates may take before the rest is left; 0: any number
	At    time.Time
	Again bool // in a replay, which knows when it was
}

// walkSegments returns whether there are more.
func (e *Engine) walkSegments(tx store.Tx, in walkSegments) (more bool, err error) {
	table, err := readSegmentTable(tx)
	if err != nil {
		return false, err
	}
	switch {
	case table.Walking:
		if err = e.walkSome(tx, table, in); err != nil {
			return false, err
		}
	case len(table.Dropped) > 0:
		dropMembers(tx, table)
	default:
		return false, nil
	}
	tx.Set(segmentTableKey(), store.Encode(table))
	return table.Walking || len(table.Dropped) > 0, nil
}

// walkSome asks about the next customers. What they find out of themselves is part of the same commit as how far it came.
func (e *Engine) walkSome(tx store.Tx, table *segmentTable, in walkSegments) error {
	if !in.Again {
		in.At = e.afterAll(tx, in.At)
	}
	set := e.segments(tx)
	var customers []lifecycle.ID
	more, size := false, 0
	tx.Scan(customerKey(table.Cursor), []byte{'c' + 1}, func(key, value []byte) bool {
		id := lifecycle.ID(key[1:])
		if more = len(customers) == in.Limit || size >= maxWritten; more {
			table.Cursor = id
			return false
		}
		customers = append(customers, id)
		size += len(value) + costOfKey
		return true
	})
	steps := &e.parts[tx.Partition()].segments.steps
	begun := *steps
	for _, id := range customers {
		if in.Steps > 0 && *steps-begun >= in.Steps {
			more, table.Cursor = true, id
			break
		}
		table.Walked++
		s, err := e.open(tx, id)
		if err != nil {
			return err
		}
		if s.customer.Applicant() || set == nil && len(s.customer.Segments) == 0 || set != nil && epochOf(s.customer.Segments) == set.epoch {
			continue
		}
		if err = s.learnSegments(set, in.At); err != nil {
			return err
		}
	}
	if table.Walking = more; !more {
		table.Cursor = lifecycle.ID{}
		if last := len(table.Past) - 1; last >= 0 && table.Past[last].Walked.IsZero() {
			table.Past[last].Walked = in.At
		}
		if err := ranksWalked(tx, in.At); err != nil {
			return err
		}
		table.Former = map[uint64][]segmentRef{table.Epoch: table.Former[table.Epoch]} // nobody names another one any more
	}
	return nil
}

// cameIn notes the time of what a partition commits: the clock was read before it waited to be, so that what is committed after it
// may have read the clock earlier. A walk must not seem to have been before what it came after, or a replay would have it so.
func (e *Engine) cameIn(tx store.Reader, at time.Time) {
	part := &e.parts[tx.Partition()]
	part.newest = later(part.newest, at)
}

// afterAll returns a moment that is after all that a partition has committed, also where times alone tell the order, and not before at.
func (e *Engine) afterAll(tx store.Reader, at time.Time) time.Time {
	if newest := e.parts[tx.Partition()].newest; newest.After(at) {
		return newest.Add(1)
	}
	return at
}

// learnSegments brings what a customer's record keeps of segments to the present ones.
func (s *session) learnSegments(set *segmentSet, at time.Time) error {
	c := s.customer
	s.at, s.now = at, c.Clock
	if c.Import == "" { // else their time is that of the import
		s.now = later(c.Lapsed(at), c.Clock)
	}
	s.history = c.Import != ""
	s.cause = lifecycle.HashID("learn segments", c.ID.Part(), at.UTC().Format(time.RFC3339Nano))
	if set == nil {
		c.Segments, c.SegmentsDue = nil, time.Time{}
		return s.save()
	}
	first := len(s.decision.Facts)
	s.assessWith(set, nil)
	if facts := s.decision.Facts[first:]; len(facts) > 0 {
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: facts})
	}
	s.handleTracked()
	return s.save()
}

// epochOf returns by which segments a record was made; 0 if by none.
func epochOf(data []byte) uint64 {
	if len(data) == 0 || data[0] != segmentRecord {
		return 0
	}
	r := segmentReader{data[1:], true}
	return r.uvarint()
}

// dropMembers takes the next members off the list of a segment that is gone.
func dropMembers(tx store.Tx, table *segmentTable) {
	name := table.Dropped[0]
	hash := segmentHash(name)
	for _, ref := range table.Former[table.Epoch] {
		if ref.Name == name { // it is there again, and its list is kept by those who are on it
			table.Dropped = table.Dropped[1:]
			return
		}
	}
	var keys [][]byte
	prefix := memberPrefix(hash)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < dropChunk
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	if len(keys) < dropChunk {
		tx.Delete(memberCountKey(hash))
		table.Dropped = table.Dropped[1:]
	}
}

// rouseWalk lets the owner look after everybody.
func (e *Engine) rouseWalk(tx store.Tx) {
	part := &e.parts[tx.Partition()].segments
	tx.After(func() { part.walking.Store(true) })
	e.hint(tx, time.Unix(0, 0))
}

// walk is the chore that asks everybody after a change.
func (e *Engine) walk(ctx context.Context, p int, _ time.Time) (bool, error) {
	part := &e.parts[p].segments
	if !part.walking.Load() {
		return false, nil
	}
	part.walking.Store(false) // a change from here on says so again
	answer, err := e.store.Ask(ctx, p, segmentTableOf{})
	if err != nil {
		part.walking.Store(true)
		return false, err
	}
	if table := answer.(*segmentTable); !table.Walking && len(table.Dropped) == 0 {
		return false, nil
	}
	more, err := e.store.Do(ctx, p, walkSegments{Limit: walkChunk, Steps: walkSteps, At: e.clock.Now()}) // other chores may have taken long
	if err != nil || more.(bool) {
		part.walking.Store(true)
	}
	if err == nil && more.(bool) {
		_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(walkPause))
	}
	return err == nil && more.(bool), err
}
