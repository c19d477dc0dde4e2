package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestWaitForGivesTheEventOrNil(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function()
  local order = wait_for("Order", "2 days", { sku = "A1", paid = true })
  log("first", order and order.properties.n)
  order = wait_for("Order", "2 days")
  log("second", order and order.properties.n)
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.track("ada", "Order", "n", 1, "sku", "B2", "paid", true)
	h.track("ada", "Order", "n", 2, "sku", "A1")
	h.track("ada", "Order", "n", 3, "sku", "A1", "paid", true)
	h.clock.Advance(2 * day24) // an event at the moment of the time-out is too late
	h.track("ada", "Order", "n", 4)
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 event Order
		0 event Order
		0 log j/a first 3
		2 log j/a second nil
		2 event Order`)
	if runs := h.customer("ada").Visit("j").Runs; len(runs) > 0 || h.book.gauges() != "" {
		t.Errorf("the run has ended, but %+v wait, and the gauges say %q", runs, h.book.gauges())
	}
}

func TestAnEventDoesNotWakeTheRunThatBeganToWaitAtIt(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event)
  log("waits since", event.properties.n)
  local order = wait_for("Order", "5 days")
  log("got", order and order.properties.n)
end, { parallel = true })`, "b", `stage { title = "B" }`))
	h.track("ada", "Order", "n", 1)
	h.track("ada", "Order", "n", 2)
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a waits since 1
		0 event Order
		0 log j/a waits since 2
		0 log j/a got 2`)
}

// Nor does the event at which the customer enters wake what the entry began.
func TestTheEntryDoesNotWakeWhatBeganToWaitAtIt(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function()
  local order = wait_for("Order", "5 days")
  log("got", order and order.properties.n)
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order", "n", 1)
	h.track("ada", "Order", "n", 2)
	h.want(`
		0 event Order
		0 entered j/a
		0 event Order
		0 log j/a got 2`)
}

func TestAWokenRunThatMovesComesAfterTheFirstMove(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c" }, moves = { a = { "b", "c" }, b = { "c" } } }
on("Start", function() wait_for("Order", "5 days") move "c" end)`,
		"a", `stage { title = "A" }
on("Start", function() wait_for("Order", "5 days") log "never: the stage was left" end)
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`, "c", `stage { title = "C" }`))
	h.track("ada", "Start")
	h.track("ada", "Order")
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 moved j/a>b
		0 entered j/b
		0 refused j/b>c: an earlier handler of the same event already moves to b`)
}

const clicks = `stage { title = "A" }
on("Start", function()
  local hello = send "hello"
  log(hello.name)
  local click = wait_for(hello, "clicked", "2 days", { link = "offer" })
  log("clicked", click and click.properties.link)
  local accepted = wait_for(hello, "accepted", "1 day")
  log(accepted and accepted.name, accepted and accepted.properties.message == hello.id)
end)`

func TestWaitForAHandle(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", clicks, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	hello := h.book.message("hello")
	if !hello.Watched {
		t.Error("the message is not watched")
	}
	other := lifecycle.HashID("another message").String()
	h.track("ada", "Email Clicked", "message", other, "link", "offer")
	h.track("ada", "Email Opened", "message", hello.ID.String(), "link", "offer")
	h.track("ada", "Sms Clicked", "message", hello.ID.String(), "link", "home")
	h.track("ada", "Email Clicked", "message", hello.ID.String(), "link", "offer")
	h.clock.Advance(time.Hour)
	h.settle("hello", lifecycle.Accepted)
	h.want(`
		0 event Start
		0 entered j/a
		0 message j/a hello queued
		0 log j/a hello
		0 event Email Clicked
		0 event Email Opened
		0 opened hello j/a.lua:3
		0 event Sms Clicked
		0 clicked hello j/a.lua:3
		0 event Email Clicked
		0 log j/a clicked offer
		0.0417 event Message Accepted
		0.0417 log j/a Message Accepted true`)
}

func TestWaitForAHandleThatHasSettledGivesAtOnce(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", clicks+`
on("Fails", function()
  local bye = send "bye"
  local failed = wait_for(bye, "failed", "3 days")
  log("failed", failed and failed.properties.name)
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.book.settle(h.book.message("hello").ID, lifecycle.Accepted, h.clock.Now())
	h.clock.Advance(2 * day24)
	h.want(`
		0 event Start
		0 entered j/a
		0 message j/a hello queued
		0 log j/a hello
		2 log j/a clicked nil
		2 log j/a Message Accepted true`)
	// One that fails in the very commit that decides it is told of as well.
	h.book.clear()
	h.book.becomes = map[string]lifecycle.MessageState{"bye": lifecycle.Failed}
	h.track("ada", "Fails")
	h.want(`
		2 event Fails
		2 message j/a bye queued
		2 event Message Failed
		2 log j/a failed bye`)
	if n := len(h.customer("ada").Visit("j").Runs); n != 0 {
		t.Errorf("%d runs wait", n)
	}
}

