package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// backlog queues marketing for a few customers, while the connector does not run.
func (p *post) backlog(n int) {
	p.t.Helper()
	var customers [lifecycle.Partitions]lifecycle.ID
	for i := range customers {
		customers[i] = p.customer("email", fmt.Sprintf("c%d@example.com", i))
	}
	for n > 0 {
		batch := make([]*lifecycle.Message, min(n, 5000))
		for i := range batch {
			batch[i] = p.message(customers[(n-i)%len(customers)], wanted, "hello")
		}
		p.put(batch...)
		n -= len(batch)
	}
}

// direct puts a message that another program asks for.
func (p *post) direct(customer lifecycle.ID) *lifecycle.Message {
	p.t.Helper()
	m := p.message(customer, owed, "hello")
	m.Direct = true
	p.put(m)
	return m
}

// What is claimed for a connector that does not run is put back: it was not tried, and is in no doubt after a crash.
func TestWhatNoConnectorHasIsNotTried(t *testing.T) {
	c := newConnector()
	p := newPost(t, c)
	p.run()
	ada := p.customer("email", address)
	p.becomes(p.send(ada, owed, "hello"), lifecycle.Accepted)
	c.ready.Store(false)
	m := p.send(ada, owed, "hello")
	p.eventually(func() bool { return p.look(m).Reason == "its connector does not run" }, func() string { return "it is not put back" })
	p.crash()
	p.run()
	c.ready.Store(true)
	p.clock.Advance(2 * time.Second)
	if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 1 || full.InDoubt != 0 {
		t.Errorf("%d attempts, %d in doubt", full.Attempts, full.InDoubt)
	}
}

// What is asked for directly leaves while all senders of the other lanes are busy with what they were given, and more
// than they can hold waits behind that.
func TestADirectMessageOvertakesEverything(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.backlog(100_000)
	ada := p.customer("email", "ada@example.com")
	for range 2000 {
		p.send(ada, owed, "hello")
	}
	stuck := make(chan struct{})
	c.gate = func(batch []channels.Outgoing) {
		if !batch[0].Direct {
			<-stuck
		}
	}
	c.ready.Store(true)
	p.run()
	p.t.Cleanup(func() { close(stuck) }) // before the senders are waited for
	p.eventually(func() bool { return c.called() >= 4 }, func() string { return "the other lanes' senders have not begun" })
	p.becomes(p.direct(ada), lifecycle.Accepted)
	p.becomes(p.direct(p.customer("email", "bob@example.com")), lifecycle.Accepted)
	if sent := c.sendings(nil); len(sent) != 2 {
		t.Errorf("%d messages have left, want the two that were asked for", len(sent))
	}
}

// Receivers that never answer hold up the calls that have something for them, and not what is for others.
func TestWhoNeverAnswersHoldsNobodyUp(t *testing.T) {
	p, hooks := hookPost(t)
	ada := p.customer()
	answers := make(chan struct{})
	t.Cleanup(func() { close(answers) }) // before the senders are waited for
	var silent atomic.Int32
	hooks.hold(func(batch []channels.Outgoing) {
		if strings.Contains(batch[0].To, "silent") {
			silent.Add(1)
			<-answers
		}
	})
	for i := range int32(5) {
		p.hook(ada, fmt.Sprintf("https://silent%d.example/", i))
		p.eventually(func() bool { return silent.Load() > i }, func() string { return fmt.Sprintf("%d calls wait", i) })
		if i == 0 {
			continue
		}
		all := []*lifecycle.Message{p.hook(ada, "https://live.example/"), p.hook(ada, "https://live.example/"), p.hook(ada, "https://other.example/")}
		p.clock.Advance(time.Second)
		for _, m := range all {
			p.becomes(m, lifecycle.Accepted)
		}
	}
	for i := range 10 { // if all of them are silent, it may be the connector
		p.hook(ada, fmt.Sprintf("https://silent%d.example/", 5+i))
		p.clock.Advance(time.Second)
		quiet()
	}
	if n := silent.Load(); n > 6 {
		t.Errorf("%d calls wait for an answer", n)
	}
}

