package delivery_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// receivers are a connector of webhooks whose answers change.
type receivers struct {
	*connector
	now atomic.Pointer[func(channels.Outgoing) lifecycle.Receipt]
}

func (r *receivers) set(answer func(channels.Outgoing) lifecycle.Receipt) { r.now.Store(&answer) }

// hookPost is a delivery with the channel of webhooks, whose receivers take everything at first.
func hookPost(t *testing.T) (*post, *receivers) {
	hooks := &receivers{connector: newConnector()}
	hooks.set(accepts)
	hooks.answer = func(m channels.Outgoing) lifecycle.Receipt { return (*hooks.now.Load())(m) }
	p := newPost(t, newConnector(), func(p *post) { p.webhook, hooks.clock = hooks.connector, p.clock })
	p.run()
	return p, hooks
}

func (p *post) hook(customer lifecycle.ID, url string) *lifecycle.Message {
	p.t.Helper()
	m := p.message(customer, owed, "hooks.example.com")
	m.Channel, m.Options = "webhook", map[string]string{"url": url, "payload": `{}`}
	p.put(m)
	return m
}

func answered(outcome lifecycle.Outcome, status int, reason string) func(channels.Outgoing) lifecycle.Receipt {
	return func(channels.Outgoing) lifecycle.Receipt {
		return lifecycle.Receipt{Outcome: outcome, Reason: reason, Reply: &lifecycle.Reply{Status: status, Took: 34, Text: "said so"}}
	}
}

var (
	accepts = answered(lifecycle.OutcomeAccepted, 200, "")
	refuses = answered(lifecycle.OutcomePermanent, 404, "not here")
	tired   = answered(lifecycle.OutcomeTemporary, 503, "not now")
)

func (p *post) endpoints() []delivery.Endpoint {
	p.t.Helper()
	list, err := p.delivery.Endpoints(p.t.Context())
	p.must(err)
	return list
}

// The answers of all attempts are kept, and a message that has failed is posted once more with the same ID.
func TestReplay(t *testing.T) {
	p, hooks := hookPost(t)
	ada := p.customer()
	hooks.set(tired)
	m := p.hook(ada, "https://hooks.example.com/x")
	p.queuedFor(m, start.Add(5*time.Second))
	hooks.set(refuses)
	p.clock.Advance(5 * time.Second)
	p.becomes(m, lifecycle.Failed)
	ref := p.look(m).Ref
	hooks.set(accepts)
	p.clock.Advance(time.Hour)
	p.must(p.delivery.ReplayMessage(t.Context(), ref, "Grace"))
	full := p.becomes(m, lifecycle.Accepted)
	if full.Attempts != 3 || full.Reason != "" {
		t.Errorf("the message is %+v", full.Message)
	}
	sent := hooks.sendings(m)
	if len(sent) != 3 || sent[2].Text != sent[0].Text || sent[2].ID != sent[0].ID {
		t.Errorf("what was posted: %+v", sent)
	}
	p.lifeIs(m, `
0 decided webhook
0 queued until 0
0 policy
0 attempt 1 https://hooks.example.com/x
0 temporary 1 not now until 5
5 attempt 2 https://hooks.example.com/x
5 answer 2
5 settled failed not here
3605 replayed 2 by Grace
3605 attempt 3 https://hooks.example.com/x
3605 answer 3
3605 settled accepted`)
	life, err := p.delivery.LifeOf(t.Context(), ref)
	p.must(err)
	for i, status := range map[int]int{4: 503, 6: 404, 10: 200} {
		if reply := life.Steps[i].Reply; reply == nil || reply.Status != status || reply.Took != 34 || reply.Text != "said so" {
			t.Errorf("the reply of step %d is %+v", i, reply)
		}
	}
	// What was accepted may be posted again too; mail may not, nor what never was attempted.
	p.must(p.delivery.ReplayMessage(t.Context(), ref, "Grace"))
	p.eventually(func() bool { return len(hooks.sendings(m)) == 4 }, func() string { return "it was not posted again" })
	mail := p.send(p.customer("email", address), owed, "hello")
	p.becomes(mail, lifecycle.Accepted)
	test := p.message(ada, owed, "hooks.example.com")
	test.Channel, test.Test, test.Options = "webhook", true, m.Options
	p.put(test)
	for _, other := range []*lifecycle.Message{mail, test} {
		if err := p.delivery.ReplayMessage(t.Context(), p.look(other).Ref, "Grace"); lifecycle.CodeOf(err) != lifecycle.Conflict {
			t.Errorf("%s: %v", other.Channel, err)
		}
	}
	if err := p.delivery.ReplayMessage(t.Context(), "1-zz", "Grace"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Error(err)
	}
}

