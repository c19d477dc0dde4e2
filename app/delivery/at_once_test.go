package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// warm lets the lanes learn that the connector answers fast: from then on a message is claimed as it is decided.
func warm(p *post) lifecycle.ID {
	p.t.Helper()
	p.run()
	ada := p.customer("email", address, "first_name", "Ada")
	for _, kind := range []lifecycle.MessageKind{owed, wanted} {
		p.becomes(p.send(ada, kind, "hello"), lifecycle.Accepted)
	}
	return ada
}

func TestClaimedAtOnce(t *testing.T) {
	p := newPost(t, newConnector())
	ada := warm(p)
	m := p.send(ada, wanted, "hello")
	// The attempt is part of the commit that decided the message.
	if full := p.look(m); full.Rendered == nil {
		t.Error("the message was not claimed when it was decided")
	}
	if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 1 || len(p.connector.sendings(m)) != 1 {
		t.Errorf("the message is %+v, sent %d times", full.Message, len(p.connector.sendings(m)))
	}
	// Policy is asked here as well.
	for reason, customer := range map[string]lifecycle.ID{
		lifecycle.BecauseOptedOut:  p.customer("email", address, "unsubscribed", true),
		lifecycle.BecauseNoAddress: p.customer(),
	} {
		if full := p.becomes(p.send(customer, wanted, "hello"), lifecycle.Suppressed); full.Reason != reason || full.Attempts != 0 {
			t.Errorf("want %q: %+v", reason, full.Message)
		}
	}
	// What was decided in the past by a timer that fires late is too old to leave now.
	late := p.message(ada, wanted, "hello")
	late.Decided, late.Due, late.Expires = start.Add(-96*time.Hour), start.Add(-96*time.Hour), start.Add(-24*time.Hour)
	p.put(late)
	if full := p.becomes(late, lifecycle.Expired); len(p.connector.sendings(late)) != 0 {
		t.Errorf("a message that had expired was sent: %+v", full.Message)
	}
}

// What was claimed at once and lost in a crash is in doubt like any other attempt.
func TestClaimedAtOnceAndCrashed(t *testing.T) {
	c := newConnector()
	p := newPost(t, c)
	ada := warm(p)
	lost := make(chan struct{})
	c.hold(func([]channels.Outgoing) { <-lost })
	a, b := p.send(ada, owed, "hello"), p.send(ada, wanted, "hello")
	p.do(ada.Partition(), func(tx store.Tx) { p.delivery.Watch(tx, a.Decided, a.ID) }) // which says nothing about its end
	p.crash()
	close(lost)
	p.run()
	if full := p.becomes(a, lifecycle.Accepted); full.InDoubt != 1 || full.Attempts != 2 {
		t.Errorf("what is owed is sent again: %+v", full.Message)
	}
	if full := p.becomes(b, lifecycle.Held); full.InDoubt != 1 {
		t.Errorf("marketing is held: %+v", full.Message)
	}
}

// However long ago it was claimed, and whatever was decided in the meantime, what was lost is found.
func TestClaimedAtOnceLongBeforeACrash(t *testing.T) {
	c := newConnector()
	p := newPost(t, c)
	ada := warm(p)
	lost := make(chan struct{})
	c.hold(func([]channels.Outgoing) { <-lost })
	lostOnes := []*lifecycle.Message{p.send(ada, owed, "hello")}
	for range 5 {
		p.clock.Advance(3 * time.Second)
		p.put(p.message(p.customer(), wanted, "hello")) // to nobody: settled as it is decided
		lostOnes = append(lostOnes, p.send(ada, owed, "hello"))
	}
	p.crash()
	close(lost)
	p.run()
	for i, m := range lostOnes {
		if full := p.becomes(m, lifecycle.Accepted); full.InDoubt != 1 || full.Attempts != 2 {
			t.Errorf("message %d: %+v", i, full.Message)
		}
	}
	// A second crash finds nothing more.
	p.crash()
	p.run()
	for i, m := range lostOnes {
		if full := p.look(m); full.State != lifecycle.Accepted || full.InDoubt != 1 {
			t.Errorf("message %d after the second crash: %+v", i, full.Message)
		}
	}
}

// What is decided before the last checkpoint is claimed from the outbox, where a crash finds it without a checkpoint.
func TestDecidedBeforeTheCheckpoint(t *testing.T) {
	p := newPost(t, newConnector())
	ada := warm(p)
	late := p.message(ada, wanted, "hello")
	late.Decided, late.Due = p.clock.Now().Add(-time.Hour), p.clock.Now().Add(-time.Hour)
	p.put(late)
	if full := p.look(late); full.Rendered != nil {
		t.Error("it was claimed when it was decided")
	}
	if full := p.becomes(late, lifecycle.Accepted); full.Attempts != 1 {
		t.Errorf("%+v", full.Message)
	}
}
