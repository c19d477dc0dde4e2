package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// What a test person would get goes to the catch-all address, plainly marked, and is in no figure.
func TestTestPeople(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.testTo = "tests@shop.example" })
	p.run()
	for name, customer := range map[string]lifecycle.ID{
		"with an address":    p.customer("email", address, "first_name", "Ada"),
		"without an address": p.customer("first_name", "Ada"),
	} {
		m := p.message(customer, wanted, "hello")
		m.Test = true
		p.put(m)
		p.becomes(m, lifecycle.Accepted)
		sent := p.connector.sendings(m)[0]
		if sent.To != "tests@shop.example" || sent.Subject != "[test] Hello Ada" || sent.Headers[delivery.TestHeader] != customer.String() {
			t.Errorf("%s: %+v", name, sent)
		}
	}
	refused := p.message(p.customer("email", address, "unsubscribed", true), wanted, "hello")
	refused.Test = true
	p.put(refused)
	p.becomes(refused, lifecycle.Suppressed)
	// Someone else's message is neither marked nor redirected, and it alone is counted.
	m := p.send(p.customer("email", address), wanted, "hello")
	p.becomes(m, lifecycle.Accepted)
	if sent := p.connector.sendings(m)[0]; sent.To != address || sent.Subject != "Hello you" || len(sent.Headers) != 0 {
		t.Errorf("what was sent: %+v", sent)
	}
	p.counts("queued>accepted", 1)
	p.counts("queued>suppressed", 0)
}

func TestTestPeopleWithoutAnAddressForThem(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	m := p.message(p.customer("email", address), owed, "hello")
	m.Test = true
	p.put(m)
	if full := p.becomes(m, lifecycle.Suppressed); full.Reason != lifecycle.BecauseTest {
		t.Errorf("the reason is %q", full.Reason)
	}
	p.counts("queued>suppressed", 0)
}

// By other channels than mail nothing goes anywhere, and the reason says so, whether or not mail does.
func TestTestPeopleGetMailOnly(t *testing.T) {
	for _, to := range []string{"tests@shop.example", ""} {
		p := newPost(t, newConnector(), func(p *post) { p.testTo, p.further = to, []string{"sms"} })
		p.run()
		m := p.message(p.customer("email", address, "phone", "+84901234567"), owed, "hello")
		m.Channel, m.Test = "sms", true
		p.put(m)
		if full := p.becomes(m, lifecycle.Suppressed); full.Reason != lifecycle.BecauseTestMail {
			t.Errorf("%q: the reason is %q", to, full.Reason)
		}
	}
}

// A doubt about a test person's message is no figure either, and a retry sends the same marked bytes.
func TestATestMessageInDoubt(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}), func(p *post) { p.testTo = "tests@shop.example" })
	p.run()
	m := p.message(p.customer("email", address), owed, "hello")
	m.Test = true
	p.put(m)
	p.queuedFor(m, start.Add(5*time.Second))
	p.clock.Advance(5 * time.Second)
	p.becomes(m, lifecycle.Accepted)
	if sent := p.connector.sendings(m); len(sent) != 2 || sent[1].To != "tests@shop.example" || sent[1].Subject != "[test] Hello you" || sent[1].Headers[delivery.TestHeader] == "" {
		t.Errorf("what was sent: %+v", sent)
	}
	p.counts("in doubt", 0)
}