// A replayed message is tried as often as a new one.
func TestAReplayCountsAnew(t *testing.T) {
	p, hooks := hookPost(t)
	hooks.set(tired)
	m := p.hook(p.customer(), "https://hooks.example.com/x")
	for round := 1; round <= 2; round++ {
		for {
			full := p.look(m)
			if full.State == lifecycle.Failed {
				break
			}
			attempts := full.Attempts
			p.clock.Set(maxTime(full.Due, p.clock.Now()))
			p.eventually(func() bool { now := p.look(m); return now.Attempts > attempts || now.State == lifecycle.Failed }, func() string { return "no attempt" })
		}
		if full := p.look(m); full.Attempts != 30*round {
			t.Errorf("after round %d: %d attempts", round, full.Attempts)
		}
		if round == 1 {
			p.must(p.delivery.ReplayMessage(t.Context(), p.look(m).Ref, "Grace"))
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// All that has failed since a time is posted once more, part by part, each once, and nothing else.
func TestReplayFailed(t *testing.T) {
	p, hooks := hookPost(t)
	hooks.set(refuses)
	var people []lifecycle.ID
	for range 20 {
		people = append(people, p.customer())
	}
	old := p.hook(people[0], "https://hooks.example.com/x")
	p.becomes(old, lifecycle.Failed)
	p.clock.Advance(time.Hour)
	since := p.clock.Now()
	var failed []*lifecycle.Message
	for i := range 2*delivery.MaxReplay + 50 {
		failed = append(failed, p.hook(people[i%len(people)], "https://hooks.example.com/x?n=1"))
	}
	other := p.hook(people[1], "https://other.example.com/")
	for _, m := range append(failed, other) {
		p.becomes(m, lifecycle.Failed)
	}
	hooks.set(accepts)
	count, calls := 0, 0
	for next := []byte(nil); ; calls++ {
		done, err := p.delivery.ReplayFailed(t.Context(), delivery.Filter{From: since}, "https://hooks.example.com/x", "Grace", next)
		p.must(err)
		if count += done.Count; done.Count > delivery.MaxReplay {
			t.Fatalf("one call replays %d", done.Count)
		}
		if next = done.Next; next == nil {
			break
		}
	}
	if count != len(failed) || calls < 2 {
		t.Errorf("%d were replayed in %d calls, want %d", count, calls+1, len(failed))
	}
	for _, m := range failed {
		p.becomes(m, lifecycle.Accepted)
		if n := len(hooks.sendings(m)); n != 2 {
			t.Fatalf("a message was posted %d times", n)
		}
	}
	p.becomes(old, lifecycle.Failed)
	p.becomes(other, lifecycle.Failed)
}

// An endpoint that has taken nothing for five days is paused, with its reason, over a restart too; others are not. A day
// later it gets a chance, and what it takes lets everything go on.
func TestAnEndpointThatFailsIsPaused(t *testing.T) {
	p, hooks := hookPost(t)
	ada := p.customer()
	var broken atomic.Bool
	broken.Store(true)
	hooks.set(func(m channels.Outgoing) lifecycle.Receipt {
		if broken.Load() && strings.HasPrefix(m.To, "https://hooks.example.com/broken") {
			return refuses(m)
		}
		return accepts(m)
	})
	for day := range 6 {
		if list := p.endpoints(); day > 0 && (len(list) != 1 || list[0].Endpoint != "https://hooks.example.com/broken" ||
			!list[0].Since.Equal(start) || list[0].Failures != day || !list[0].Paused.IsZero()) {
			t.Errorf("on day %d the endpoints are %+v", day, list)
		}
		p.becomes(p.hook(ada, "https://hooks.example.com/broken?key=1"), lifecycle.Failed)
		p.becomes(p.hook(ada, "https://hooks.example.com/whole"), lifecycle.Accepted)
		p.eventually(func() bool { list := p.endpoints(); return len(list) == 1 && list[0].Failures == day+1 }, func() string { return "not written down" })
		if day < 5 {
			p.clock.Advance(24 * time.Hour)
		}
		if day == 2 {
			p.stop()
			p.crash()
			p.run()
		}
	}
	at := p.clock.Now()
	target := delivery.Target{Channel: "webhook", Endpoint: "https://hooks.example.com/broken"}
	paused := func() (is bool) {
		orders, err := p.delivery.Orders(t.Context())
		p.must(err)
		for _, o := range orders.Pauses {
			is = is || o.Target == target && o.By == "Stagecraft" && strings.Contains(o.Why, "not here") && strings.Contains(o.Why, "2026-03-01")
		}
		return is
	}
	p.eventually(paused, func() string { return "it was not paused" })
	if list := p.endpoints(); !list[0].Paused.Equal(at) {
		t.Errorf("the endpoints are %+v", list)
	}
	waits := p.hook(ada, "https://hooks.example.com/broken?key=2")
	p.becomes(p.hook(ada, "https://hooks.example.com/whole"), lifecycle.Accepted)
	p.eventually(func() bool { return strings.HasPrefix(p.look(waits).Reason, "paused by Stagecraft") }, func() string { return "it does not wait" })
	if n := len(hooks.sendings(waits)); n != 0 {
		t.Errorf("it was posted %d times", n)
	}
	// The first chance is in vain.
	p.clock.Advance(24 * time.Hour)
	p.becomes(waits, lifecycle.Failed)
	p.eventually(paused, func() string { return "it was not paused again" })
	broken.Store(false)
	saved := p.hook(ada, "https://hooks.example.com/broken?key=3")
	p.holds(1)
	p.clock.Advance(24 * time.Hour)
	p.becomes(saved, lifecycle.Accepted)
	p.eventually(func() bool { return !paused() && len(p.endpoints()) == 0 }, func() string { return "it is not forgotten" })
}

// What an operator has paused is not resumed by anybody else.
func TestAnOperatorsPauseOfAnEndpointStays(t *testing.T) {
	p, hooks := hookPost(t)
	target := delivery.Target{Endpoint: "https://hooks.example.com/x"}
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Endpoint: "HTTPS://Hooks.example.com/x?key=1"}, "Grace", ""))
	m := p.hook(p.customer(), "https://HOOKS.example.com/x?a=b#c")
	p.holds(1)
	p.becomes(p.hook(m.Customer, "https://hooks.example.com/y"), lifecycle.Accepted)
	p.must(p.delivery.ResumeMessages(t.Context(), target, "ops"))
	p.becomes(m, lifecycle.Accepted)
	if len(hooks.sendings(m)) != 1 {
		t.Error("it was not posted once")
	}
	long := "https://hooks.example.com/" + strings.Repeat("x", 1500)
	hooks.set(refuses)
	p.becomes(p.hook(m.Customer, long), lifecycle.Failed)
	p.eventually(func() bool { return len(p.endpoints()) == 1 }, func() string { return "not written down" })
	if name := p.endpoints()[0].Endpoint; len(name) > 300 {
		t.Errorf("an endpoint is named by %d bytes", len(name))
	}
}

