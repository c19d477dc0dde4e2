package delivery_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What may have left is held, in the connector's own words; a person may have it sent anyway, and that is part of its life.
func TestAHeldMessageIsSentAnyway(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the server closed it"}))
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	full := p.becomes(m, lifecycle.Held)
	if full.Reason != "it may have left: the server closed it" || full.InDoubt != 1 {
		t.Errorf("held: %+v", full.Message)
	}
	p.clock.Advance(time.Minute)
	// A cancellation that is older than the order does not undo it, and holds for what waits.
	_, err := p.delivery.CancelMessages(t.Context(), delivery.Target{Name: "personal"}, "ops", "")
	p.must(err)
	p.must(p.delivery.SendHeld(t.Context(), full.Ref, "Grace", "the customer\nhas nothing"))
	p.becomes(m, lifecycle.Accepted)
	p.lifeIs(m, `
0 decided email
0 queued until 0
0 policy
0 attempt 1 ada@example.com
0 in doubt 1 the server closed it
60 ordered ordered by Grace: the customer has nothing
60 attempt 2 ada@example.com
60 settled accepted`)
	if sent := p.connector.sendings(m); len(sent) != 2 || sent[0].Text != sent[1].Text || sent[1].Attempt != 2 {
		t.Errorf("sent: %+v", sent)
	}
	for _, ref := range []string{full.Ref, p.look(p.send(p.customer("email", "no address"), owed, "hello")).Ref} {
		if err := p.delivery.SendHeld(t.Context(), ref, "Grace", ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
			t.Errorf("what is not held: %v", err)
		}
	}
}

// What was held and is too old, or whose customer has opted out meanwhile, does not leave by an order either.
func TestAnOrderIsNotAboveTheCustomer(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "gone"}, lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "gone"}))
	p.run()
	m := p.send(p.customer("email", address), wanted, "hello")
	old := p.message(p.customer("email", address), wanted, "hello")
	old.Expires = start.Add(time.Hour)
	p.put(old)
	p.becomes(m, lifecycle.Held)
	p.becomes(old, lifecycle.Held)
	p.traits(m.Customer, "email", address, "unsubscribed", true)
	p.clock.Advance(time.Hour)
	if err := p.delivery.SendHeld(t.Context(), p.look(old).Ref, "Grace", ""); lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "too old") {
		t.Errorf("too old: %v", err)
	}
	p.must(p.delivery.SendHeld(t.Context(), p.look(m).Ref, "Grace", ""))
	p.becomes(m, lifecycle.Suppressed)
}

// All that is held of a target is sent by one order; what is of something else, too old, or not held stays as it is.
func TestAllThatIsHeldIsSentAnyway(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "gone"}))
	p.run()
	var held []*lifecycle.Message
	for range 4 {
		held = append(held, p.send(p.customer("email", address), wanted, "hello"))
	}
	old := p.message(p.customer("email", address), wanted, "hello")
	old.Expires = start.Add(time.Hour)
	p.put(old)
	for _, m := range append(held, old) {
		p.becomes(m, lifecycle.Held)
	}
	p.clock.Advance(time.Hour)
	send := func(target delivery.Target, want int) {
		t.Helper()
		if count, err := p.delivery.SendAllHeld(t.Context(), target, "Grace", "nobody has it"); err != nil || count != want {
			t.Errorf("%d were sent, not %d: %v", count, want, err)
		}
	}
	send(delivery.Target{Journey: "another"}, 0)
	if _, err := p.delivery.SendAllHeld(t.Context(), delivery.Target{}, "Grace", ""); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Errorf("all of everything: %v", err)
	}
	later := p.message(p.customer("email", address), wanted, "hello")
	later.Due = p.clock.Now().Add(time.Hour)
	p.put(later)
	send(delivery.Target{Channel: "email"}, 4)
	for _, m := range held {
		if full := p.becomes(m, lifecycle.Accepted); full.Attempts != 2 {
			t.Errorf("%+v", full.Message)
		}
	}
	if state := p.look(old).State; state != lifecycle.Held {
		t.Errorf("what is too old is %s", state)
	}
	send(delivery.Target{Channel: "email"}, 0)
}

// An attempt in doubt that is made again is one line of the message's life, with the reason and the next one's time; what is
// said of it is not that it has certainly not left.
func TestADoubtIsToldOnce(t *testing.T) {
	p := newPost(t, replies(lifecycle.Receipt{Outcome: lifecycle.OutcomeInDoubt, Reason: "the connector did not answer"}))
	p.run()
	m := p.send(p.customer("email", address), owed, "hello")
	p.queuedFor(m, start.Add(5*time.Second))
	p.clock.Advance(5 * time.Second)
	p.becomes(m, lifecycle.Accepted)
	p.lifeIs(m, `
0 decided email
0 queued until 0
0 policy
0 attempt 1 ada@example.com
0 in doubt 1 the connector did not answer until 5
5 attempt 2 ada@example.com
5 settled accepted`)
}

