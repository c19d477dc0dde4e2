package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// chooses asks by which of some channels a message to a customer goes: "sms", with why not by those before it behind a colon.
func (p *post) chooses(id lifecycle.ID, kind lifecycle.MessageKind, options map[string]string, channels ...string) (answer string) {
	p.t.Helper()
	m := p.message(id, kind, "hello")
	m.Options = options
	var ways []*lifecycle.Template
	for _, channel := range channels {
		ways = append(ways, &lifecycle.Template{Name: m.Name, Channel: channel, Front: map[string]string{"kind": string(kind)}})
	}
	p.do(id.Partition(), func(tx store.Tx) {
		customer := &lifecycle.Customer{}
		if err := store.Decode(tx.Get(append([]byte{'c'}, id[:]...)), customer); err != nil {
			p.t.Error(err)
		}
		way, passed := p.delivery.Choose(tx, m, ways, customer, p.clock.Now())
		answer = "none"
		if way >= 0 {
			answer = channels[way]
		}
		if passed != "" {
			answer += ": " + passed
		}
	})
	return answer
}

func (p *post) wantChoice(got, want string) {
	p.t.Helper()
	if got != want {
		p.t.Errorf("it goes by %q; want %q", got, want)
	}
}

// Where marketing needs a yes, the way is the first with one; what a customer is owed asks for none.
func TestChoiceByConsent(t *testing.T) {
	p := under(t, delivery.Policy{OptIn: true}, false)
	const unasked = "email not allowed: no consent: the customer has not allowed it"
	ada := p.grown(func(c *lifecycle.Customer) { c.Say(lifecycle.Consent{Channel: "sms", Granted: true, At: start}) })
	p.wantChoice(p.chooses(ada, wanted, nil, "email", "sms"), "sms: "+unasked)
	p.wantChoice(p.chooses(ada, wanted, nil, "push", "email", "sms"), "sms: "+unasked) // there is no address for push
	p.wantChoice(p.chooses(ada, wanted, nil, "webhook", "sms"), "sms")
	p.wantChoice(p.chooses(ada, owed, nil, "email", "sms"), "email")
	p.wantChoice(p.chooses(p.grown(nil), wanted, nil, "email", "sms"), "none")
	dead := p.grown(func(c *lifecycle.Customer) {
		c.Suppress(lifecycle.Suppression{Channel: "email", Address: address, Reason: lifecycle.SuppressedBounce, At: start})
	})
	p.wantChoice(p.chooses(dead, owed, nil, "email", "sms"), "sms: email not allowed: suppressed: bounced")
}

// What policy puts off is allowed. A cap for which the message does not wait is a no; a repeat is one on every channel.
func TestChoiceByCaps(t *testing.T) {
	night := map[string][]delivery.Hours{"sms": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 13 * 60, To: 14 * 60}}}
	p := under(t, delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 1}}}, Hours: night, Duplicates: time.Hour}, false)
	drop := map[string]string{"caps": "drop"}
	ada := p.grown(nil)
	p.wantChoice(p.chooses(ada, wanted, nil, "sms", "email"), "sms") // at 13 h
	p.expect(p.send(ada, wanted, "offer"), "accepted")
	p.wantChoice(p.chooses(ada, wanted, nil, "email", "sms"), "email") // tomorrow
	p.wantChoice(p.chooses(ada, wanted, drop, "email", "sms"), "sms: email not allowed: frequency cap: 1 a day by email")
	bob := p.grown(nil)
	p.expect(p.send(bob, owed, "hello"), "accepted")
	p.wantChoice(p.chooses(bob, wanted, drop, "email", "sms"), "email")
}

// Who sends for a channel counts after what is allowed: a message waits rather than go where it may not.
func TestChoiceByConnector(t *testing.T) {
	p := under(t, delivery.Policy{}, false, func(p *post) { p.further = []string{"sms", "push"} })
	ada := p.grown(nil, "push", "token")
	p.delivery.Occupy("push", false)
	p.wantChoice(p.chooses(ada, owed, nil, "push", "letter", "sms"), "sms: there is no connector for push")
	p.delivery.Occupy("sms", false)
	p.wantChoice(p.chooses(ada, owed, nil, "push", "sms"), "push")
	silent := p.grown(func(c *lifecycle.Customer) { c.Say(lifecycle.Consent{Channel: "email", At: start, Source: "api"}) }, "push", "token")
	p.wantChoice(p.chooses(silent, wanted, nil, "email", "push", "sms"), "push: email not allowed: opted out: api")
}