// A person's pause takes the place of one of ours, which no chance lifts then; ours takes nobody's place.
func TestAPersonsPauseTakesThePlaceOfOurs(t *testing.T) {
	p, hooks := hookPost(t)
	quiet() // senders begin
	target := delivery.Target{Channel: "webhook", Endpoint: "https://hooks.example.com/x"}
	for _, by := range []string{"Stagecraft", "Grace", "Stagecraft", "Ada"} {
		p.must(p.delivery.PauseMessages(t.Context(), target, by, "of "+by))
	}
	orders, err := p.delivery.Orders(t.Context())
	p.must(err)
	if len(orders.Pauses) != 1 || orders.Pauses[0].By != "Grace" || orders.Pauses[0].Why != "of Grace" {
		t.Errorf("paused: %+v", orders.Pauses)
	}
	m := p.hook(p.customer(), "https://hooks.example.com/x")
	p.holds(1)
	p.clock.Advance(25 * time.Hour)
	p.becomes(p.hook(m.Customer, "https://hooks.example.com/y"), lifecycle.Accepted)
	quiet()
	if n := len(hooks.sendings(m)); n != 0 {
		t.Error("it was posted in spite of the pause")
	}
	p.must(p.delivery.ResumeMessages(t.Context(), target, "Grace"))
	p.becomes(m, lifecycle.Accepted)
	marketing := delivery.Target{Channel: "webhook", Kind: wanted}
	p.must(p.delivery.PauseMessages(t.Context(), marketing, "the connector", "too many bounced"))
	p.must(p.delivery.PauseMessages(t.Context(), marketing, "Grace", "until they are cleaned"))
	if orders, err = p.delivery.Orders(t.Context()); err != nil || len(orders.Pauses) != 1 || orders.Pauses[0].By != "Grace" {
		t.Errorf("paused: %+v, %v", orders.Pauses, err)
	}
}

// A pause of ours that outlives what was known of its endpoint ends with the next chance.
func TestAForgottenEndpointGetsItsChance(t *testing.T) {
	p, _ := hookPost(t)
	quiet() // senders begin
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "webhook", Endpoint: "https://hooks.example.com/x"}, "Stagecraft", "it failed"))
	m := p.hook(p.customer(), "https://hooks.example.com/x")
	p.holds(1)
	p.clock.Advance(25 * time.Hour)
	p.becomes(m, lifecycle.Accepted)
}

// Who replays a message wants it more lately than who cancelled it.
func TestAReplayIsLaterThanACancellation(t *testing.T) {
	p, hooks := hookPost(t)
	hooks.set(refuses)
	m := p.hook(p.customer(), "https://hooks.example.com/x")
	p.becomes(m, lifecycle.Failed)
	_, err := p.delivery.CancelMessages(t.Context(), delivery.Target{Channel: "webhook"}, "ops", "")
	p.must(err)
	hooks.set(accepts)
	p.clock.Advance(time.Second)
	p.must(p.delivery.ReplayMessage(t.Context(), p.look(m).Ref, "Grace"))
	p.becomes(m, lifecycle.Accepted)
}
