package delivery_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// alternatives are the channels of every message, in order.
type alternatives []string

func (a alternatives) Alternatives(_ store.Reader, _, name string, customer *lifecycle.Customer) []*lifecycle.Template {
	var templates []*lifecycle.Template
	for _, channel := range a {
		if customer.Reachable(channel, "", owed) {
			templates = append(templates, &lifecycle.Template{Name: name, Channel: channel, Front: map[string]string{"kind": "transactional"}})
		}
	}
	return templates
}

func (a alternatives) Several(store.Reader, string, string) bool { return len(a) > 1 }

// newFallback is a post where the first sendings fail for good.
func newFallback(t *testing.T, failures int, order ...string) *post {
	refused := lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}
	c := newConnector()
	left := make(chan struct{}, failures)
	for range failures {
		left <- struct{}{}
	}
	c.answer = func(channels.Outgoing) lifecycle.Receipt {
		select {
		case <-left:
			return refused
		default:
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
		}
	}
	p := newPost(t, c, func(p *post) { p.further = []string{"sms", "push"} })
	p.delivery.SetAlternatives(alternatives(order))
	p.run()
	return p
}

// instead returns the message that was sent instead of another one.
func (p *post) instead(m *lifecycle.Message, channel string) *lifecycle.Message {
	p.t.Helper()
	next := m.Instead(channel, owed)
	next.Customer = m.Customer
	return next
}

// A message that fails for good goes by the next channel that reaches the customer, once; the two know of each other.
func TestFallback(t *testing.T) {
	p := newFallback(t, 1, "email", "push", "sms")
	ada := p.customer("email", address, "phone", "+491701234567")
	m := p.send(ada, owed, "hello")
	p.becomes(m, lifecycle.Failed)
	next := p.instead(m, "sms")
	p.becomes(next, lifecycle.Accepted)
	p.lifeIs(m, `
0 decided email
0 queued until 0
0 policy
0 attempt 1 ada@example.com
0 settled failed no such address
0 fallback sms`)
	p.lifeIs(next, `
0 decided sms
0 instead email
0 queued until 0
0 policy
0 attempt 1 +491701234567
0 settled accepted`)
	life, err := p.delivery.LifeOf(t.Context(), p.look(m).Ref)
	p.must(err)
	if life.Steps[5].Ref != p.look(next).Ref || next.First() != m.ID {
		t.Errorf("the messages do not know of each other: %+v", life.Steps)
	}
	if n := len(p.connector.sendings(nil)); n != 2 {
		t.Errorf("%d sendings, want 2", n)
	}
	if !p.left(m) {
		t.Error("the message has left by another channel, but is said not to have")
	}
}

// What was cancelled while it was with the connector, and failed there, does not leave by another channel.
func TestNoFallbackOfWhatWasCancelled(t *testing.T) {
	p := newFallback(t, 0, "email", "sms")
	p.connector.answer = func(channels.Outgoing) lifecycle.Receipt {
		if _, err := p.delivery.CancelMessages(t.Context(), delivery.Target{Name: "hello"}, "ops", "the price is wrong"); err != nil {
			t.Error(err)
		}
		p.clock.Advance(time.Second)
		return lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}
	}
	p.becomes(p.send(p.customer("email", address, "phone", "+491701234567"), owed, "hello"), lifecycle.Failed)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 1 {
		t.Errorf("%d sendings, want 1", n)
	}
}

// When every channel has failed, none is tried twice.
func TestFallbackEnds(t *testing.T) {
	p := newFallback(t, 3, "email", "sms")
	ada := p.customer("email", address, "phone", "+491701234567")
	m := p.send(ada, owed, "hello")
	p.becomes(m, lifecycle.Failed)
	p.becomes(p.instead(m, "sms"), lifecycle.Failed)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 2 || p.left(m) {
		t.Errorf("%d sendings, want 2", n)
	}
}

// A send may keep to its channel; and whom no other channel reaches gets nothing else.
func TestNoFallback(t *testing.T) {
	p := newFallback(t, 2, "email", "sms")
	kept := p.message(p.customer("email", address, "phone", "+491701234567"), owed, "hello")
	kept.Options = map[string]string{lifecycle.OptionFallback: "false"}
	p.put(kept)
	p.becomes(kept, lifecycle.Failed)
	p.becomes(p.send(p.customer("email", address), owed, "hello"), lifecycle.Failed)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 2 {
		t.Errorf("%d sendings, want 2", n)
	}
}

// Who waits for the message waits for the one that is sent instead.
func TestAFallbackIsWaitedFor(t *testing.T) {
	p := newFallback(t, 1, "email", "sms")
	m := p.message(p.customer("email", address, "phone", "+491701234567"), owed, "hello")
	m.Watched = true
	p.put(m)
	p.becomes(m, lifecycle.Failed)
	next := p.instead(m, "sms")
	p.becomes(next, lifecycle.Accepted)
	if told := p.watched.told(next); len(told) != 1 || !strings.HasPrefix(told[0], string(lifecycle.Accepted)) {
		t.Errorf("the watcher was told %q", told)
	}
	if told := p.watched.told(m); len(told) != 0 {
		t.Errorf("the watcher was told %q of what goes on by another channel", told)
	}
}

