package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
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
