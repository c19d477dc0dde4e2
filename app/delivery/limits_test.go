package delivery_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// slow is a connector that takes so long for each message, and does one at a time.
func slow(c *connector, each time.Duration) {
	turn := make(chan struct{}, 1)
	c.gate = func(batch []channels.Outgoing) {
		turn <- struct{}{}
		defer func() { <-turn }()
		_ = c.clock.Wait(context.Background(), c.clock.Now().Add(time.Duration(len(batch))*each))
	}
}

// second lets one go by and gives senders the time to do what they should in it.
func (p *post) second() {
	for range 5 {
		p.clock.Advance(200 * time.Millisecond)
		time.Sleep(5 * time.Millisecond)
	}
}

// What waits for its channel's rate, or for room with its connector, is not chosen before it may leave: whatever is said against
// it meanwhile holds it back, and what is allowed again leaves once.
func TestWhatWaitsForALimitIsStillOurs(t *testing.T) {
	everything := delivery.Target{Channel: "email"}
	orders := map[string]struct {
		stop   func(p *post, ada lifecycle.ID)
		resume *delivery.Target // nil: nothing leaves any more
	}{
		"the channel is paused": {func(p *post, _ lifecycle.ID) { p.must(p.delivery.PauseMessages(p.t.Context(), everything, "ops", "")) }, &everything},
		"the journey is paused": {func(p *post, _ lifecycle.ID) {
			p.must(p.delivery.PauseMessages(p.t.Context(), delivery.Target{Journey: "j"}, "ops", ""))
		}, &delivery.Target{Journey: "j"}},
		"the message is paused": {func(p *post, _ lifecycle.ID) {
			p.must(p.delivery.PauseMessages(p.t.Context(), delivery.Target{Name: "hello"}, "ops", ""))
		}, &delivery.Target{Name: "hello"}},
		"it is cancelled": {func(p *post, _ lifecycle.ID) {
			_, err := p.delivery.CancelMessages(p.t.Context(), everything, "ops", "")
			p.must(err)
		}, nil},
		"consent is withdrawn": {func(p *post, ada lifecycle.ID) { p.says(ada, lifecycle.Consent{Source: "preferences"}) }, nil},
		"the stage is left": {func(p *post, ada lifecycle.ID) {
			p.change(ada, func(c *lifecycle.Customer) { c.SetLeft("j", "a", p.clock.Now().Add(time.Hour)) })
		}, nil},
		"the customer is erased": {func(p *post, ada lifecycle.ID) {
			p.do(ada.Partition(), func(tx store.Tx) {
				tx.Delete(append([]byte{'c'}, ada[:]...))
				if _, err := p.delivery.Forget(tx, []lifecycle.ID{ada}, nil, 1000); err != nil {
					panic(err)
				}
			})
		}, nil},
	}
	for limit, limits := range map[string]channels.Limits{"rate": {Rate: 1}, "concurrency": {Concurrency: 1}, "neither": {}} {
		for name, order := range orders {
			t.Run(limit+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := newConnector()
				c.limits = channels.NewGate(limits)
				p := newPost(t, c)
				if limits.Rate == 0 {
					slow(c, 600*time.Millisecond)
				}
				p.run()
				ada := p.customer("email", address)
				left := func() int { return len(c.sendings(nil)) }
				var all []*lifecycle.Message
				for i := range 19 {
					all = append(all, p.message(ada, wanted, "hello"))
					if i < 3 { // some come by as they are decided
						p.put(all[i])
						p.clock.Advance(time.Millisecond)
					}
				}
				p.put(all[3:]...)
				p.eventually(func() bool { p.second(); return left() >= 3 }, func() string { return "they do not leave" })
				order.stop(p, ada)
				began := p.clock.Now()
				for range 30 {
					p.second()
				}
				for _, s := range c.sendings(nil) {
					// What a slow connector has in its hands comes to its end: a call is sized for a few seconds.
					if late := s.at.Sub(began); late > 1200*time.Millisecond && !(limits == (channels.Limits{}) && late <= 12*time.Second) {
						t.Errorf("one left %s after the order", late)
					}
				}
				if n := left(); n == len(all) {
					t.Errorf("%d of %d have left", n, len(all))
				}
				if order.resume != nil {
					p.must(p.delivery.ResumeMessages(t.Context(), *order.resume, "ops"))
					p.eventually(func() bool { p.second(); return left() >= len(all) }, func() string { return "they do not leave after all" })
				}
				for _, m := range all {
					if n := len(c.sendings(m)); n > 1 || order.resume != nil && n != 1 {
						t.Errorf("one has left %d times", n)
					}
				}
			})
		}
	}
}

