package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Doubter is an Outbox that does not know of every message whether it left, and sends again what may not have. Both are called
// inside Apply.
type Doubter interface {
	// Unsettled returns when a message of this partition was last handed over that waits for its next attempt, or is held in doubt;
	// zero if it does not wait for that.
	Unsettled(tx store.Tx, decided time.Time, id lifecycle.ID) time.Time
	// Arrived settles such a message as accepted, if an answer shows that it has arrived; others are left as they are.
	Arrived(tx store.Tx, decided time.Time, id lifecycle.ID, answer lifecycle.Answer, at time.Time)
}

// tooSoon reports whether nobody can have read a message yet at a moment: it has not left, as far as is known, or just did.
func (e *Engine) tooSoon(tx store.Tx, m *lifecycle.Message, at time.Time) bool {
	left := m.Settled
	switch m.State {
	case lifecycle.Queued, lifecycle.Held:
		if doubter, is := e.outbox.(Doubter); is {
			left = doubter.Unsettled(tx, m.Decided, m.ID)
		}
		if left.IsZero() {
			return m.State == lifecycle.Queued
		}
	case lifecycle.Accepted:
		if m.Reason != "" { // it was settled by a report, and had left before
			return false
		}
	default:
		return false
	}
	return at.Sub(left) < atOnceLife
}

// arrived lets a message be settled of which a report shows that it has arrived. An answer that named no message is of the newest
// one by guess only, and shows nothing of it.
func (e *Engine) arrived(tx store.Tx, m *lifecycle.Message, in *told) {
	if m.State != lifecycle.Queued && m.State != lifecycle.Held {
		return
	}
	if doubter, is := e.outbox.(Doubter); is && !in.Machine && !in.byAddress {
		doubter.Arrived(tx, m.Decided, m.ID, lifecycle.Answer(in.Event), in.Now)
	}
}
