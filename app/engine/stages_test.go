package engine_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

const day24 = 24 * time.Hour

func TestEntryComesBeforeTheEvent(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function(customer, event) log("entered because of", event.name) end)
on("Order", function() log "handled" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a entered because of Order
		0 log j/a handled`)
}

func TestJourneysComeByName(t *testing.T) {
	says := func(name string) (string, string, string, string) {
		return "a", `stage { title = "A" }
enter(function() log "enter" end)
on("Order", function() log "order" end)`, "b", `stage { title = "B" }`
	}
	h := newHarness(t)
	for _, name := range []string{"z", "m", "a"} {
		a, b, c, d := says(name)
		h.publish(journey(name, twoStages, a, b, c, d))
	}
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered a/a
		0 log a/a enter
		0 entered m/a
		0 log m/a enter
		0 entered z/a
		0 log z/a enter
		0 log a/a order
		0 log m/a order
		0 log z/a order`)
}

func TestOrderWithinAJourney(t *testing.T) {
	h := newHarness(t, journey("j", twoStages+`
on("Order", function() log "1 journey handler" end)
on("Start", function() wait_for("Order", "9 days") log "4 a run of the journey that waited" wait "9 days" end)`,
		"a", `stage { title = "A", goal = "Order", exit = "Order" }
on("Start", function() wait_for("Order", "9 days") log "never: the goal has ended it" end)
on("Order", function() log "2 stage handler" end)
leave(function() log "3 leave" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.track("ada", "Order")
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 log j/a 1 journey handler
		0 log j/a 2 stage handler
		0 converted j/a
		0 log j/a 3 leave
		0 exited j/a Order`)
	// Without the exit the run that waits comes last.
	h = newHarness(t, journey("j", twoStages+`
on("Start", function() wait_for("Order", "9 days") log "4 a run that waited" end)
on("Order", function() log "1 journey handler" end)`,
		"a", `stage { title = "A", goal = "Order", next = "b" }
on("Order", function() log "2 stage handler" end)`, "b", `stage { title = "B" }
enter(function() log "3 the goal's move" end)`))
	h.track("ada", "Start")
	h.track("ada", "Order")
	h.want(`
		0 event Start
		0 entered j/a
		0 event Order
		0 log j/a 1 journey handler
		0 log j/a 2 stage handler
		0 converted j/a
		0 moved j/a>b
		0 entered j/b
		0 log j/b 3 the goal's move
		0 log j/b 4 a run that waited`)
}

func TestAMoveThatIsNotAllowedIsRefused(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c" }, moves = { a = { "b" } } }`,
		"a", `stage { title = "A" }
on("Order", function() move "c" end)
on("Ping", function() wait "1 day" move "c" end)`, "b", `stage { title = "B" }`, "c", `stage { title = "C" }`))
	h.track("ada", "Order")
	h.track("ada", "Ping")
	h.clock.Advance(2 * day24)
	h.want(`
		0 event Order
		0 entered j/a
		0 refused j/a>c: journey.lua does not allow this move
		0 event Ping
		1 refused j/a>c: journey.lua does not allow this move`)
}

const leaving = `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" } }, exit = "Unsubscribed" }
on("Start", function() wait "2 days" log "a run of journey.lua" end)
idle("Start", "3 days", function() log "a silence of journey.lua" end)
leave(function(customer) log("leave", customer.stage) end)
on("Ping", function() log "still there" end)`