// What could not be begun in time, as a connection had to be made first, has used nothing of the rate: at the next turn of a slow one
// that connection would be closed again, and it would never leave.
func TestWhatWasNotBegunUsesNoRate(t *testing.T) {
	c := newConnector()
	c.limits = channels.NewGate(channels.Limits{Rate: 1.0 / 120})
	p := newPost(t, c)
	var opened time.Time
	c.answer = func(channels.Outgoing) lifecycle.Receipt {
		if c.clock.Now().Sub(opened) > 30*time.Second {
			opened = c.clock.Now()
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "too slow", Untried: true}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	p.run()
	ada := p.customer("email", address)
	one := p.send(ada, owed, "hello")
	p.queuedFor(one, start.Add(time.Second))
	p.clock.Advance(time.Second)
	p.becomes(one, lifecycle.Accepted)
	two := p.send(ada, owed, "hello")
	p.clock.Advance(119 * time.Second)
	quiet()
	if full := p.look(two); full.State != lifecycle.Queued || full.Reason != "" {
		t.Errorf("another one is %s (%s) before its turn", full.State, full.Reason)
	}
	p.clock.Advance(time.Second)
	p.queuedFor(two, p.clock.Now().Add(time.Second))
}

// A rate is reached exactly, also where much of what comes up may not leave.
func TestNothingOfARateIsLost(t *testing.T) {
	c := newConnector()
	c.limits = channels.NewGate(channels.Limits{Rate: 1})
	p := newPost(t, c)
	ada, bob := p.customer("email", address), p.customer("email", "bob@example.com")
	p.says(bob, lifecycle.Consent{Source: "preferences"})
	var all []*lifecycle.Message
	for i := range 300 {
		all = append(all, p.message([]lifecycle.ID{ada, bob, bob}[i%3], wanted, "hello"))
	}
	p.put(all...)
	p.run()
	for second := range 20 {
		p.eventually(func() bool { return len(c.sendings(nil)) > second }, func() string { return "a second's message has not left" })
		quiet()
		if n := len(c.sendings(nil)); n != second+1 {
			t.Fatalf("%d have left after %d seconds", n, second)
		}
		p.clock.Advance(time.Second)
	}
	if attempts := p.look(all[len(all)-3]).Attempts; attempts != 0 {
		t.Errorf("%d attempts of one that waits", attempts)
	}
}

// What is owed does not wait behind the marketing that waits for a rate, but takes turns with it; what is asked for directly waits
// for nobody.
func TestLanesShareARate(t *testing.T) {
	c := newConnector()
	c.limits = channels.NewGate(channels.Limits{Rate: 1})
	p := newPost(t, c)
	ada := p.customer("email", address)
	var marketing []*lifecycle.Message
	for range 200 {
		marketing = append(marketing, p.message(ada, wanted, "hello"))
	}
	p.put(marketing...)
	p.run()
	p.eventually(func() bool { return len(c.sendings(nil)) == 1 }, func() string { return "the first does not leave" })
	p.becomes(p.direct(ada), lifecycle.Accepted) // the clock stands still
	due := p.send(ada, owed, "hello")
	before := p.clock.Now()
	p.eventually(func() bool { p.second(); return len(c.sendings(due)) == 1 }, func() string { return "what is owed does not leave" })
	if took := c.sendings(due)[0].at.Sub(before); took > 5*time.Second {
		t.Errorf("it waited for %s", took)
	}
}

// What was claimed as it was decided and has no more turn before the program ends is not in doubt after the next start.
func TestWhatWaitsForARateAtTheEnd(t *testing.T) {
	c := newConnector()
	c.limits = channels.NewGate(channels.Limits{})
	p := newPost(t, c)
	ada := warm(p)
	c.limits.Set(channels.Limits{Rate: 0.001})
	sent := len(c.sendings(nil))
	var all []*lifecycle.Message
	for range 20 {
		all = append(all, p.send(ada, wanted, "hello"))
	}
	p.eventually(func() bool { return len(c.sendings(nil)) > sent }, func() string { return "the first does not leave" })
	p.stop()
	p.crash()
	p.run()
	p.clock.Advance(time.Minute)
	for _, m := range all {
		if full := p.becomes(m, lifecycle.Accepted); full.InDoubt != 0 || full.Attempts != 1 {
			t.Errorf("%d in doubt, %d attempts", full.InDoubt, full.Attempts)
		}
	}
}

// Where few may be with the connector at once, little is claimed ahead of them, however soon each is answered; and the end of the
// program does not wait for what is.
func TestFewAtOnce(t *testing.T) {
	c := newConnector()
	c.limits = channels.NewGate(channels.Limits{})
	p := newPost(t, c)
	ada := warm(p)
	c.limits.Set(channels.Limits{Concurrency: 1})
	c.mu.Lock()
	slow(c, 50*time.Millisecond)
	c.mu.Unlock()
	var all []*lifecycle.Message
	for range 150 {
		for range 10 {
			all = append(all, p.message(ada, wanted, "hello"))
		}
		p.put(all[len(all)-10:]...)
		p.clock.Advance(50 * time.Millisecond)
		time.Sleep(time.Millisecond)
	}
	ahead := 0
	for _, m := range all {
		if full := p.look(m); full.State == lifecycle.Queued && full.Rendered != nil {
			ahead++
		}
	}
	if ahead > 600 {
		t.Errorf("%d are claimed ahead", ahead)
	}
	began, stopped := p.clock.Now(), make(chan struct{})
	go func() { defer close(stopped); p.stop() }()
	p.eventually(func() bool {
		select {
		case <-stopped:
			return true
		default:
			p.clock.Advance(50 * time.Millisecond)
			return false
		}
	}, func() string { return "it does not end" })
	if took := p.clock.Now().Sub(began); took > 10*time.Second {
		t.Errorf("the end took %s", took)
	}
	p.crash()
	p.run()
	p.clock.Advance(time.Minute)
	for _, m := range all {
		if full := p.becomes(m, lifecycle.Accepted); full.InDoubt != 0 || full.Attempts != 1 {
			t.Fatalf("%d in doubt, %d attempts", full.InDoubt, full.Attempts)
		}
	}
}

// A connector is given as much as it answers in seconds, so that what is said against a message comes in time, and what left is
// known to have left.
func TestACallIsAnsweredSoon(t *testing.T) {
	for name, test := range map[string]struct {
		each              time.Duration // for a message; it does one at a time
		n                 int           // messages
		least, most, with int           // the largest call, and how many are with the connector at the same time at most
	}{
		"prompt": {0, 3000, 100, 100, 3000},
		"slow":   {1500 * time.Millisecond, 40, 1, 4, 8},
		"slower": {8 * time.Second, 12, 1, 2, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var largest, with, most int
			c := newConnector()
			slow(c, test.each)
			serve := c.gate
			c.gate = func(batch []channels.Outgoing) {
				mu.Lock()
				largest, with = max(largest, len(batch)), with+len(batch)
				most = max(most, with)
				mu.Unlock()
				serve(batch)
				mu.Lock()
				with -= len(batch)
				mu.Unlock()
			}
			p := newPost(t, c)
			var people []lifecycle.ID
			for range lifecycle.Partitions {
				people = append(people, p.customer("email", address))
			}
			var all []*lifecycle.Message
			for i := range test.n {
				all = append(all, p.message(people[i%len(people)], wanted, "hello"))
			}
			p.put(all...)
			p.run()
			p.eventually(func() bool {
				if test.each > 0 {
					p.second()
				}
				return p.facts.count("queued>accepted") == test.n
			}, func() string { return "they do not leave" })
			mu.Lock()
			defer mu.Unlock()
			if largest < test.least || largest > test.most || most > test.with {
				t.Errorf("%d messages in the largest call, %d with the connector", largest, most)
			}
		})
	}
}