func TestAWaitAfterASendCountsFromWhenItMayLeave(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function() send "hello" wait "1 hour" send "reminder" wait_until "13:00" log "at one, whenever it leaves" end)
on("Other", function() send "hello" wait_for("Order", "1 hour") log "an hour for the answer" end)`, "b", `stage { title = "B" }`))
	h.book.leaves = map[string]time.Time{"hello": start.Add(20 * time.Hour), "reminder": start.Add(27 * time.Hour)}
	h.track("ada", "Start")
	h.track("ada", "Other")
	h.clock.Advance(3 * day24)
	h.want(`
		0 event Start
		0 entered j/a
		0 message j/a hello queued
		0 event Other
		0 message j/a hello queued
		0.0417 log j/a an hour for the answer
		0.875 message j/a reminder queued
		1.0417 log j/a at one, whenever it leaves`)
}

func TestWaitUntilMeansTheCustomersZone(t *testing.T) {
	h := &harness{t: t, dir: t.TempDir(), clock: lifecycle.NewManualClock(start), book: &book{}}
	h.zone, _ = time.LoadLocation("Europe/Paris") // an hour ahead of UTC on 1 March
	h.open()
	t.Cleanup(func() { h.store.Close() })
	h.publish(journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait_until "09:00" log "nine" end)`, "b", `stage { title = "B" }`))
	identify := func(user, traits, context string) {
		event := lifecycle.Event{Type: lifecycle.Identify, UserID: user, MessageID: user, Traits: []byte(traits), Context: []byte(context)}
		h.receive(event)
		h.clock.Advance(24 * time.Hour)
		h.eventually(func() bool { return h.customer(user).Due.IsZero() })
	}
	identify("ada", `{"timezone":"Asia/Ho_Chi_Minh"}`, `{"timezone":"America/New_York"}`)
	identify("bob", ``, `{"timezone":"America/New_York"}`)
	identify("cleo", `{"timezone":"Nowhere/Else"}`, ``)
	h.want(`
		0 event identify
		0 entered j/a
		0.5833 log j/a nine
		1 event identify
		1 entered j/a
		1.0833 log j/a nine
		2 event identify
		2 entered j/a
		2.8333 log j/a nine`)
	if zone := h.customer("bob").Trait("timezone"); zone != "America/New_York" {
		t.Errorf("the browser's zone became %v", zone)
	}
}

// settle does what delivery does when a watched message is accepted or fails.
func (h *harness) settle(name string, state lifecycle.MessageState) {
	h.t.Helper()
	m := h.book.message(name)
	h.book.settle(m.ID, state, h.clock.Now())
	m.State = state
	if _, err := h.store.Do(h.t.Context(), m.Customer.Partition(), settled{m, h.clock.Now()}); err != nil {
		h.t.Fatal(err)
	}
	h.eventually(func() bool {
		timeline, err := h.engine.Timeline(h.t.Context(), m.Customer, 1)
		return err == nil && timeline[0].Event != nil && timeline[0].Event.Name == "Message Accepted"
	})
}

// settled is an input of these tests: a message has settled.
type settled struct {
	message *lifecycle.Message
	at      time.Time
}
