package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// shop is a journey with messages that may be asked for directly, and one that may not.
func shop() script.Source {
	source := journey("shop", twoStages, "a", `stage { title = "A" }
enter(function() log "welcome" end)
on("Message Requested", function() log "no script hears of it" end)`, "b", `stage { title = "B" }`)
	source.Files["messages/code.email.liquid"] = []byte("---\nsubject: Code\nkind: transactional\nexpires: 10 minutes\n---\n{{ event.properties.code }}\n")
	source.Files["messages/code.sms.liquid"] = []byte("---\nkind: transactional\n---\n{{ event.properties.code }}\n")
	return source
}

func (h *harness) ask(user, key string, change ...func(*engine.Direct)) (engine.DirectAnswer, error) {
	h.t.Helper()
	d := engine.Direct{Event: lifecycle.Event{UserID: user, MessageID: key, Properties: json.RawMessage(`{"code":"1234"}`)}, Journey: "shop", Message: "code"}
	for _, c := range change {
		c(&d)
	}
	return h.engine.Send(h.t.Context(), d)
}

func (h *harness) mustAsk(user, key string, change ...func(*engine.Direct)) engine.DirectAnswer {
	h.t.Helper()
	answer, err := h.ask(user, key, change...)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer
}

func traits(text string) func(*engine.Direct) {
	return func(d *engine.Direct) { d.Event.Traits = json.RawMessage(text) }
}

func (b *book) put() []*lifecycle.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*lifecycle.Message(nil), b.messages...)
}

func TestADirectMessage(t *testing.T) {
	h := newHarness(t, shop())
	answer := h.mustAsk("ada", "one", traits(`{"email":"ada@example.com","phone":"+4915112345678"}`))
	if answer.State != lifecycle.Queued || answer.Channel != "email" || answer.Repeated {
		t.Errorf("the answer is %+v", answer)
	}
	m := h.book.put()[0]
	if !m.Direct || m.Kind != lifecycle.Transactional || m.Ref() != answer.Message || m.User != "ada" || m.Journey != "shop" || m.Stage != "" ||
		!m.Due.Equal(start) || !m.Expires.Equal(start.Add(10*time.Minute)) || string(m.Event.Properties) != `{"code":"1234"}` {
		t.Errorf("the message is %+v", m)
	}
	// Who was not known enters journeys, as at an identify call.
	if visit := h.customer("ada").Visit("shop"); visit == nil || visit.Stage != "a" {
		t.Errorf("ada is at %+v", visit)
	}
	// The next one is for somebody known: no script hears of it, and the address is taken over.
	h.clock.Advance(time.Hour)
	h.mustAsk("ada", "two", traits(`{"email":"new@example.com"}`))
	if email := h.customer("ada").Trait("email"); email != "new@example.com" {
		t.Errorf("the address is %v", email)
	}
	sms := func(d *engine.Direct) { d.Channel, d.Expires = "sms", time.Minute }
	if answer = h.mustAsk("ada", "three", sms); answer.Channel != "sms" {
		t.Errorf("the answer is %+v", answer)
	}
	if m = h.book.put()[2]; !m.Expires.Equal(m.Decided.Add(time.Minute)) || m.Options[lifecycle.OptionFallback] != "false" {
		t.Errorf("the message is %+v", m)
	}
	h.want(`
		0 event Message Requested
		0 message shop/ code queued
		0 entered shop/a
		0 log shop/a welcome
		0.0417 event Message Requested
		0.0417 message shop/ code queued
		0.0417 event Message Requested
		0.0417 message shop/ code queued`)
}

func TestTheSameKeyGivesTheSameAnswer(t *testing.T) {
	h := newHarness(t, shop())
	first := h.mustAsk("ada", "key")
	h.clock.Advance(29 * 24 * time.Hour)
	h.restart()
	again := h.mustAsk("ada", "key")
	if !again.Repeated || again.Message != first.Message || again.State != first.State || again.Channel != first.Channel {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if _, err := h.ask("ada", "key", func(d *engine.Direct) { d.Checksum = lifecycle.HashID("another") }); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("another message under the same key: %v", err)
	}
	if other := h.mustAsk("bob", "key"); other.Repeated {
		t.Error("a key in two hands is two messages")
	}
	h.clock.Advance(2 * 24 * time.Hour)
	if later := h.mustAsk("ada", "key"); later.Repeated || later.Message.ID == first.Message.ID {
		t.Error("after 30 days the key is forgotten, and it is another message")
	}
	if a, b := h.mustAsk("ada", ""), h.mustAsk("ada", ""); a.Message == b.Message {
		t.Error("without a key each is a message of its own")
	}
}

