package delivery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

func (p *post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// A paused channel's messages stay in their lanes, over a restart too, and none of them is touched; another channel does
// not notice. Resumed, they leave.
func TestAPausedChannelKeepsItsMessages(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.further = []string{"sms"} })
	p.run()
	ctx, ada := context.Background(), p.customer("email", address, "phone", "+491701234567")
	p.must(p.delivery.PauseMessages(ctx, delivery.Target{Channel: "email"}, "ops", "the template is wrong"))
	p.must(p.delivery.PauseMessages(ctx, delivery.Target{Channel: "email"}, "someone else", ""))
	var held []*lifecycle.Message
	for i := range 200 {
		held = append(held, p.message(ada, []lifecycle.MessageKind{owed, wanted}[i%2], "hello"))
	}
	p.put(held...)
	other := p.by("sms", ada, owed, "hello")
	p.becomes(other, lifecycle.Accepted)
	quiet()
	if n := p.parked(); n != 0 {
		t.Errorf("%d messages were taken out of their lanes", n)
	}
	full := p.look(held[0])
	if full.State != lifecycle.Queued || full.Attempts != 0 || full.Reason != "paused by ops: the template is wrong" {
		t.Errorf("a paused message is %+v", full.Message)
	}
	p.stop()
	p.crash()
	p.run()
	quiet()
	if n := len(p.connector.sendings(nil)); n != 0 {
		t.Errorf("%d messages left over a restart", n)
	}
	orders, err := p.delivery.Orders(ctx)
	if err != nil || len(orders.Pauses) != 1 || orders.Pauses[0].By != "ops" || !orders.Pauses[0].At.Equal(start) {
		t.Errorf("the orders are %+v, %v", orders, err)
	}
	p.must(p.delivery.ResumeMessages(ctx, delivery.Target{Channel: "email"}, "ops"))
	p.must(p.delivery.ResumeMessages(ctx, delivery.Target{Channel: "email"}, "ops"))
	for _, m := range held {
		p.becomes(m, lifecycle.Accepted)
	}
	if n := len(p.connector.sendings(nil)); n != len(held) {
		t.Errorf("%d messages left, want %d", n, len(held))
	}
}

// A pause of a journey or of a message's name parks what it covers; the rest leaves. Of two pauses over one message both
// have to be taken back.
func TestPausesOfJourneysAndNames(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ctx, ada := context.Background(), p.customer("email", address, "first_name", "Ada")
	byName := delivery.Target{Journey: "j", Name: "hello"}
	byJourney := delivery.Target{Journey: "j"}
	p.must(p.delivery.PauseMessages(ctx, byName, "ops", ""))
	hello, personal := p.send(ada, wanted, "hello"), p.send(ada, wanted, "personal")
	p.becomes(personal, lifecycle.Accepted)
	p.holds(1)
	p.must(p.delivery.PauseMessages(ctx, byJourney, "ops", ""))
	p.must(p.delivery.ResumeMessages(ctx, byName, "ops"))
	p.eventually(func() bool { return p.look(hello).Reason == "paused by ops" && p.parked() == 1 }, func() string { return "not parked again" })
	p.must(p.delivery.ResumeMessages(ctx, byJourney, "ops"))
	p.becomes(hello, lifecycle.Accepted)
	p.holds(0)
}

// A message that waits for another reason once its pause was taken back is not said to be paused.
func TestAPauseThatIsOverIsNoReason(t *testing.T) {
	for name, target := range map[string]delivery.Target{"channel": {Channel: "email"}, "journey": {Journey: "j"}} {
		p := newPost(t, newConnector())
		p.run()
		p.must(p.delivery.PauseMessages(context.Background(), target, "ops", "a wrong price"))
		m := p.send(p.customer("email", address), wanted, "hello")
		p.eventually(func() bool { return p.look(m).Reason == "paused by ops: a wrong price" }, func() string { return name + ": it is not paused" })
		p.connector.ready.Store(false)
		p.must(p.delivery.ResumeMessages(context.Background(), target, "ops"))
		p.eventually(func() bool { return p.look(m).Reason == "" }, func() string { return name + ": it is " + p.look(m).Reason })
		if full := p.look(m); full.State != lifecycle.Queued {
			t.Errorf("%s: it is %+v", name, full.Message)
		}
	}
}