// A connector that hangs altogether gets little more than it has: all of that may have left.
func TestAConnectorThatHangsGetsLittleMore(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.backlog(500)
	answers := make(chan struct{})
	var given, last atomic.Int32
	c.gate = func(batch []channels.Outgoing) {
		given.Add(1)
		last.Store(int32(len(batch)))
		<-answers
	}
	c.ready.Store(true)
	p.run()
	t.Cleanup(func() { close(answers) }) // before the senders are waited for
	p.eventually(func() bool { return given.Load() == 4 }, func() string { return fmt.Sprintf("%d calls", given.Load()) })
	for range 20 {
		p.clock.Advance(time.Second)
		quiet()
	}
	if n, m := given.Load(), last.Load(); n != 5 || m != 1 {
		t.Errorf("%d calls, the last one of %d messages", n, m)
	}
}

// The lane is like the others in all else: pauses hold it, policy is asked, retries come back to it.
func TestADirectMessageIsAskedAboutLikeOthers(t *testing.T) {
	c := replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, RetryAfter: time.Minute})
	p := newPost(t, c)
	p.run()
	m := p.direct(p.customer("email", "ada@example.com"))
	p.queuedFor(m, start.Add(time.Minute))
	p.clock.Advance(time.Minute)
	p.becomes(m, lifecycle.Accepted)
	if nobody := p.becomes(p.direct(p.customer()), lifecycle.Suppressed); nobody.Reason != lifecycle.BecauseNoAddress {
		t.Errorf("without an address it is %s (%s)", nobody.State, nobody.Reason)
	}
	if !p.delivery.Pause("email", true) {
		t.Fatal("there is a channel email")
	}
	held := p.direct(p.customer("email", "bob@example.com"))
	quiet()
	if p.look(held).State != lifecycle.Queued {
		t.Error("a paused channel has sent it")
	}
	p.delivery.Pause("email", false)
	p.queuedFor(held, p.clock.Now().Add(time.Minute)) // it was tried
}

// How long it takes from being asked for until the connector has a message, while marketing leaves as fast as it can.
//
//	go test ./app/delivery -run '^$' -bench DirectMessage -benchtime 50x
func BenchmarkDirectMessageBehindABacklog(b *testing.B) {
	for _, queued := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(queued), func(b *testing.B) {
			c := newConnector()
			c.ready.Store(false)
			p := newPost(b, c)
			p.backlog(queued)
			ada := p.customer("email", "ada@example.com")
			left := make(chan time.Time, 1)
			c.gate = func(batch []channels.Outgoing) {
				if batch[0].Direct {
					left <- time.Now()
				} else {
					time.Sleep(10 * time.Millisecond)
				}
			}
			c.ready.Store(true)
			p.run()
			for deadline := time.Now().Add(20 * time.Second); len(c.sendings(nil)) < 1000 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			var took []time.Duration
			b.ResetTimer()
			for range b.N {
				begun := time.Now()
				p.direct(ada)
				took = append(took, (<-left).Sub(begun))
			}
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/max")
			b.ReportMetric(float64(queued-len(c.sendings(nil))), "still-queued")
		})
	}
}

// What was asked for and not sent yet is sent by the next start of the program.
func TestADirectMessageSurvivesACrash(t *testing.T) {
	c := newConnector()
	c.ready.Store(false)
	p := newPost(t, c)
	p.run()
	m := p.direct(p.customer("email", "ada@example.com"))
	p.stop()
	p.crash()
	p.run()
	p.becomes(m, lifecycle.Accepted)
	if sent := p.connector.sendings(m); len(sent) != 1 || !sent[0].Direct {
		t.Errorf("it was sent as %+v", sent)
	}
}