func TestAnExitEndsEverything(t *testing.T) {
	h := newHarness(t, journey("j", leaving, "a", `stage { title = "A" }
on("Start", function() wait "2 days" log "a run of the stage" end)
on("Unsubscribed", function() move "b" end)
idle("Start", "4 days", function() log "a silence of the stage" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.clock.Advance(day24)
	if gauges := h.book.gauges(); gauges != "j/a.lua:2=1 j/journey.lua:2=1" {
		t.Errorf("before the exit there wait %s", gauges)
	}
	h.track("ada", "Unsubscribed")
	h.clock.Advance(30 * day24)
	h.track("ada", "Ping")
	h.want(`
		0 event Start
		0 entered j/a
		1 event Unsubscribed
		1 refused j/a>b: the customer leaves the journey at this event
		1 log j/a leave a
		1 exited j/a Unsubscribed
		31 event Ping`)
	visit := h.customer("ada").Visit("j")
	if visit.Stage != "" || len(visit.Runs)+len(visit.Timers) > 0 || h.book.gauges() != "" {
		t.Errorf("after the exit there is %+v, and wait %q", visit, h.book.gauges())
	}
	if left := h.customer("ada").Left("j", ""); !left.Equal(start.Add(day24)) {
		t.Errorf("the journey was left at %v", left)
	}
}

func TestWhoHasLeftComesAgainOnlyByReenter(t *testing.T) {
	for reenter, want := range map[string]string{
		``: ``, `, reenter = "never"`: ``,
		`, reenter = "always"`:  "5 entered j/a\n40 entered j/a\n",
		`, reenter = "30 days"`: "40 entered j/a\n",
	} {
		h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" } } }`,
			"a", `stage { title = "A", exit = { "Unsubscribed" }`+reenter+` }`, "b", `stage { title = "B" }`))
		h.track("ada", "Page")
		h.track("ada", "Unsubscribed")
		golden := "0 event Page\n0 entered j/a\n0 event Unsubscribed\n0 exited j/a Unsubscribed\n"
		for _, days := range []int{5, 40} {
			h.clock.Set(start.Add(time.Duration(days) * day24))
			h.track("ada", "Page")
			h.track("ada", "Unsubscribed")
			again := fmt.Sprintf("%d entered j/a\n", days)
			back := len(want) > 0 && (reenter != `, reenter = "30 days"` || days == 40)
			golden += fmt.Sprintf("%d event Page\n", days)
			if back {
				golden += again
			}
			golden += fmt.Sprintf("%d event Unsubscribed\n", days)
			if back {
				golden += fmt.Sprintf("%d exited j/a Unsubscribed\n", days)
			}
		}
		h.want(golden)
	}
}

func TestReenterSaysWhenAStageMayBeEnteredAgain(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c", "d" },
  moves = { a = { "b", "c", "d" }, b = { "a" }, c = { "a" }, d = { "a" } } }
on("Home", function() move "a" end)`,
		"a", `stage { title = "A" }
on("B", function() move "b" end)
on("C", function() move "c" end)
on("D", function() move "d" end)`,
		"b", `stage { title = "B", reenter = "10 days" }`, "c", `stage { title = "C", reenter = "never" }`, "d", `stage { title = "D" }`))
	for range 2 {
		for _, stage := range []string{"B", "C", "D"} {
			h.track("ada", stage)
			h.track("ada", "Home")
		}
		h.clock.Advance(5 * day24)
	}
	h.clock.Advance(5 * day24)
	h.book.clear()
	h.track("ada", "B")
	h.track("ada", "Home")
	h.track("ada", "C")
	h.want(`
		15 event B
		15 moved j/a>b
		15 entered j/b
		15 event Home
		15 moved j/b>a
		15 entered j/a
		15 event C
		15 refused j/a>c: the customer was in c before: nobody enters it twice`)
}

func TestReenterRefusesWithTheMoment(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`,
		"a", `stage { title = "A" }
on("B", function() move "b" end)`, "b", `stage { title = "B", reenter = "10 days" }
on("A", function() move "a" end)`))
	h.track("ada", "B")
	h.track("ada", "A")
	h.book.clear()
	h.track("ada", "B")
	h.want(`
		0 event B
		0 refused j/a>b: the customer was in b before: it may be entered again from 2026-03-11 12:00 UTC on`)
}