// A channel that nobody serves, or that policy does not allow, is passed over.
func TestFallbackPassesOverWhatCannotBe(t *testing.T) {
	p := newFallback(t, 1, "email", "push", "sms")
	p.delivery.Occupy("push", false)
	ada := p.customer("email", address, "push", "token", "phone", "+491701234567")
	m := p.send(ada, owed, "hello")
	p.becomes(m, lifecycle.Failed)
	p.becomes(p.instead(m, "sms"), lifecycle.Accepted)

	p = newFallback(t, 1, "email", "push", "sms")
	p.delivery.SetAlternatives(unasked{"push", "sms"})
	ada = p.customer("email", address, "phone", "+491701234567") // whom push does not reach
	m = p.send(ada, owed, "hello")
	p.becomes(m, lifecycle.Failed)
	p.becomes(p.instead(m, "sms"), lifecycle.Accepted)

	p = newFallback(t, 1, "email", "push")
	p.delivery.SetAlternatives(unasked{"push"})
	m = p.send(p.customer("email", address), owed, "hello")
	p.becomes(m, lifecycle.Failed)
	if full := p.becomes(p.instead(m, "push"), lifecycle.Suppressed); full.Reason == "" {
		t.Error("nobody learns why there was no other channel")
	}
}

// What has waited is not sent by another channel once the customer has left the stage for which it was meant.
func TestNoFallbackOfWhatIsNotWantedAnyMore(t *testing.T) {
	p := newFallback(t, 0, "email", "sms")
	var tries atomic.Int32
	p.connector.answer = func(channels.Outgoing) lifecycle.Receipt {
		if tries.Add(1) == 1 {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "greylisted", RetryAfter: time.Hour}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}
	}
	ada := p.customer("email", address, "phone", "+491701234567")
	m := p.send(ada, wanted, "hello")
	p.queuedFor(m, start.Add(time.Hour))
	p.change(ada, func(c *lifecycle.Customer) { c.SetLeft("j", "a", start.Add(time.Minute)) })
	p.clock.Advance(time.Hour)
	p.becomes(m, lifecycle.Failed)
	quiet()
	if n := len(p.connector.sendings(nil)); n != 2 {
		t.Errorf("%d sendings, want 2", n)
	}
}

// What has waited at a slow connector, and is not wanted any more, goes by no other channel, whatever else speaks against its own.
func TestNoFallbackOfWhatWaitedAndIsNotWanted(t *testing.T) {
	leave := func(p *post, ada lifecycle.ID) {
		p.change(ada, func(c *lifecycle.Customer) { c.SetLeft("j", "a", p.clock.Now().Add(10*time.Second)) })
	}
	t.Run("opted out of the channel", func(t *testing.T) {
		p := newFallback(t, 0, "email", "sms")
		p.connector.ready.Store(false)
		ada := p.customer("email", address, "phone", "+491701234567")
		m := p.send(ada, wanted, "hello")
		leave(p, ada)
		p.says(ada, lifecycle.Consent{Channel: "email", Source: "preferences"})
		p.clock.Advance(30 * time.Second)
		p.connector.ready.Store(true)
		if full := p.becomes(m, lifecycle.Suppressed); !strings.HasPrefix(full.Reason, lifecycle.BecauseOptedOut) {
			t.Error(full.Reason)
		}
		quiet()
		if n := len(p.connector.sendings(nil)); n != 0 {
			t.Errorf("%d sendings, want none", n)
		}
	})
	t.Run("a slow call failed", func(t *testing.T) {
		p := newFallback(t, 0, "email", "sms")
		ada := p.customer("email", address, "phone", "+491701234567")
		p.connector.answer = func(channels.Outgoing) lifecycle.Receipt {
			leave(p, ada)
			p.clock.Advance(30 * time.Second)
			return lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}
		}
		p.becomes(p.send(ada, wanted, "hello"), lifecycle.Failed)
		quiet()
		if n := len(p.connector.sendings(nil)); n != 1 {
			t.Errorf("%d sendings, want 1", n)
		}
	})
}

// unasked are channels that do not know whom they reach.
type unasked []string

func (a unasked) Several(store.Reader, string, string) bool { return true }

func (a unasked) Alternatives(_ store.Reader, _, name string, _ *lifecycle.Customer) (templates []*lifecycle.Template) {
	for _, channel := range a {
		templates = append(templates, &lifecycle.Template{Name: name, Channel: channel, Front: map[string]string{"kind": "transactional"}})
	}
	return templates
}

// What goes by another channel says the same of its event, also when the first was claimed as it was decided.
func TestFallbackKnowsTheEvent(t *testing.T) {
	p := newFallback(t, 0, "email", "sms")
	p.templates["order"] = &lifecycle.Template{Front: map[string]string{"subject": "Order {{ event.properties.n }}"}, Body: "Your order {{ event.properties.n }}."}
	ada := p.customer("email", address, "phone", "+491701234567")
	p.becomes(p.send(ada, owed, "hello"), lifecycle.Accepted)
	p.connector.mu.Lock()
	p.connector.answer = func(m channels.Outgoing) lifecycle.Receipt {
		if m.To == address {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	p.connector.mu.Unlock()
	m := p.message(ada, owed, "order")
	m.Event = lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", Properties: []byte(`{"n":"17"}`)}
	p.put(m)
	if full := p.look(m); full.Rendered == nil {
		t.Error("the message was not claimed when it was decided")
	}
	p.becomes(m, lifecycle.Failed)
	next := p.becomes(p.instead(m, "sms"), lifecycle.Accepted)
	if next.Rendered == nil || !strings.Contains(next.Rendered.Text, "17") {
		t.Errorf("by the other channel went %+v", next.Rendered)
	}
}
