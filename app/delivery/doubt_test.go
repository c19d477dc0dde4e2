package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// crashed is a post whose process ended when the messages had been handed over and nobody had heard what became of them.
func crashed(t *testing.T, c *connector, prepare func(p *post) []*lifecycle.Message) (*post, []*lifecycle.Message) {
	t.Helper()
	lost := make(chan struct{})
	c.gate = func([]channels.Outgoing) { <-lost }
	p := newPost(t, c)
	messages := prepare(p)
	p.run()
	p.eventually(func() bool {
		for _, m := range messages {
			if p.look(m).Rendered == nil {
				return false
			}
		}
		return true
	}, func() string { return "they were not claimed" })
	p.crash()
	close(lost) // the first life's senders find their store closed
	return p, messages
}

// After a crash nobody knows whether an attempt got through: what is owed is sent again, marketing is held and expires
// visibly, and a message may say otherwise. Every doubt is counted.
func TestInDoubtAfterACrash(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		ada := p.customer("email", address, "first_name", "Ada")
		return []*lifecycle.Message{p.send(ada, owed, "hello"), p.send(ada, wanted, "hello"), p.send(ada, wanted, "insistent"), p.send(ada, owed, "cautious")}
	})
	p.traits(m[0].Customer, "email", "else@example.com", "first_name", "Grace")
	p.run()
	for _, i := range []int{0, 2} {
		full := p.becomes(m[i], lifecycle.Accepted)
		sent := p.connector.sendings(m[i])
		if full.Attempts != 2 || full.InDoubt != 1 || len(sent) != 1 || sent[0].Attempt != 2 || sent[0].To != address {
			t.Errorf("message %d: %+v, sent %+v", i, full.Message, sent)
		}
	}
	for _, i := range []int{1, 3} {
		full := p.becomes(m[i], lifecycle.Held)
		if full.Attempts != 1 || full.InDoubt != 1 || full.Reason == "" || !full.Due.Equal(start.Add(72*time.Hour)) {
			t.Errorf("message %d: %+v", i, full.Message)
		}
	}
	p.counts("in doubt", 4)
	p.clock.Set(start.Add(72*time.Hour - time.Second))
	quiet()
	if full := p.look(m[1]); full.State != lifecycle.Held {
		t.Errorf("it is %s a second too early", full.State)
	}
	p.clock.Advance(time.Second)
	for _, i := range []int{1, 3} {
		if full := p.becomes(m[i], lifecycle.Expired); full.Reason != "in doubt for 72 hours" {
			t.Errorf("the reason is %q", full.Reason)
		}
		if len(p.connector.sendings(m[i])) != 0 {
			t.Error("a held message was sent")
		}
	}
	p.counts("held>expired", 2)
	p.counts("queued>held", 2)
}

// A connector to which a repeated message ID is harmless resolves every doubt by sending again.
func TestInDoubtWithAnIdempotentConnector(t *testing.T) {
	c := newConnector()
	c.idempotent = true
	p, messages := crashed(t, c, func(p *post) []*lifecycle.Message {
		ada := p.customer("email", address)
		return []*lifecycle.Message{p.send(ada, owed, "hello"), p.send(ada, wanted, "hello"), p.send(ada, wanted, "cautious")}
	})
	p.run()
	for _, m := range messages {
		if full := p.becomes(m, lifecycle.Accepted); full.InDoubt != 1 || full.Attempts != 2 {
			t.Errorf("%s: %+v", m.Name, full.Message)
		}
	}
}

// Consent that was withdrawn while a message was in doubt is heard.
func TestInDoubtAndOptedOut(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		return []*lifecycle.Message{p.send(p.customer("email", address), wanted, "insistent")}
	})
	p.traits(m[0].Customer, "email", address, "unsubscribed", true)
	p.run()
	if full := p.becomes(m[0], lifecycle.Suppressed); full.Reason != lifecycle.BecauseOptedOut || full.InDoubt != 1 {
		t.Errorf("the message is %+v", full.Message)
	}
}

// A connector may say itself that it does not know.
func TestTheConnectorIsInDoubt(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the line broke"}))
	p.run()
	ada := p.customer("email", address)
	again, held := p.send(ada, owed, "hello"), p.send(ada, wanted, "hello")
	if full := p.queuedFor(again, start.Add(5*time.Second)); full.InDoubt != 1 || full.Reason != "the line broke" {
		t.Errorf("the message is %+v", full.Message)
	}
	p.becomes(held, lifecycle.Held)
	p.clock.Advance(5 * time.Second)
	p.becomes(again, lifecycle.Accepted)
	p.clock.Advance(72 * time.Hour)
	p.becomes(held, lifecycle.Expired)
	if len(p.connector.sendings(held)) != 1 {
		t.Error("a held message was sent again")
	}
}

// A message for which the connector gives no receipt is in doubt, not forgotten.
func TestTooFewReceipts(t *testing.T) {
	c := newConnector()
	c.short = true
	p := newPost(t, c)
	p.run()
	if full := p.becomes(p.send(p.customer("email", address), wanted, "hello"), lifecycle.Held); full.InDoubt != 1 {
		t.Errorf("the message is %+v", full.Message)
	}
}

// A program that dies at every attempt does not send the same message for ever.
func TestDoubtHasAnEnd(t *testing.T) {
	p, m := crashed(t, newConnector(), func(p *post) []*lifecycle.Message {
		return []*lifecycle.Message{p.send(p.customer("email", address), owed, "hello")}
	})
	for boot := 2; ; boot++ {
		lost := make(chan struct{})
		p.connector.gate = func([]channels.Outgoing) { <-lost }
		p.run()
		p.eventually(func() bool { return p.connector.called() > 0 || p.look(m[0]).State == lifecycle.Failed },
			func() string { return fmt.Sprint("nothing happened at start ", boot) })
		full := p.look(m[0])
		if full.State == lifecycle.Failed {
			close(lost)
			if full.InDoubt != 30 {
				t.Errorf("it was given up after %d doubts, want 30", full.InDoubt)
			}
			return
		}
		if boot > 40 {
			close(lost)
			t.Fatal("it is still sent after 40 starts")
		}
		p.crash()
		close(lost)
	}
}

// What was claimed when the senders are told to end is handed over and settled.
func TestStoppingSeesItsBatchesThrough(t *testing.T) {
	c := newConnector()
	entered, gate := make(chan struct{}, 100), make(chan struct{})
	c.gate = func([]channels.Outgoing) { entered <- struct{}{}; <-gate }
	p := newPost(t, c)
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	<-entered
	p.store.StopOwning()
	late := p.send(m.Customer, wanted, "hello")
	stopped := make(chan struct{})
	go func() { p.stop(); close(stopped) }()
	quiet()
	select {
	case <-stopped:
		t.Error("Run ended with a batch under way")
	default:
	}
	close(gate)
	<-stopped
	if full := p.look(m); full.State != lifecycle.Accepted {
		t.Errorf("the batch under way is %s", full.State)
	}
	if full := p.look(late); full.State != lifecycle.Queued || full.Rendered != nil {
		t.Errorf("what came later is %s", full.State)
	}
}