func TestTheHoldOutGroupGetsNoMarketing(t *testing.T) {
	source := journey("j", twoStages, "a", `stage { title = "A", holdout = "50%", goal = "Order" }
enter(function() send "hello" send "receipt" wait "1 day" send "reminder" end)`, "b", `stage { title = "B" }`)
	source.Files["messages/receipt.email.liquid"] = []byte("---\nsubject: receipt\nkind: transactional\n---\nreceipt\n")
	h := newHarness(t, source)
	held := 0
	for i := range 40 {
		user := fmt.Sprint("user", i)
		id := lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
		h.book.clear()
		h.track(user, "Page")
		state := "queued"
		if lifecycle.HeldOut(id, "j", 0.5) {
			held++
			state = "suppressed"
			if m := h.book.message("hello"); m.State != lifecycle.Suppressed || m.Reason != lifecycle.BecauseHoldout || !m.Settled.Equal(start) {
				t.Errorf("the message is %+v", m)
			}
		}
		h.want("0 event Page\n0 entered j/a\n0 message j/a hello " + state + "\n0 message j/a receipt queued")
	}
	if held < 10 || held > 30 {
		t.Errorf("%d of 40 are held out", held)
	}
}

func TestTimersFireInOrderOfDueTimeThenOfCreation(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event)
  wait(event.properties.wait)
  log(event.properties.n)
end, { parallel = true })`, "b", `stage { title = "B" }`))
	h.store.StopOwning()
	h.track("ada", "Order", "n", 1, "wait", "3 days")
	h.track("ada", "Order", "n", 2, "wait", "1 day")
	h.track("ada", "Order", "n", 3, "wait", "3 days")
	h.track("ada", "Order", "n", 4, "wait", "2 days")
	h.clock.Advance(10 * day24)
	h.book.clear()
	h.track("ada", "Ping")
	h.want(`
		1 log j/a 2
		2 log j/a 4
		3 log j/a 1
		3 log j/a 3
		10 event Ping`)
}

func TestIdleCountsFromTheLaterOfEntryAndTheLastSuchEvent(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" } } }`,
		"a", `stage { title = "A" }
on("Go", function() move "b" end)`, "b", `stage { title = "B" }
idle("Order", "7 days", function() log "silent" end)`))
	h.track("ada", "Order")
	h.clock.Advance(5 * day24)
	h.track("ada", "Go") // the silence begins with the entry, not with the order before
	h.clock.Advance(3 * day24)
	h.track("ada", "Order")
	h.clock.Advance(10 * day24)
	h.want(`
		0 event Order
		0 entered j/a
		5 event Go
		5 moved j/a>b
		5 entered j/b
		8 event Order
		15 log j/b silent`)
}

func TestLiveTimeIsReceiptTime(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event) wait "1 day" log "a day after it came in" end)`, "b", `stage { title = "B" }`))
	h.receive(at(h.event("ada", "Order"), -100))
	h.clock.Advance(2 * day24)
	h.want(`
		0 event Order
		0 entered j/a
		1 log j/a a day after it came in`)
	// In an import of history the timestamp is the time.
	h.openImport("orders")
	h.history("orders", at(h.event("bob", "Order"), -100))
	h.closeImport("orders", false)
	h.want(`
		-100 event Order
		-100 entered j/a
		-99 log j/a a day after it came in
		0 event Order
		0 entered j/a
		1 log j/a a day after it came in`)
}

func TestTimeNeverGoesBackForACustomer(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() log(now()) end)`, "b", `stage { title = "B" }`))
	h.clock.Advance(time.Hour)
	h.track("ada", "Order")
	h.clock = lifecycle.NewManualClock(start) // the machine's clock was set back
	h.restart()
	h.track("ada", "Order")
	h.clock.Advance(2 * time.Hour)
	h.track("ada", "Order")
	h.want(`
		0.0417 event Order
		0.0417 entered j/a
		0.0417 log j/a 1772370000
		0.0417 event Order
		0.0417 log j/a 1772370000
		0.0833 event Order
		0.0833 log j/a 1772373600`)
}