// hasty is a connector that does one message at a time, begins none later than a second after its call was made, and gives back the
// others.
type hasty struct {
	*connector
	turn chan struct{}

	mu     sync.Mutex
	each   time.Duration // for a message
	handed int
	begun  []time.Time
}

func (h *hasty) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(batch))
	late, cancel := context.WithCancel(ctx)
	defer cancel()
	until := h.clock.Now().Add(time.Second)
	go func() { _ = h.clock.Wait(late, until); cancel() }()
	h.change(func() { h.handed += len(batch) })
	for i, m := range batch {
		receipts[i] = lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "too slow", Untried: true}
		select {
		case h.turn <- struct{}{}:
		case <-late.Done():
			continue
		}
		if now := h.clock.Now(); now.Before(until) {
			each := time.Duration(0)
			h.change(func() { h.begun, each = append(h.begun, now), h.each })
			_ = h.clock.Wait(ctx, now.Add(each))
			receipts[i] = h.connector.Send(ctx, []channels.Outgoing{m})[0]
		}
		<-h.turn
	}
	return receipts
}

func (h *hasty) change(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

func (h *hasty) counts() (handed, begun int, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if begun = len(h.begun); begun > 0 {
		last = h.begun[begun-1]
	}
	return h.handed, begun, last
}

// A connector that was fast and becomes slow is soon given no more than it begins. What it gives back was not tried, and is ours
// again: an order about it counts.
func TestAConnectorThatBecomesSlow(t *testing.T) {
	c := newConnector()
	h := &hasty{connector: c, turn: make(chan struct{}, 1)}
	p := newPost(t, c, func(p *post) { p.connect = func(d *delivery.Delivery) { d.Connect("letter", h) } })
	var people []lifecycle.ID
	for range lifecycle.Partitions {
		people = append(people, p.customer("name", "Ada", "address", home))
	}
	put := func(n int) (all []*lifecycle.Message) {
		for i := range n {
			m := p.message(people[i%len(people)], wanted, "hello")
			m.Channel = "letter"
			all = append(all, m)
		}
		p.put(all...)
		return all
	}
	p.run()
	begun := func() int { _, n, _ := h.counts(); return n }
	put(3000)
	p.eventually(func() bool { return begun() == 3000 }, func() string { return "they do not leave" })
	h.change(func() { h.each = 100 * time.Millisecond })
	all := put(1000)
	pass := func(n int) {
		t.Helper()
		p.eventually(func() bool { p.second(); return begun() >= n }, func() string { return "what is given back does not leave" })
	}
	pass(3100)
	handed, before, _ := h.counts()
	pass(3300)
	now, after, _ := h.counts()
	if now-handed > 2*(after-before) {
		t.Errorf("%d were handed over for %d that were begun", now-handed, after-before)
	}
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "letter"}, "ops", ""))
	ordered := p.clock.Now()
	for range 20 {
		p.second()
	}
	if _, n, last := h.counts(); last.Sub(ordered) > 1200*time.Millisecond || n == 4000 {
		t.Errorf("%d have left, the last one %v after the order", n, last.Sub(ordered))
	}
	h.change(func() { h.each = 0 })
	p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "letter"}, "ops"))
	pass(4000)
	for _, m := range all[:50] {
		if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 1 || len(c.sendings(m)) != 1 {
			t.Errorf("%d attempts, left %d times", full.Attempts, len(c.sendings(m)))
		}
	}
}
