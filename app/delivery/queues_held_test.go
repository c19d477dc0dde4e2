package delivery_test

import (
	"testing"

	"stagecraft/app/lifecycle"
)

// What is held in doubt is told apart from what waits, also of a channel that has nobody to send for it any more.
func TestHeldIsToldApart(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}))
	p.run()
	ada := p.customer("email", address)
	for range 2 {
		p.becomes(p.send(ada, wanted, "hello"), lifecycle.Held)
	}
	p.delivery.Occupy("email", false)
	for range 3 {
		p.send(ada, wanted, "hello")
	}
	held, err := p.delivery.HeldOf(t.Context(), "email")
	p.must(err)
	queues, err := p.delivery.Queues(t.Context())
	p.must(err)
	if other, err := p.delivery.HeldOf(t.Context(), "sms"); held != 2 || queues["email"] != 5 || other != 0 || err != nil {
		t.Errorf("%d of %d are held; by another channel %d, %v", held, queues["email"], other, err)
	}
}