// A cancellation settles what is queued, in lanes and parked, and nothing that is decided later.
func TestCancel(t *testing.T) {
	p := newPost(t, newConnector())
	p.run()
	ctx, ada, ben := context.Background(), p.customer("email", address), p.customer("email", address)
	p.must(p.delivery.PauseMessages(ctx, delivery.Target{Name: "hello"}, "ops", ""))
	var hellos []*lifecycle.Message
	for i := range 1300 {
		m := p.message([]lifecycle.ID{ada, ben}[i%2], wanted, "hello")
		if i%3 == 0 {
			m.Due = start.Add(time.Hour)
		}
		hellos = append(hellos, m)
	}
	later := p.message(ada, wanted, "insistent")
	later.Due = start.Add(time.Hour)
	p.put(append(hellos, later)...)
	id, err := p.delivery.CancelMessages(ctx, delivery.Target{Journey: "j", Name: "hello"}, "ops", "a wrong\nprice")
	p.must(err)
	p.counts("queued>cancelled", len(hellos))
	if full := p.look(hellos[0]); full.State != lifecycle.Cancelled || full.Reason != "cancelled by ops: a wrong price" || !full.Settled.Equal(start) {
		t.Errorf("a cancelled message is %+v", full.Message)
	}
	p.eventually(func() bool {
		orders, err := p.delivery.Orders(ctx)
		p.must(err)
		c := orders.Cancels
		return len(c) == 1 && c[0].ID == id && c[0].Done && c[0].Count == len(hellos)
	}, func() string { o, _ := p.delivery.Orders(ctx); return fmt.Sprintf("the orders are %+v", o) })
	p.holds(0)
	p.must(p.delivery.ResumeMessages(ctx, delivery.Target{Name: "hello"}, "ops"))
	p.clock.Advance(time.Hour)
	p.becomes(later, lifecycle.Accepted)
	p.becomes(p.send(ada, wanted, "hello"), lifecycle.Accepted)
	if n := len(p.connector.sendings(nil)); n != 2 {
		t.Errorf("%d messages left, want 2", n)
	}
}

// What was with a connector while it was cancelled, and comes back, does not leave again.
func TestACancelledMessageIsNotRetried(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "greylisted"}))
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	p.queuedFor(m, start.Add(5*time.Second))
	ref := p.look(m).Ref
	p.must(p.delivery.CancelMessage(t.Context(), ref, "ops", ""))
	p.must(p.delivery.CancelMessage(t.Context(), ref, "ops", ""))
	p.clock.Advance(time.Minute)
	quiet()
	if full := p.look(m); full.State != lifecycle.Cancelled || full.Attempts != 1 || len(p.connector.sendings(nil)) != 1 {
		t.Errorf("the message is %+v", full.Message)
	}
	p = newPost(t, newConnector())
	p.run()
	sent := p.send(p.customer("email", address), owed, "hello")
	p.becomes(sent, lifecycle.Accepted)
	if err := p.delivery.CancelMessage(t.Context(), p.look(sent).Ref, "ops", ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("an accepted message was cancelled: %v", err)
	}
}

func TestOrdersAreChecked(t *testing.T) {
	p := newPost(t, newConnector())
	for _, target := range []delivery.Target{{}, {Channel: "a\x01b"}, {Name: strings.Repeat("x", 10000)}, {Journey: "a\x00"}} {
		if err := p.delivery.PauseMessages(t.Context(), target, "ops", ""); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%q may be paused: %v", target, err)
		}
	}
}

// While messages are held, nothing is asked about them, however many they are and however much time goes by.
func TestAPauseCostsNothing(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.further = []string{"sms"} })
	p.run()
	ada := p.customer("email", address, "phone", "+491701234567")
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "sms"}, "ops", ""))
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Name: "personal"}, "ops", ""))
	var held []*lifecycle.Message
	for i := range 4000 {
		m := p.message(ada, wanted, []string{"hello", "personal"}[i%2])
		m.Channel = []string{"sms", "email"}[i%2]
		held = append(held, m)
	}
	p.put(held...)
	p.holds(2000)
	before := p.store.Stats().Inputs.Load()
	for range 10 {
		p.clock.Advance(time.Minute)
		quiet()
	}
	if n := p.store.Stats().Inputs.Load() - before; n != 0 {
		t.Errorf("%d inputs were given to the store while everything was paused", n)
	}
}
