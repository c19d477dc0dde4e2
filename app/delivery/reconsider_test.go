package delivery_test

import (
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// says stores a customer with a word about consent.
func (p *post) says(id lifecycle.ID, word lifecycle.Consent) {
	p.t.Helper()
	p.do(id.Partition(), func(tx store.Tx) {
		customer := lifecycle.Customer{}
		if err := store.Decode(tx.Get(append([]byte{'c'}, id[:]...)), &customer); err != nil {
			panic(err)
		}
		word.At = p.clock.Now()
		customer.Say(word)
		tx.Set(append([]byte{'c'}, id[:]...), store.Encode(&customer))
	})
}

// Sends in flight when consent is withdrawn do not leave: neither what waits for its next attempt, nor what was claimed for a
// connector that is busy or away.
func TestWhatIsInFlightWhenConsentIsWithdrawn(t *testing.T) {
	no := lifecycle.Consent{Source: "preferences"}
	t.Run("it waits for another attempt", func(t *testing.T) {
		conn := replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, RetryAfter: time.Minute})
		p := newPost(t, conn)
		p.run()
		ada := p.customer("email", "ada@example.com")
		m := p.send(ada, lifecycle.Marketing, "hello")
		p.queuedFor(m, start.Add(time.Minute))
		p.says(ada, no)
		p.clock.Advance(time.Minute)
		if full := p.becomes(m, lifecycle.Suppressed); full.Reason != "opted out: preferences" || len(conn.sendings(m)) != 1 {
			t.Errorf("%s after %d attempts", full.Reason, len(conn.sendings(m)))
		}
	})
	t.Run("it was claimed", func(t *testing.T) {
		conn := newConnector()
		p := newPost(t, conn)
		p.run()
		ada, bob := p.customer("email", "ada@example.com"), p.customer("email", "bob@example.com")
		p.becomes(p.send(bob, lifecycle.Marketing, "hello"), lifecycle.Accepted) // the connector answers promptly
		conn.ready.Store(false)
		time.Sleep(100 * time.Millisecond) // senders look whether it is ready, by the machine's clock
		claimed := []*lifecycle.Message{p.send(ada, lifecycle.Marketing, "hello"), p.send(bob, lifecycle.Marketing, "hello"), p.send(ada, lifecycle.Transactional, "hello")}
		p.says(ada, no)
		p.clock.Advance(2 * time.Second)
		conn.ready.Store(true)
		if full := p.becomes(claimed[0], lifecycle.Suppressed); full.Reason != "opted out: preferences" || full.Attempts != 0 {
			t.Errorf("%s after %d attempts", full.Reason, full.Attempts)
		}
		p.becomes(claimed[1], lifecycle.Accepted)
		p.becomes(claimed[2], lifecycle.Accepted)
		if len(conn.sendings(claimed[0])) != 0 {
			t.Error("it has left")
		}
		p.counts("queued>suppressed", 1)
	})
	t.Run("it waits behind others", func(t *testing.T) {
		conn := newConnector()
		release := make(chan struct{})
		conn.gate = func([]channels.Outgoing) { <-release }
		p := newPost(t, conn)
		ada := p.customer("email", "ada@example.com")
		var all []*lifecycle.Message
		for range 1000 {
			all = append(all, p.message(ada, lifecycle.Marketing, "hello"))
		}
		p.put(all...)
		p.run()
		p.eventually(func() bool { return conn.called() > 0 }, func() string { return "nothing is sent" })
		p.says(ada, no)
		close(release)
		p.eventually(func() bool { return p.facts.count("queued>suppressed")+p.facts.count("queued>accepted") == len(all) },
			func() string { return "not all of them are settled" })
		// At most four senders work while none has come back, with a batch each.
		if left := len(conn.sendings(nil)); left > 400 || left == 0 {
			t.Errorf("%d left", left)
		}
	})
}

// What was claimed as it was decided, for a connector that then went away, is not beyond an operator's orders, quiet hours
// and its own time: the attempt that was not made is taken back.
func TestWhatIsClaimedAndWaitsIsStillOurs(t *testing.T) {
	night := delivery.Policy{Hours: map[string][]delivery.Hours{"email": {{Days: [7]bool{true, true, true, true, true, true, true}, From: 11 * 60, To: 13 * 60}}}}
	p := newPost(t, newConnector(), func(p *post) { p.policy = night })
	ada := warm(p)
	p.connector.ready.Store(false)
	time.Sleep(100 * time.Millisecond) // senders look whether it is ready, by the machine's clock
	claim := func(name string, kind lifecycle.MessageKind, expires time.Time) *lifecycle.Message {
		m := p.message(ada, kind, name)
		m.Expires = expires
		p.put(m)
		return m
	}
	late, old := claim("insistent", wanted, time.Time{}), claim("insistent", owed, start.Add(time.Hour))
	paused, cancelled := claim("personal", owed, time.Time{}), claim("hello", owed, time.Time{})
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Name: "personal"}, "ops", ""))
	_, err := p.delivery.CancelMessages(t.Context(), delivery.Target{Name: "hello"}, "ops", "")
	p.must(err)
	p.clock.Advance(2 * time.Hour)
	p.connector.ready.Store(true)
	if full := p.becomes(cancelled, lifecycle.Cancelled); full.Attempts != 0 || full.Reason != "cancelled by ops" {
		t.Errorf("%d attempts, %s", full.Attempts, full.Reason)
	}
	p.becomes(old, lifecycle.Expired)
	p.queuedFor(late, start.Add(23*time.Hour))
	p.holds(1)
	p.stop()
	p.crash() // an attempt that was not made is not in doubt
	p.run()
	p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Name: "personal"}, "ops"))
	p.becomes(paused, lifecycle.Accepted)
	p.clock.Advance(21 * time.Hour)
	p.becomes(late, lifecycle.Accepted)
	for _, m := range []*lifecycle.Message{paused, late} {
		sent := p.connector.sendings(m)
		if full := p.look(m); full.Attempts != 1 || full.InDoubt != 0 || len(sent) != 1 || sent[0].Attempt != 1 {
			t.Errorf("%s: %d attempts, %d in doubt, %d sendings", m.Name, full.Attempts, full.InDoubt, len(sent))
		}
	}
	if n := len(p.connector.sendings(cancelled)) + len(p.connector.sendings(old)); n != 0 {
		t.Errorf("%d left that should not", n)
	}
}

// A webhook that was refused while it waited for its connector was never posted, and cannot be posted once more.
func TestWhatWasRefusedWasNeverPosted(t *testing.T) {
	p, hooks := hookPost(t)
	ada := p.customer()
	p.becomes(p.hook(ada, "https://hooks.example.com/x"), lifecycle.Accepted)
	hooks.ready.Store(false)
	time.Sleep(100 * time.Millisecond)
	m := p.hook(ada, "https://hooks.example.com/x")
	p.change(ada, func(c *lifecycle.Customer) {
		c.Suppress(lifecycle.Suppression{Channel: "webhook", Reason: "erased", At: start})
	})
	p.clock.Advance(2 * time.Second)
	hooks.ready.Store(true)
	p.becomes(m, lifecycle.Suppressed)
	if err := p.delivery.ReplayMessage(t.Context(), p.look(m).Ref, "Grace"); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("it was replayed: %v", err)
	}
	p.lifeIs(m, `
0 decided webhook
0 queued until 0
2 settled suppressed suppressed: erased`)
}
