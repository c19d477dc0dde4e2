package engine

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What was due while the server did not run fires when it runs again, at its own time but by the scripts, segments and scores of
// then: they may have been published in between. So each publication notes since when timers had been waiting that were overdue
// at it, and a replay lets what was due since then fire after it.

// overdue returns when the first timer of a partition was due that should have fired before a moment, but for those that have had
// their chance and cannot fire; zero: there is none. It costs one key, and is asked at publications only.
func (e *Engine) overdue(tx store.Reader, at time.Time) (since time.Time) {
	from := []byte{'t'}
	if tried := e.parts[tx.Partition()].tried.Load(); tried != 0 {
		from = store.AppendTime(from, time.Unix(0, tried))
	}
	tx.Scan(from, store.AppendTime([]byte{'t'}, at), func(key, _ []byte) bool {
		since = store.KeyTime(key[1:9])
		return false
	})
	return since
}

// pause is a time of which timers fired when it was over.
type pause struct{ from, until time.Time }

func (p pause) has(at time.Time) bool { return !at.Before(p.from) && at.Before(p.until) }

// pausesOf returns those of a partition that ended with a publication.
func pausesOf(journeys []JourneyPast, scores []ScoresPast, segments []SegmentsPast, ranks []RanksPast) (all []pause) {
	add := func(overdue, until time.Time) {
		if !overdue.IsZero() {
			all = append(all, pause{overdue, until})
		}
	}
	for _, past := range journeys {
		add(past.Overdue, past.At)
	}
	for _, past := range scores {
		add(past.Overdue, past.At)
	}
	for _, past := range segments {
		add(past.Overdue, past.At)
	}
	for _, past := range ranks {
		add(past.Overdue, past.At)
	}
	return all
}

// pauses returns those of the partition of the customer, or of somebody who became part of them.
func (l *Life) pauses(id lifecycle.ID) []pause { return l.walks[id.Partition()].pauses }

// firesAt returns when a timer fired at the earliest.
func firesAt(pauses []pause, due time.Time) time.Time {
	at := due
	for _, p := range pauses {
		if p.has(due) {
			at = later(at, p.until)
		}
	}
	return at
}

// lateEntries returns of the timers that fired after a pause, and of the events that they made, when that was at the earliest, by
// the numbers of their entries. A timer that is followed by an event of the same pause fired before it.
func (l *Life) lateEntries() map[uint64]time.Time {
	late := map[uint64]time.Time{}
	next := map[lifecycle.ID]time.Time{} // when the next event came
	for _, entry := range slices.Backward(l.Entries) {
		if e := entry.Event; e != nil && e.Depth == 0 {
			next[entry.From] = e.Received
			continue
		}
		if entry.Event == nil && !entry.Mark.IsZero() {
			continue // somebody's hand
		}
		whose := entry.From
		if whose.IsZero() {
			whose = l.Customer.ID
		}
		at := firesAt(l.pauses(whose), entry.At)
		if follows, more := next[entry.From]; at.After(entry.At) && (!more || !follows.Before(at)) {
			late[entry.Seq] = at
		}
	}
	timers := map[lifecycle.ID]time.Time{}
	for i := range l.Entries { // else somebody else made the event
		entry := &l.Entries[i]
		switch _, is := late[entry.Seq]; {
		case is && entry.Event == nil:
			timers[entry.From] = entry.At
		case is && !timers[entry.From].Equal(entry.At):
			delete(late, entry.Seq)
		}
	}
	return late
}

// tookPlace returns when an entry came to be.
func (r *Reliving) tookPlace(entry *LifeEntry) time.Time { return later(entry.At, r.late[entry.Seq]) }
