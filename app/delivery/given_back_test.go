package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// giveBack has a connector give messages back untried until it is told to take them.
func giveBack(c *connector, wait time.Duration) (take func()) {
	set := func(r lifecycle.Receipt) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.answer = func(channels.Outgoing) lifecycle.Receipt { return r }
	}
	set(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Untried: true, Reason: "warming up", RetryAfter: wait})
	return func() { set(lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}) }
}

func (p *post) givenBack(m *lifecycle.Message) {
	p.t.Helper()
	p.eventually(func() bool { return p.look(m).Reason == "warming up" }, func() string { return "it was not given back" })
}

// What was given back has not left: caps count it when it does leave, and hold it back themselves if there is no room by then.
func TestWhatIsGivenBackCountsWhenItLeaves(t *testing.T) {
	c := newConnector()
	p := newPost(t, c, func(p *post) {
		p.policy = delivery.Policy{Duplicates: time.Hour, Caps: map[string][]delivery.Cap{"email": {{Limit: 1, Within: 24 * time.Hour}}}}
	})
	p.run()
	ada, bob := p.customer("email", address), p.customer("email", "bob@example.com")
	take := giveBack(c, 23*time.Hour)
	one, other := p.send(ada, wanted, "hello"), p.send(bob, wanted, "hello")
	p.givenBack(one)
	p.givenBack(other)
	take()
	urgent := p.send(bob, wanted, "long") // there is room for it: nothing has left
	p.becomes(urgent, lifecycle.Accepted)
	p.clock.Advance(23 * time.Hour)
	p.becomes(one, lifecycle.Accepted)
	p.queuedFor(other, start.Add(24*time.Hour)) // a day after the urgent one
	p.clock.Advance(2 * time.Minute)
	two := p.send(ada, wanted, "long")
	p.queuedFor(two, start.Add(47*time.Hour))
}

// What was given back goes another way like what was never handed over, when its own is closed by then.
func TestWhatIsGivenBackGoesAnotherWay(t *testing.T) {
	c := newConnector()
	p := newPost(t, c, func(p *post) { p.further = []string{"sms"} })
	p.delivery.SetAlternatives(alternatives{"email", "sms"})
	ada := p.customer("email", address, "phone", "+491701234567")
	p.run()
	take := giveBack(c, time.Minute)
	m := p.send(ada, wanted, "hello")
	p.givenBack(m)
	take()
	p.says(ada, lifecycle.Consent{Channel: "email", Source: "preferences"})
	p.clock.Advance(time.Minute)
	p.becomes(m, lifecycle.Suppressed)
	p.eventually(func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.sent[len(c.sent)-1].To == "+491701234567"
	}, func() string { return "nothing was sent by SMS" })
}

// Of a broadcast, whoever a customer has become is let in if the message has certainly not left, but for one that is too old.
func TestWhoIsLetInInstead(t *testing.T) {
	h, c := heir{got: make(chan lifecycle.ID, 8)}, newConnector()
	p := newPost(t, c, func(p *post) { p.connect = func(d *delivery.Delivery) { d.SetHeirs(h) } })
	p.run()
	letIn := func(what string, m *lifecycle.Message, state lifecycle.MessageState, want bool) {
		t.Helper()
		p.becomes(m, state)
		select {
		case <-h.got:
			if !want {
				t.Errorf("%s: somebody is let in", what)
			}
		default:
			if want {
				t.Errorf("%s: nobody is let in", what)
			}
		}
	}
	broadcast := func() (*lifecycle.Message, func()) {
		customer, other := p.customer("email", address), p.customer("email", address)
		m := p.message(customer, wanted, "hello")
		m.Journey, m.Expires = lifecycle.BroadcastPrefix+"x", p.clock.Now().Add(time.Hour)
		return m, func() { p.redirects(customer, other) }
	}
	for _, late := range []time.Duration{time.Minute, 5 * time.Hour} {
		p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Name: "hello"}, "ops", ""))
		m, merge := broadcast()
		p.put(m)
		merge()
		p.clock.Advance(late)
		p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Name: "hello"}, "ops"))
		if late > time.Hour {
			letIn("too old", m, lifecycle.Expired, false)
		} else {
			letIn("queued", m, lifecycle.Suppressed, true)
		}
	}
	for outcome, want := range map[lifecycle.Outcome]bool{lifecycle.OutcomePermanent: true, lifecycle.OutcomeAccepted: false} {
		c.mu.Lock()
		c.answer = func(channels.Outgoing) lifecycle.Receipt {
			return lifecycle.Receipt{Outcome: outcome, Reason: "no such address"}
		}
		c.mu.Unlock()
		release, before := make(chan struct{}), c.called()
		c.hold(func([]channels.Outgoing) { <-release })
		m, merge := broadcast()
		p.put(m)
		p.eventually(func() bool { return c.called() > before }, func() string { return "it was not handed over" })
		merge()
		close(release)
		letIn(string(outcome), m, map[bool]lifecycle.MessageState{true: lifecycle.Failed, false: lifecycle.Accepted}[want], want)
	}
}

// Of a broadcast that is long over, what is owed goes on as any other message that is owed.
func TestWhatIsOwedByABroadcastThatIsOver(t *testing.T) {
	h := heir{got: make(chan lifecycle.ID, 8), over: true}
	p := newPost(t, newConnector(), func(p *post) { p.connect = func(d *delivery.Delivery) { d.SetHeirs(h) } })
	p.run()
	for kind, want := range map[lifecycle.MessageKind]int{owed: 1, wanted: 0} {
		p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Name: "hello"}, "ops", ""))
		customer, other := p.customer("email", address), p.customer("email", address)
		m := p.message(customer, kind, "hello")
		m.Journey = lifecycle.BroadcastPrefix + "x"
		p.put(m)
		p.redirects(customer, other)
		p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Name: "hello"}, "ops"))
		p.becomes(m, lifecycle.Suppressed)
		if len(h.got) != want {
			t.Errorf("%s: %d were handed on", kind, len(h.got))
		}
		for range want {
			<-h.got
		}
	}
}
