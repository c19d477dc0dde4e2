package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// reported has something come back of a message, as the engine hands it on.
func (p *post) reported(m *lifecycle.Message, answer lifecycle.Answer) {
	p.t.Helper()
	p.do(m.Customer.Partition(), func(tx store.Tx) {
		p.delivery.Answered(tx, m.Decided, m.ID, answer)
		p.delivery.Arrived(tx, m.Decided, m.ID, answer, p.clock.Now())
	})
}

// once waits until a message is accepted with a reason, and finds that it left once however long one waits.
func (p *post) once(m *lifecycle.Message, reason string) {
	p.t.Helper()
	full := p.becomes(m, lifecycle.Accepted)
	p.clock.Advance(100 * time.Hour)
	quiet()
	if now := p.look(m); full.Reason != reason || now.State != lifecycle.Accepted || len(p.connector.sendings(m)) > 1 {
		p.t.Errorf("it is %s, then %s (%s; want %q), and left %d times", full.State, now.State, full.Reason, reason, len(p.connector.sendings(m)))
	}
}

// What is known to have arrived is accepted: it is neither sent again nor held, whatever its attempt came to.
func TestWhatArrivedIsNotSentAgain(t *testing.T) {
	for name, receipt := range map[string]lifecycle.Receipt{
		"in doubt": {Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}, "temporary": {Outcome: lifecycle.OutcomeTemporary, Reason: "busy"}} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, replies(receipt))
			p.run()
			ada := p.customer("email", address)
			m, bounced := p.send(ada, owed, "hello"), p.send(ada, owed, "hello")
			p.queuedFor(m, start.Add(5*time.Second))
			p.queuedFor(bounced, start.Add(5*time.Second))
			p.reported(bounced, lifecycle.Bounced)
			p.reported(m, lifecycle.Delivered)
			p.counts("queued>accepted", 1)
			p.lifeIs(m, `
0 decided email
0 queued until 0
0 policy
0 attempt 1 ada@example.com
0 `+name+` 1 `+receipt.Reason+` until 5
0 settled accepted it was reported as delivered`)
			p.once(m, "it was reported as delivered")
			p.becomes(bounced, lifecycle.Accepted) // by its second attempt
		})
	}
}

// What is held is settled by what comes back of it, too, and nobody is asked to decide.
func TestWhatArrivedIsNotHeld(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}))
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	p.becomes(m, lifecycle.Held)
	p.clock.Advance(time.Hour)
	p.reported(m, lifecycle.Clicked)
	p.once(m, "it was reported as clicked")
	p.counts("held>accepted", 1)
	p.counts("in doubt", 1)
}

// A report may be faster than the attempt whose answer is lost. It does not touch what is in flight, and is remembered.
func TestAReportDuringTheAttempt(t *testing.T) {
	for name, receipt := range map[string]lifecycle.Receipt{
		"in doubt": {Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}, "temporary": {Outcome: lifecycle.OutcomeTemporary, Reason: "busy"},
		"refused": {Outcome: lifecycle.OutcomePermanent, Reason: "no such address"}} {
		t.Run(name, func(t *testing.T) {
			c := replies(receipt)
			entered, gate := make(chan struct{}, 10), make(chan struct{})
			c.gate = func([]channels.Outgoing) { entered <- struct{}{}; <-gate }
			p := newPost(t, c)
			p.run()
			m := p.send(p.customer("email", address), wanted, "insistent")
			<-entered
			p.reported(m, lifecycle.Delivered)
			if full := p.look(m); full.State != lifecycle.Queued {
				t.Errorf("in flight it is %s", full.State)
			}
			close(gate)
			if name == "refused" { // the one attempt there was, for good
				p.becomes(m, lifecycle.Failed)
				return
			}
			p.once(m, "it was reported as delivered")
		})
	}
}

// A second attempt that is refused is no failure of what arrived by the first: nothing goes instead of it.
func TestARefusedRepeatOfWhatArrived(t *testing.T) {
	c := replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}, lifecycle.Receipt{Outcome: lifecycle.OutcomePermanent, Reason: "seen before"})
	p := newPost(t, c, func(p *post) { p.further = []string{"sms"} })
	p.delivery.SetAlternatives(alternatives{"email", "sms"})
	p.run()
	m := p.send(p.customer("email", address, "phone", "+491701234567"), owed, "hello")
	p.queuedFor(m, start.Add(5*time.Second))
	entered, gate := make(chan struct{}, 10), make(chan struct{})
	c.mu.Lock()
	c.gate = func([]channels.Outgoing) { entered <- struct{}{}; <-gate }
	c.mu.Unlock()
	p.clock.Advance(5 * time.Second)
	<-entered
	p.reported(m, lifecycle.Delivered)
	close(gate)
	if full := p.becomes(m, lifecycle.Accepted); full.Reason != "it was reported as delivered; sent again, it was refused: seen before" {
		t.Errorf("the reason is %q", full.Reason)
	}
	if list := p.ledgerOf(delivery.Filter{Customers: []lifecycle.ID{m.Customer}}); len(list) != 1 {
		t.Errorf("there are %d messages", len(list))
	}
}

// What was reported before or after a crash counts for what the crash left without a result.
func TestWhatArrivedBeforeACrash(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		ada := p.customer("email", address)
		return []*lifecycle.Message{p.send(ada, owed, "hello"), p.send(ada, wanted, "hello"), p.send(ada, owed, "hello")}
	})
	p.reported(m[0], lifecycle.Opened)
	p.do(m[1].Customer.Partition(), func(tx store.Tx) { p.delivery.Answered(tx, m[1].Decided, m[1].ID, lifecycle.Delivered) })
	p.run()
	for i, reason := range []string{"it was reported as opened", "it was reported as delivered"} {
		if full := p.becomes(m[i], lifecycle.Accepted); full.Reason != reason || full.Attempts != 1 || len(p.connector.sendings(m[i])) != 0 {
			t.Errorf("message %d: %+v", i, full.Message)
		}
	}
	p.becomes(m[2], lifecycle.Accepted)
	if n := len(p.connector.sendings(m[2])); n != 1 {
		t.Errorf("of which nothing is known: sent again %d times", n)
	}
}

// ledgerOf returns the messages that fit.
func (p *post) ledgerOf(f delivery.Filter) []delivery.Listed {
	p.t.Helper()
	page, err := p.delivery.Ledger(p.t.Context(), f, nil, 0)
	p.must(err)
	return page.Messages
}