// A customer who was merged is reached by each of their names, also by one that lies in another partition; a repeat finds
// the message that was decided there.
func TestADirectMessageFindsWhoWasMerged(t *testing.T) {
	h := newHarness(t, shop())
	for i := range 8 {
		user, anonymous := fmt.Sprint("user", i), fmt.Sprint("anonymous", i)
		byAnonymous := func(d *engine.Direct) { d.Event.UserID, d.Event.AnonymousID = "", anonymous }
		before := h.mustAsk("", "before", byAnonymous)
		identify := h.event(user, "")
		identify.Type, identify.AnonymousID = lifecycle.Identify, anonymous
		h.receive(identify)
		id := h.customer(user).ID
		h.eventually(func() bool {
			found, err := h.engine.Customer(t.Context(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: anonymous})
			return err == nil && found.Customer != nil && found.Customer.ID == id
		})
		first, again := h.mustAsk("", "after", byAnonymous), h.mustAsk("", "after", byAnonymous)
		if first.Message != again.Message || !again.Repeated || first.Message.Partition != id.Partition() {
			t.Errorf("first %+v, then %+v", first, again)
		}
		if repeat := h.mustAsk("", "before", byAnonymous); repeat.Message != before.Message || !repeat.Repeated {
			t.Errorf("before the merge %+v, then %+v", before, repeat)
		}
	}
	for _, m := range h.book.put() {
		if m.Name != "code" {
			t.Errorf("%+v", m)
		}
	}
	if n := len(h.book.put()); n != 16 {
		t.Errorf("%d messages were decided, want 16", n)
	}
}

func TestWhatMayBeAskedForDirectly(t *testing.T) {
	h := newHarness(t, shop())
	for _, test := range []struct {
		change func(*engine.Direct)
		code   lifecycle.Code
		field  string
	}{
		{func(d *engine.Direct) { d.Journey = "nowhere" }, lifecycle.Invalid, "journey"},
		{func(d *engine.Direct) { d.Message = "nothing" }, lifecycle.Invalid, "message"},
		{func(d *engine.Direct) { d.Message = "hello" }, lifecycle.Invalid, "message"}, // marketing
		{func(d *engine.Direct) { d.Channel = "push" }, lifecycle.Invalid, "channel"},
		{func(d *engine.Direct) { d.Event.UserID = "" }, lifecycle.Invalid, "userId"},
	} {
		_, err := h.ask("ada", "key", test.change)
		own, _ := err.(*lifecycle.Error)
		if own == nil || own.Code != test.code || own.Field != test.field {
			t.Errorf("%v, want %s in %s", err, test.code, test.field)
		}
	}
	if answer := h.mustAsk("ada", "key"); answer.Repeated { // what was refused has used up no key
		t.Error("a refused request was remembered")
	}
	h.mode("shop", lifecycle.Shadow)
	if answer := h.mustAsk("ada", "shadow"); answer.State != lifecycle.Suppressed || answer.Reason != lifecycle.BecauseShadow {
		t.Errorf("in shadow: %+v", answer)
	}
	h.mode("shop", lifecycle.Braked)
	if answer := h.mustAsk("ada", "braked"); answer.State != lifecycle.Queued {
		t.Errorf("braked: %+v", answer)
	}
	h.mode("shop", lifecycle.Off)
	if _, err := h.ask("ada", "off"); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("off: %v", err)
	}
}

// What somebody is owed does not wait until a long sleeper has caught up, and moves no clock.
func TestADirectMessageFiresNoTimers(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait "1 day" log "a day" end)`, "b", `stage { title = "B" }`), shop())
	h.track("ada", "Order")
	before := h.customer("ada")
	h.clock.Advance(12 * time.Hour)
	h.mustAsk("ada", "key")
	if after := h.customer("ada"); !after.Clock.Equal(before.Clock) || !after.Due.Equal(before.Due) {
		t.Errorf("the clock went from %v to %v", before.Clock, after.Clock)
	}
	h.clock.Advance(12 * time.Hour)
	h.eventually(func() bool { return count(h, "a day") == 1 })
}

// A journey that never ran is off, which is something else than none at all; so it is in every partition.
func TestADirectMessageOfAJourneyThatNeverRan(t *testing.T) {
	h := newHarness(t)
	if err := h.engine.Publish(t.Context(), engine.Publish{Source: shop(), Mode: lifecycle.Off}); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		_, err := h.ask(fmt.Sprint("user", i), "one")
		if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "journey shop is off") {
			t.Errorf("%v", err)
		}
	}
	_, err := h.ask("ada", "one", func(d *engine.Direct) { d.Journey = "shops" })
	if lifecycle.CodeOf(err) != lifecycle.Invalid || !strings.Contains(err.Error(), `there is no journey "shops"`) {
		t.Errorf("%v", err)
	}
}

// A key is a customer's, by whichever of their names they are called.
func TestAKeyIsTheCustomersByAnyName(t *testing.T) {
	h := newHarness(t, shop())
	identify := h.event("ada", "")
	identify.Type, identify.AnonymousID = lifecycle.Identify, "device"
	h.receive(identify)
	byDevice := func(d *engine.Direct) {
		d.Event.UserID, d.Event.AnonymousID, d.Checksum = "", "device", lifecycle.HashID("by device")
	}
	byName := func(d *engine.Direct) { d.Checksum = lifecycle.HashID("by name") }
	h.mustAsk("ada", "order-7", byName)
	if _, err := h.ask("", "order-7", byDevice); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("the same key under another name: %v", err)
	}
	h.mustAsk("", "order-8", byDevice)
	if _, err := h.ask("ada", "order-8", byName); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("the same key under the first name: %v", err)
	}
	if again := h.mustAsk("", "order-8", byDevice); !again.Repeated {
		t.Errorf("%+v", again)
	}
	if n := len(h.book.put()); n != 2 {
		t.Errorf("%d messages were decided, want 2", n)
	}
}
