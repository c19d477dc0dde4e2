package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

const onOrder = `stage { title = "A" }
on("Order", function(customer, event) log(event.properties.n) end)`

func TestADuplicateChangesNothing(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", onOrder, "b", `stage { title = "B" }`))
	event := h.event("ada", "Order", "n", 1)
	if receipt := h.receive(event)[0]; receipt.Duplicate {
		t.Error("the first one is no duplicate")
	}
	before := h.customer("ada")
	h.clock.Advance(29 * 24 * time.Hour)
	if receipt := h.receive(event)[0]; !receipt.Duplicate {
		t.Error("the second one is a duplicate")
	}
	if after := h.customer("ada"); after.Seq != before.Seq || !after.Clock.Equal(before.Clock) {
		t.Errorf("a duplicate changed the customer: %+v to %+v", before, after)
	}
	// One message ID in two hands is two events.
	other := event
	other.UserID = "bob"
	h.receive(other)
	h.clock.Advance(2 * 24 * time.Hour)
	if receipt := h.receive(event)[0]; receipt.Duplicate {
		t.Error("after 30 days the message ID is forgotten")
	}
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a 1
		29 event Order
		29 entered j/a
		29 log j/a 1
		31 event Order
		31 log j/a 1`)
}

func TestADuplicateWithinOneBatch(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", onOrder, "b", `stage { title = "B" }`))
	event := h.event("ada", "Order", "n", 1)
	receipts := h.receive(event, event, event)
	if receipts[0].Duplicate || !receipts[1].Duplicate || !receipts[2].Duplicate {
		t.Errorf("want the first one only, got %+v", receipts)
	}
}

func TestSweptMarksAreForgotten(t *testing.T) {
	h := newHarness(t)
	event := h.event("ada", "Order")
	h.receive(event)
	h.clock.Advance(100 * 24 * time.Hour)
	h.restart()
	if h.receive(event)[0].Duplicate {
		t.Error("a mark of 100 days ago still counts")
	}
}

// An anonymous visitor who turns out to be a known user becomes part of that customer, wherever both are kept.
func TestAnonymousBecomesKnown(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
on("Page", function() wait "2 days" send "reminder" end)
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`))
	page := h.event("", "Page")
	page.AnonymousID = "device-1"
	h.receive(page)
	h.clock.Advance(time.Hour)
	identify := lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "device-1", MessageID: "i1",
		Traits: json.RawMessage(`{"email":"ada@example.com"}`)}
	h.receive(identify)
	// The link travels as an instruction; later events of the device reach the customer.
	h.eventually(func() bool {
		answer, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "device-1"})
		return err == nil && answer.Customer.UserID() == "ada" && times(answer.Timeline, "Page") > 0
	})
	order := h.event("", "Order")
	order.AnonymousID = "device-1"
	h.receive(order)
	h.eventually(func() bool { v := h.customer("ada").Visit("j"); return v != nil && v.Stage == "b" })
	if ada := h.customer("ada"); !ada.Created.Equal(start) || ada.Trait("email") != "ada@example.com" {
		t.Errorf("the merged customer has lost something: %+v", ada)
	}
	h.clock.Advance(5 * 24 * time.Hour)
	h.track("ada", "Other")
	// The run ended with the stage: no reminder.
	h.want(`
		0 event Page
		0 entered j/a
		0.0417 event identify
		0.0417 event Order
		0.0417 moved j/a>b
		0.0417 entered j/b
		5.0417 event Other`)
}

// times is how often an event of the name stands in a timeline.
func times(timeline []engine.TimelineEntry, name string) (n int) {
	for _, entry := range timeline {
		if entry.Event != nil && entry.Event.Name == name {
			n++
		}
	}
	return n
}

func TestMergeTakesTheLatestStage(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
on("Order", function() move "b" end)`, "b", `stage { title = "B" }
idle("Order", "10 days", function() log "silent" end)`))
	h.track("ada", "Page")
	h.clock.Advance(time.Hour)
	order := h.event("", "Order")
	order.AnonymousID = "device-1"
	h.receive(order)
	h.clock.Advance(time.Hour)
	both := h.event("ada", "Page")
	both.AnonymousID = "device-1"
	h.receive(both)
	h.eventually(func() bool { v := h.customer("ada").Visit("j"); return v.Stage == "b" })
	h.clock.Advance(11 * 24 * time.Hour)
	h.want(`
		0 event Page
		0 entered j/a
		0.0417 event Order
		0.0417 entered j/a
		0.0417 moved j/a>b
		0.0417 entered j/b
		0.0833 event Page
		0.0833 merged j/b
		0.0833 merged /
		0.0833 placed j/a>b
		10.0417 log j/b silent`)
}

func TestBusyTakesNothing(t *testing.T) {
	h := newHarness(t)
	h.publish(script.Source{Name: "shop", Files: map[string][]byte{
		"journey.lua":               []byte(`journey { title = "Shop", stages = { "all" }, moves = {} }`),
		"all.lua":                   []byte("stage { title = \"All\" }\nenter(function() send \"hello\" end)\n"),
		"messages/hello.log.liquid": []byte("---\nsubject: Hello\n---\nHello\n"),
	}})
	h.mode("shop", lifecycle.Live)
	events := make([]lifecycle.Event, 10001)
	for i := range events {
		events[i] = h.event("bob", "Order")
	}
	h.book.mu.Lock() // Ada's message cannot be put into the outbox, so her event is being worked on
	ada := make(chan error, 1)
	go func() {
		_, err := h.engine.Receive(context.Background(), []lifecycle.Event{h.event("ada", "Order")})
		ada <- err
	}()
	h.eventually(func() bool { return h.engine.Pending() == 1 })
	_, err := h.engine.Receive(context.Background(), events[1:])
	h.book.mu.Unlock()
	if lifecycle.CodeOf(err) != lifecycle.Busy {
		t.Fatalf("want busy, got %v", err)
	}
	if err = <-ada; err != nil {
		t.Fatal(err)
	}
	if h.engine.Pending() != 0 {
		t.Error("a refused batch is still counted")
	}
	if h.receive(events[1])[0].Duplicate {
		t.Error("an event of a refused batch was kept")
	}
	if receipts := h.receive(events...); len(receipts) != 10001 { // more than there may be, and alone
		t.Errorf("%d were taken", len(receipts))
	}
}
