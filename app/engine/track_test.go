package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func TestATrackedEventIsAnInputOfItsOwn(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event)
  track("Paid", { n = event.properties.n })
  log "before it happens"
  wait "1 day"
  track("Paid", { n = "later" })
  log "a day later"
end)
on("Paid", function(customer, event) log("paid", event.properties.n) move "b" end)
on("Order", function() log "the second handler" end)`, "b", `stage { title = "B" }
on("Paid", function(customer, event) log("paid in b", event.properties.n) end)
on("Order", function() log "never: the order found the customer in a" end)`))
	h.track("ada", "Order", "n", 7)
	h.want(`
		0 event Order
		0 entered j/a
		0 tracked Paid
		0 log j/a before it happens
		0 log j/a the second handler
		0 event Paid
		0 log j/a paid 7
		0 moved j/a>b
		0 entered j/b`)
	timeline, err := h.engine.Timeline(t.Context(), h.customer("ada").ID, 10)
	if err != nil || len(timeline) != 2 || timeline[0].Event.Name != "Paid" || timeline[0].Event.UserID != "ada" || timeline[0].Event.Depth != 1 {
		t.Errorf("the timeline is %+v, %v", timeline, err)
	}
}

// What a late timer tracks happens when the timer was due, before the timers that come after it.
func TestALateTimersTrackedEventKeepsItsMoment(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() wait "1 day" track "Paid" wait "1 day" log("two days:", count "Paid") end)
on("Paid", function() log(now()) end)`, "b", `stage { title = "B" }`))
	h.store.StopOwning()
	h.track("ada", "Order")
	h.clock.Advance(30 * day24)
	h.track("ada", "Ping")
	h.want(`
		0 event Order
		0 entered j/a
		1 tracked Paid
		1 event Paid
		1 log j/a 1772452800
		2 log j/a two days: 1
		30 event Ping`)
}

func TestAChainOfTrackedEventsIsAtMostTenDeep(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Tick", function() wait "1 hour" track "Tick" end)`, "b", `stage { title = "B" }
`))
	h.track("ada", "Tick")
	h.clock.Advance(30 * day24)
	h.eventually(func() bool { return strings.Contains(h.book.text(), "at most 10 deep") })
	if n := count(h, "event Tick"); n != 11 {
		t.Errorf("%d events in a chain", n)
	}
}

// A script that makes many events happen, each of which makes more happen, comes to an end and says so.
func TestTrackedEventsOfOneInputAreBounded(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Boom", function() for i = 1, 5 do track "Boom" end end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Boom")
	if n := count(h, "event Boom"); n != 101 {
		t.Errorf("%d events", n)
	}
	if n := count(h, "at most 100 tracked events"); n != 405 {
		t.Errorf("%d were refused", n)
	}
}

const referral = `stage { title = "A" }
on("Signed Up", function(customer, event)
  track("Friend Joined", { friend = customer.id }, { to = event.properties.referrer })
end)
on("Friend Joined", function(customer, event) log("friend of", customer.user_id) end, { parallel = true })`

// An event for somebody else is delivered once, also when the program dies between any two of the steps.
func TestATrackedEventForSomebodyElseIsDeliveredOnce(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", referral, "b", `stage { title = "B" }`))
	h.track("ref", "Page")
	ref := h.customer("ref")
	h.book.clear()
	for i := range 8 {
		h.store.StopOwning() // nobody delivers: it is on disk only
		to := []string{"ref", ref.ID.String()}[i%2]
		h.track(fmt.Sprint("friend", i), "Signed Up", "referrer", to)
		h.restart()
	}
	h.eventually(func() bool { return count(h, "log j/a friend of ref") == 8 })
	// Delivered again, as after a kill between the delivery and the note that it is done: nothing happens.
	timeline, err := h.engine.Timeline(t.Context(), ref.ID, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range timeline {
		mark, err := lifecycle.ParseID(entry.Event.MessageID)
		if err != nil {
			t.Fatal(err)
		}
		again := engine.Receive{Event: *entry.Event, At: h.clock.Now(), Mark: mark, Target: ref.ID, Inner: true}
		if answer, err := h.store.Do(t.Context(), ref.ID.Partition(), again); err != nil || !answer.(engine.Receipt).Duplicate {
			t.Errorf("delivered a second time: %+v, %v", answer, err)
		}
	}
	h.restart()
	h.track("ref", "Page")
	if n := count(h, "log j/a friend of ref"); n != 8 {
		t.Errorf("%d events were delivered, want 8", n)
	}
}

func TestATrackedEventForNobodyMakesNobody(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", referral, "b", `stage { title = "B" }`))
	h.track("ada", "Signed Up", "referrer", "nobody")
	h.track("bob", "Signed Up", "referrer", strings.Repeat("ab", 16))
	h.eventually(func() bool { return count(h, "tracked Friend Joined") == 2 })
	h.clock.Advance(time.Hour)
	h.track("ada", "Page")
	if _, err := h.engine.FindCustomer(t.Context(), "nobody"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("want not found, got %v", err)
	}
}

// A user ID may look like the ID of a customer.
func TestATrackedEventFindsAUserWhoseNameLooksLikeAnID(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", referral, "b", `stage { title = "B" }`))
	name := strings.Repeat("ab", 16)
	h.track(name, "Page")
	h.track("ada", "Signed Up", "referrer", name)
	h.eventually(func() bool { return count(h, "log j/a friend of "+name) == 1 })
}

func TestHistoryTracksInItsOwnTime(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event) wait "1 day" track("Paid", { n = event.properties.n }) end, { parallel = true })
on("Paid", function(customer, event) send "hello" log("paid", event.properties.n, count "Paid") end)`, "b", `stage { title = "B" }`))
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -20), at(h.event("ada", "Order", "n", 2), -10))
	h.closeImport("orders", false)
	h.want(`
		-20 event Order
		-20 entered j/a
		-19 tracked Paid
		-19 event Paid
		-19 message j/a hello suppressed
		-19 log j/a paid 1 1
		-10 event Order
		-9 tracked Paid
		-9 event Paid
		-9 message j/a hello suppressed
		-9 log j/a paid 2 2`)
}

// Two people who track each other come to an end.
func TestAChainReactionBetweenTwoPeopleEnds(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Boom", function(customer) local other = "ada" if customer.user_id == "ada" then other = "bob" end for i = 1, 4 do track("Boom", {}, { to = other }) end end)`, "b", `stage { title = "B" }`))
	h.track("bob", "Visit")
	h.track("ada", "Boom")
	h.eventually(func() bool { return strings.Contains(h.book.text(), "refused") })
	if n := count(h, "event Boom"); n > 1000 {
		t.Errorf("one event caused %d", n)
	}
}
