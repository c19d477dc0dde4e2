package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

const twoStages = `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`

func TestAnEventIsHandledByTheStageItFound(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c" }, moves = { a = { "b", "c" }, b = { "c" } } }
on("Order", function(customer) log("journey handler in", customer.stage) end)
leave(function(customer) log("journey leave", customer.stage) end)
enter(function(customer) log("journey enter", customer.stage) end)`,
		"a", `stage { title = "A", goal = "Order", next = "b" }
on("Order", function(customer) log("stage handler in", customer.stage) end)
leave(function(customer) log("leave", customer.stage) end)`,
		"b", `stage { title = "B" }
enter(function(customer) log("enter", customer.stage) end)
on("Order", function(customer) log("never: the event found the customer in a") end)`,
		"c", `stage { title = "C" }`))
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a journey enter a
		0 log j/a journey handler in a
		0 log j/a stage handler in a
		0 converted j/a
		0 log j/a journey leave a
		0 log j/a leave a
		0 moved j/a>b
		0 entered j/b
		0 log j/b journey enter b
		0 log j/b enter b`)
}

func TestTheFirstMoveWins(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c" }, moves = { a = { "b", "c" } } }
on("Order", function() move "c" log "not reached" end)`,
		"a", `stage { title = "A", goal = "Order", next = "b" }
on("Order", function() send "hello" move "b" end)`,
		"b", `stage { title = "B" }`, "c", `stage { title = "C" }
on("Order", function() move "a" end)`))
	h.track("ada", "Order")
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 message j/a hello queued
		0 refused j/a>b: an earlier handler of the same event already moves to c
		0 converted j/a
		0 refused j/a>b: an earlier handler of the same event already moves to c
		0 moved j/a>c
		0 entered j/c
		0 event Order
		0 refused j/c>c: journey.lua does not allow this move
		0 refused j/c>a: journey.lua does not allow this move`)
}

func TestATimerDueAtOrBeforeAnEventFiresBeforeIt(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
on("Order", function(customer, event) send "hello" wait "10 days" send "reminder" move "b" end)`,
		"b", `stage { title = "B" }
on("Order", function() send "bye" end)`))
	h.track("ada", "Order")
	// The timer is due at the very moment of the event, and fires before it.
	h.clock.Advance(10 * 24 * time.Hour)
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 message j/a hello queued
		10 message j/a reminder queued
		10 moved j/a>b
		10 entered j/b
		10 event Order
		10 message j/b bye queued`)
}

