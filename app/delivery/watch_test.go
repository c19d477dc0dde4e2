package delivery_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Whoever waits for a message hears of its end once, whichever it is.
func TestWatchedMessages(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	ada := p.customer("email", address)
	watch := func(m *lifecycle.Message) (state lifecycle.MessageState, reason string) {
		p.do(m.Customer.Partition(), func(tx store.Tx) { state, reason = p.delivery.Watch(tx, m.Decided, m.ID) })
		return state, reason
	}
	accepted, unwatched, failed, expired := p.send(ada, owed, "hello"), p.send(ada, owed, "hello"), p.send(ada, owed, "no such message"), p.message(ada, owed, "hello")
	expired.Expires = start.Add(time.Minute)
	p.put(expired)
	suppressed := p.send(p.customer(), owed, "hello")
	for _, m := range []*lifecycle.Message{accepted, failed, expired, suppressed, accepted} {
		if state, _ := watch(m); state != lifecycle.Queued {
			t.Errorf("a queued message is %q", state)
		}
	}
	p.clock.Advance(time.Minute)
	c.ready.Store(true)
	for m, want := range map[*lifecycle.Message]string{accepted: "accepted ", failed: "failed ", expired: "expired too old to leave", suppressed: "suppressed no address"} {
		p.eventually(func() bool { return len(p.watched.told(m)) > 0 }, func() string { return "nobody was told of " + want })
		if told := p.watched.told(m); len(told) != 1 || !strings.HasPrefix(told[0], want) {
			t.Errorf("told of %q, want %q", told, want)
		}
	}
	p.becomes(unwatched, lifecycle.Accepted)
	if told := p.watched.told(unwatched); len(told) != 0 {
		t.Errorf("told of what nobody waits for: %q", told)
	}
	// What has settled before is answered at once and told of no more.
	if state, reason := watch(suppressed); state != lifecycle.Suppressed || reason != lifecycle.BecauseNoAddress {
		t.Errorf("a suppressed message is %q (%s)", state, reason)
	}
	if state, _ := watch(p.message(ada, owed, "hello")); state != "" {
		t.Errorf("a message that is not there is %q", state)
	}
}

// A message that is held in doubt has not come to its end.
func TestAWatchedMessageIsHeld(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}))
	p.run()
	m := p.message(p.customer("email", address), wanted, "hello")
	m.Watched = true
	p.put(m)
	p.becomes(m, lifecycle.Held)
	if told := p.watched.told(m); len(told) != 0 {
		t.Errorf("told %q", told)
	}
	p.clock.Advance(72 * time.Hour)
	p.becomes(m, lifecycle.Expired)
	p.eventually(func() bool { return len(p.watched.told(m)) == 1 }, func() string { return "nobody was told of the end" })
}
