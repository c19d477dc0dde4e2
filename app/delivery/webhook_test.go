package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// A webhook needs no template and no address of the customer's.
func TestWebhooks(t *testing.T) {
	hooks := newConnector()
	p := newPost(t, newConnector(), func(p *post) { p.webhook, hooks.clock = hooks, p.clock })
	p.run()
	hook := func(customer lifecycle.ID) *lifecycle.Message {
		m := p.message(customer, owed, "hooks.example.com")
		m.Channel, m.Options = "webhook", map[string]string{"url": "https://hooks.example.com/x", "payload": `{"total":20}`}
		return m
	}
	m := hook(p.customer("unsubscribed", true))
	p.put(m)
	p.becomes(m, lifecycle.Accepted)
	if sent := hooks.sendings(m); len(sent) != 1 || sent[0].To != "https://hooks.example.com/x" || sent[0].Text != `{"total":20}` || !sent[0].Date.Equal(start) {
		t.Errorf("what was posted: %+v", sent)
	}
	if p.connector.called() != 0 {
		t.Error("it went by mail")
	}
	test := hook(p.customer("email", address))
	test.Test = true
	p.put(test)
	if full := p.becomes(test, lifecycle.Suppressed); full.Reason != lifecycle.BecauseTestMail {
		t.Errorf("the reason is %q", full.Reason)
	}
	// In doubt, it is tried again: receivers know it by its ID.
	hooks.answer = func(m channels.Outgoing) lifecycle.Receipt {
		if m.Attempt == 1 {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "no answer"}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	doubted := hook(m.Customer)
	p.put(doubted)
	p.queuedFor(doubted, start.Add(5*time.Second))
	p.clock.Advance(5 * time.Second)
	if full := p.becomes(doubted, lifecycle.Accepted); full.InDoubt != 1 {
		t.Errorf("the message is %+v", full.Message)
	}
}
