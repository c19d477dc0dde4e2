package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// left asks whether a message has left.
func (p *post) left(m *lifecycle.Message) (left bool) {
	p.do(m.Customer.Partition(), func(tx store.Tx) { left = p.delivery.Left(tx, m.Decided, m.ID) })
	return left
}

// A message has left when the next server took it, and when nobody knows; not while it waits, and not if it was kept back.
func TestWhatHasLeft(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	ada := p.customer("email", address)
	waiting, suppressed, failed := p.send(ada, owed, "hello"), p.send(p.customer(), owed, "hello"), p.send(ada, owed, "no such message")
	if p.left(waiting) || p.left(suppressed) || p.left(p.message(ada, owed, "hello")) {
		t.Error("a message that waits has left, or one that is not there")
	}
	c.ready.Store(true)
	p.becomes(waiting, lifecycle.Accepted)
	p.becomes(suppressed, lifecycle.Suppressed)
	p.becomes(failed, lifecycle.Failed)
	if !p.left(waiting) || p.left(suppressed) || p.left(failed) {
		t.Errorf("left: accepted %t, suppressed %t, failed %t", p.left(waiting), p.left(suppressed), p.left(failed))
	}
	answer := make(chan struct{})
	c.hold(func([]channels.Outgoing) { <-answer })
	flying := p.send(ada, wanted, "hello")
	p.eventually(func() bool { return p.left(flying) }, func() string { return "a message that was handed over has not left" })
	close(answer)
	p.becomes(flying, lifecycle.Accepted)
	past := p.message(ada, wanted, "hello")
	past.State, past.Reason, past.Settled = lifecycle.Suppressed, lifecycle.BecauseHistory, start
	p.put(past)
	if p.left(past) {
		t.Error("what belongs to the past has left")
	}
}

func TestWhatIsHeldInDoubtHasLeft(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}))
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	p.becomes(m, lifecycle.Held)
	if !p.left(m) {
		t.Error("a message that may have left has not")
	}
}

// What the next server refused for now waits like one that was never tried.
func TestWhatIsTriedAgainHasNotLeft(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "later", RetryAfter: time.Hour}))
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	p.eventually(func() bool { return p.look(m).Attempts == 1 }, func() string { return "it was not tried" })
	if p.left(m) {
		t.Error("a message that was refused for now has left")
	}
}