// A connector that asks for it has marketing paused, for good and over restarts, until a person resumes it. What it keeps
// back was not attempted; what customers are owed goes on.
func TestAConnectorPausesMarketing(t *testing.T) {
	const why = "6 of 100 messages bounced"
	var full atomic.Bool
	full.Store(true)
	c := newConnector()
	c.answer = func(m channels.Outgoing) lifecycle.Receipt {
		if m.Kind == wanted && full.Load() {
			return lifecycle.Receipt{Outcome: lifecycle.OutcomeTemporary, Reason: "marketing is paused: " + why, RetryAfter: 5 * time.Second, Untried: true, Pause: why}
		}
		return lifecycle.Receipt{Outcome: lifecycle.OutcomeAccepted}
	}
	p := newPost(t, c, func(p *post) { p.further = []string{"sms"} })
	p.run()
	ada := p.customer("email", address)
	m := p.send(ada, wanted, "hello")
	p.queuedFor(m, start.Add(5*time.Second))
	full.Store(false)
	if full := p.look(m); full.Attempts != 0 || full.InDoubt != 0 {
		t.Errorf("what was kept back counts as an attempt: %+v", full.Message)
	}
	target := delivery.Target{Channel: "email", Kind: wanted}
	paused := func() bool {
		orders, err := p.delivery.Orders(t.Context())
		p.must(err)
		return len(orders.Pauses) == 1 && orders.Pauses[0].Target == target && orders.Pauses[0].By == "the connector" && orders.Pauses[0].Why == why
	}
	if !paused() {
		t.Error("marketing is not paused")
	}
	p.clock.Advance(time.Hour)
	p.becomes(p.send(ada, owed, "hello"), lifecycle.Accepted)
	later := p.send(ada, wanted, "hello")
	quiet()
	p.crash()
	p.run()
	quiet()
	for _, one := range []*lifecycle.Message{m, later} {
		if got := p.look(one); got.State != lifecycle.Queued || got.Attempts != 0 {
			t.Errorf("while marketing is paused: %+v", got.Message)
		}
	}
	if !paused() {
		t.Error("the pause has not outlived the start")
	}
	p.do(ada.Partition(), func(tx store.Tx) { // broadcasts ask
		paused := func(channel string, kind lifecycle.MessageKind) string {
			all, ofKind := p.delivery.ChannelPaused(tx, channel, kind)
			return fmt.Sprint(all, ofKind)
		}
		if paused("email", lifecycle.Marketing) != "false true" || paused("email", lifecycle.Transactional) != "false false" || paused("sms", lifecycle.Marketing) != "false false" {
			t.Error("it is not told that marketing by mail is paused, and no other")
		}
	})
	p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "email"}, "Grace")) // of either kind
	for _, one := range []*lifecycle.Message{m, later} {
		if got := p.becomes(one, lifecycle.Accepted); got.Attempts != 1 {
			t.Errorf("after it: %+v", got.Message)
		}
	}
	p.lifeIs(m, `
0 decided email
0 queued until 0
0 paused paused by the connector: 6 of 100 messages bounced
3600 resumed resumed by Grace
3600 policy
3600 attempt 1 ada@example.com
3600 settled accepted`)
}

// Orders name channels that there are.
func TestOrdersNameChannels(t *testing.T) {
	p := newPost(t, newConnector(), func(p *post) { p.further = []string{"sms"} })
	_, cancelled := p.delivery.CancelMessages(t.Context(), delivery.Target{Channel: "fax"}, "ops", "")
	for what, err := range map[string]error{
		"pause":  p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "emial"}, "ops", ""),
		"resume": p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "nochan"}, "ops"),
		"cancel": cancelled,
		"kind":   p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "sms", Kind: "urgent"}, "ops", ""),
		"all":    p.delivery.PauseMessages(t.Context(), delivery.Target{Kind: wanted}, "ops", ""),
	} {
		if lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A message that waits goes by the next channel when its customer has opted out of the first one meanwhile.
func TestWhatWaitedGoesByAnotherChannel(t *testing.T) {
	p := newFallback(t, 0, "email", "sms")
	ada := p.customer("email", address, "phone", "+491701234567")
	p.must(p.delivery.PauseMessages(t.Context(), delivery.Target{Channel: "email"}, "ops", ""))
	m := p.send(ada, owed, "hello")
	p.change(ada, func(c *lifecycle.Customer) {
		c.Suppress(lifecycle.Suppression{Channel: "email", Reason: "complained", At: start})
	})
	p.must(p.delivery.ResumeMessages(t.Context(), delivery.Target{Channel: "email"}, "ops"))
	if got := p.becomes(m, lifecycle.Suppressed); !strings.Contains(got.Reason, "complained") {
		t.Errorf("the first: %+v", got.Message)
	}
	p.becomes(p.instead(m, "sms"), lifecycle.Accepted)
	if n := len(p.connector.sendings(nil)); n != 1 {
		t.Errorf("%d sendings, want 1", n)
	}
}
