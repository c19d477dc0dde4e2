package engine

import (
	"cmp"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// maxLooked is how many timeline entries one look of a script may read.
const maxLooked = 10_000

// seenEvent is an event of the past, at the time by which scripts count it.
type seenEvent struct {
	at    time.Time
	event *lifecycle.Event
}

// Events is how count, sum and last look back; script.History says what it promises. The timeline stands in order of
// receipt, and senders date events as they like, but never later than their receipt: an event is handed on when
// whatever stands behind it in the timeline must be older.
func (s *session) Events(name string, since time.Time, visit func(at time.Time, event *lifecycle.Event) bool) (looked int, err error) {
	c := s.customer
	var waiting []seenEvent // the newest last
	add := func(at time.Time, event *lifecycle.Event) {
		if at.Before(since) || at.After(s.now) {
			return
		}
		place, _ := slices.BinarySearchFunc(waiting, at, func(e seenEvent, at time.Time) int {
			return cmp.Or(e.at.Compare(at), 1) // of equal times, what came later is the newer one
		})
		waiting = slices.Insert(waiting, place, seenEvent{at, event})
	}
	handOn := func(until time.Time) bool {
		for len(waiting) > 0 && !waiting[len(waiting)-1].at.Before(until) {
			newest := waiting[len(waiting)-1]
			if waiting = waiting[:len(waiting)-1]; !visit(newest.at, newest.event) {
				return false
			}
		}
		return true
	}
	if s.event != nil && s.event.Name == name { // it is written down when it has been handled
		at := s.event.Timestamp
		if at.After(s.now) {
			at = s.now
		}
		if add(at, s.event); !handOn(s.now) {
			return 0, nil
		}
	}
	prefix, more := timelinePrefix(c.ID), true
	sought := []byte(name)
	s.tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		if looked++; looked > maxLooked {
			err = lifecycle.Errorf(lifecycle.ScriptFailed,
				"looking for %q would read more than %d entries of this customer's timeline; look at a shorter time, such as the last 30 days", name, maxLooked)
			return false
		}
		entry := soughtEntry{name: sought}
		if err = store.Decode(value, &entry); err != nil {
			return false
		}
		at := c.Lapsed(entry.At)
		if !entry.wasLate && !entry.late() && entry.From.IsZero() { // the others do not stand in order
			if more = handOn(at); !more || at.Before(since) {
				return false
			}
		}
		if entry.Event != nil && entry.Event.Name == name {
			event := s.inward(entry.Event)
			if event.Timestamp.Before(at) {
				at = event.Timestamp
			}
			add(at, event)
		}
		return true
	})
	if err == nil && more {
		handOn(time.Time{})
	}
	return looked, err
}