// What came back of messages is listed with them, and they are found by it without looking at others.
func TestLedgerByWhatCameBack(t *testing.T) {
	p := under(t, delivery.Policy{}, false)
	var sent []*lifecycle.Message
	for range 5 {
		m := p.send(p.grown(nil), owed, "hello")
		p.becomes(m, lifecycle.Accepted)
		sent = append(sent, m)
		p.clock.Advance(time.Second)
	}
	told := func(m *lifecycle.Message, answers ...lifecycle.Answer) {
		p.do(m.Customer.Partition(), func(tx store.Tx) {
			for _, answer := range answers {
				p.delivery.Answered(tx, m.Decided, m.ID, answer)
			}
		})
	}
	told(sent[1], lifecycle.Bounced, lifecycle.Delivered, "invented")
	told(sent[3], lifecycle.Delivered, lifecycle.Delivered)
	for answer, want := range map[lifecycle.Answer][]*lifecycle.Message{lifecycle.Delivered: {sent[3], sent[1]}, lifecycle.Bounced: {sent[1]}, lifecycle.Opened: nil} {
		page, err := p.delivery.Ledger(t.Context(), delivery.Filter{Answer: answer, State: lifecycle.Accepted}, nil, 10)
		p.must(err)
		if len(page.Messages) != len(want) || page.Looked > 2 {
			t.Errorf("%s: %d messages of %d", answer, len(page.Messages), page.Looked)
			continue
		}
		for i, m := range page.Messages {
			if m.ID != want[i].ID {
				t.Errorf("%s: %+v stands at %d", answer, m, i)
			}
		}
	}
	if m := p.look(sent[1]); len(m.Answers) != 2 || m.Answers[0] != lifecycle.Delivered || m.Answers[1] != lifecycle.Bounced {
		t.Errorf("of the second one came back %v", m.Answers)
	}
	page, err := p.delivery.Ledger(t.Context(), delivery.Filter{Answer: lifecycle.Delivered, Until: sent[3].Decided}, nil, 10)
	if p.must(err); len(page.Messages) != 1 {
		t.Errorf("before the fourth one %d were delivered", len(page.Messages))
	}
	if page, err = p.delivery.Ledger(t.Context(), delivery.Filter{InDoubt: true}, nil, 10); err != nil || len(page.Messages) != 0 {
		t.Errorf("%d are in doubt: %v", len(page.Messages), err)
	}
	if _, err = p.delivery.Ledger(t.Context(), delivery.Filter{Answer: "invented"}, nil, 10); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Errorf("an answer that there is not: %v", err)
	}
}

// What fills a channel in the same commit as the choice sends the message by another one; whoever asks for it is told of that.
func TestWhatIsRefusedAtOnceGoesByAnotherChannel(t *testing.T) {
	both(t, delivery.Policy{Caps: map[string][]delivery.Cap{"email": {{Limit: 1}}}}, func(t *testing.T, p *post) {
		p.delivery.SetAlternatives(unasked{"email", "sms"})
		ada := p.grown(nil)
		first, second := p.message(ada, wanted, "offer"), p.message(ada, wanted, "hello")
		second.Options = map[string]string{"caps": "drop", lifecycle.OptionPassed: "there is no connector for push"}
		p.put(first, second)
		p.expect(first, "accepted")
		p.expect(second, "suppressed: frequency cap: 1 a day by email")
		next := p.instead(second, "sms")
		p.becomes(next, lifecycle.Accepted)
		if m := p.look(next); m.Chosen() != "" || m.Options["caps"] != "drop" {
			t.Errorf("the options of the second try are %v", m.Options)
		}
		if !p.left(second) {
			t.Error("it has left by another channel, but is said not to have")
		}
		p.do(ada.Partition(), func(tx store.Tx) {
			if state, _ := p.delivery.Watch(tx, second.Decided, second.ID); state != lifecycle.Accepted {
				t.Errorf("whoever waits for it hears that it is %s", state)
			}
		})
	})
}