func TestATimersScriptSeesItsDueTimeAsNow(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
enter(function(customer) wait "1 days" log "first" wait "2 days" log "second" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Signed Up")
	h.store.StopOwning() // nobody fires timers meanwhile
	h.clock.Advance(30 * 24 * time.Hour)
	h.track("ada", "Order")
	h.want(`
		0 event Signed Up
		0 entered j/a
		1 log j/a first
		3 log j/a second
		30 event Order`)
}

func TestLeavingAStageEndsItsRuns(t *testing.T) {
	h := newHarness(t, journey("j", twoStages+`
on("Start", function() wait "5 days" send "bye" end)`,
		"a", `stage { title = "A" }
on("Start", function() wait "5 days" send "reminder" end)
on("Go", function() move "b" end)`,
		"b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.track("ada", "Go")
	h.clock.Advance(6 * 24 * time.Hour)
	h.want(`
		0 event Start
		0 entered j/a
		0 event Go
		0 moved j/a>b
		0 entered j/b
		5 message j/b bye queued`)
}

func TestTheGoalConvertsEndsRunsAndMovesOn(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b", "c" }, moves = { a = { "b" }, b = { "c" } } }
on("Order", function() wait "1 day" log "the journey's run lives on" end)`,
		"a", `stage { title = "A", goal = { "Order", "Booked" }, next = "b" }
enter(function() wait "5 days" send "reminder" end)`,
		"b", `stage { title = "B", goal = function(customer, event) return event.properties.n == 2 end, next = "c" }
on("Ping", function() wait "1 hour" log "never" end)`,
		"c", `stage { title = "C", goal = function(customer) return customer.tags.vip end }
enter(function() tag "vip" end)
on("Ping", function() wait "5 days" log "after the goal was reached once, runs go on" end)`))
	h.track("ada", "Order")
	h.track("ada", "Ping", "n", 1)
	h.track("ada", "Ping", "n", 2)
	h.track("ada", "Ping", "n", 3)
	h.track("ada", "Ping", "n", 4)
	h.clock.Advance(6 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		0 converted j/a
		0 moved j/a>b
		0 entered j/b
		0 event Ping
		0 event Ping
		0 converted j/b
		0 moved j/b>c
		0 entered j/c
		0 tagged vip
		0 event Ping
		0 converted j/c
		0 event Ping
		1 log j/c the journey's run lives on
		5 log j/c after the goal was reached once, runs go on`)
	if gauges := h.book.gauges(); gauges != "" {
		t.Errorf("nobody waits any more, but the gauges say %s", gauges)
	}
}

func TestAWaitingHandlerIsNotStartedAgain(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
on("Order", function() log "once" wait "5 days" log "done" end)
on("Order", function() log "every time" wait "5 days" log "each" end, { parallel = true })`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.clock.Advance(24 * time.Hour)
	h.track("ada", "Order")
	h.clock.Advance(10 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a once
		0 log j/a every time
		1 event Order
		1 log j/a every time
		5 log j/a done
		5 log j/a each
		6 log j/a each`)
}

func TestIdleFiresOncePerSilence(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
idle("Order", "7 days", function(customer, event) log("silent", event == nil) end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.clock.Advance(5 * 24 * time.Hour)
	h.track("ada", "Order")
	h.clock.Advance(20 * 24 * time.Hour)
	h.track("ada", "Other")
	h.track("ada", "Order")
	h.clock.Advance(8 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		5 event Order
		12 log j/a silent true
		25 event Other
		25 event Order
		32 log j/a silent true`)
}

func TestAtMostTenMovesPerInput(t *testing.T) {
	h := newHarness(t, journey("j", twoStages,
		"a", `stage { title = "A" }
enter(function() move "b" end)`, "b", `stage { title = "B" }
enter(function() move "a" end)`))
	h.track("ada", "Order")
	visit := h.customer("ada").Visit("j")
	if visit == nil || visit.Stage != "a" {
		t.Fatalf("after ten moves the customer is back in a, not %+v", visit)
	}
	golden := "0 event Order\n0 entered j/a\n"
	for i := range 10 {
		golden += []string{"0 moved j/a>b\n0 entered j/b\n", "0 moved j/b>a\n0 entered j/a\n"}[i%2]
	}
	h.want(golden + "0 refused j/a>b: one event may cause at most 10 moves")
}

func TestSeveralJourneysByName(t *testing.T) {
	plan := `journey { title = "J", stages = { "a" }, moves = {} }`
	stage := `stage { title = "A" }
on("Order", function() log "here" end)`
	h := newHarness(t, journey("zeta", plan, "a", stage), journey("alpha", plan, "a", stage), journey("mid", plan, "a", stage))
	h.mode("mid", lifecycle.Off)
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered alpha/a
		0 entered zeta/a
		0 log alpha/a here
		0 log zeta/a here`)
}

func TestShadowDecidesAndSendsNothing(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() send "hello" end)`, "b", `stage { title = "B" }`))
	h.mode("j", lifecycle.Shadow)
	h.track("ada", "Order")
	h.mode("j", lifecycle.Off)
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 message j/a hello suppressed
		0 event Order`)
}

// A journey comes to the same whether or not another one listens to what the server tells.
func TestWhatOthersListenToChangesNoGoal(t *testing.T) {
	goals := journey("goals", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`,
		"a", `stage { title = "A", goal = function() return count "Order" >= 1 end, next = "b" }`,
		"b", `stage { title = "B" }
on("Back", function() move "a" end)`)
	listens := journey("listens", `journey { title = "L", stages = { "a" }, moves = {} }`, "a", `stage { title = "A" }
on("Stage Entered", function() log "heard" end)`)
	for name, journeys := range map[string][]script.Source{"alone": {goals}, "beside": {goals, listens}} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, journeys...)
			h.track("ada", "Order")
			h.track("ada", "Back")
			if stage := h.customer("ada").Visit("goals").Stage; stage != "a" {
				t.Errorf("they are in %s", stage)
			}
		})
	}
}
