package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

var remind = journey("j", twoStages,
	"a", `stage { title = "A" }
enter(function() send "hello" wait "30 days" send "reminder" wait "60 days" send "bye" end)
on("Order", function(customer, event) log(event.properties.n) end)`, "b", `stage { title = "B" }`)

func TestHistoryRunsInItsOwnTimeAndMailsNobody(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -50), at(h.event("ada", "Order", "n", 2), -10))
	if receipts := h.history("orders", at(h.event("ada", "Order", "n", 3), -20)); !receipts[0].Late {
		t.Error("an event before the customer's clock is late")
	}
	h.closeImport("orders", false)
	h.want(`
		-50 event Order
		-50 entered j/a
		-50 message j/a hello suppressed
		-50 log j/a 1
		-20 message j/a reminder suppressed
		-10 event Order
		-10 log j/a 2
		-10 late Order`)
	// What was still to come when the import closed is live.
	h.book.clear()
	h.clock.Advance(41 * 24 * time.Hour)
	h.want(`40 message j/a bye queued`)
}

func TestClosingAnImportFiresWhatWasDue(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -20))
	h.clock.Advance(30 * 24 * time.Hour)
	h.track("bob", "Other") // somebody else lives on
	h.book.clear()
	h.closeImport("orders", false)
	h.want(`10 message j/a reminder suppressed`)
}

func TestALiveEventFirstCatchesItsCustomerUp(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -40))
	h.track("ada", "Order", "n", 2)
	if receipts := h.history("orders", at(h.event("ada", "Order", "n", 3), -5)); !receipts[0].Late {
		t.Error("history behind a live event is late")
	}
	h.closeImport("orders", false)
	h.want(`
		-40 event Order
		-40 entered j/a
		-40 message j/a hello suppressed
		-40 log j/a 1
		-10 message j/a reminder suppressed
		0 event Order
		0 log j/a 2
		0 late Order`)
}

func TestHistoryOlderThanTheClockRunsNoHandler(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event) log(event.properties.n, "of", count "Order") end)
idle("Order", "5 days", function() log "silent" end)`, "b", `stage { title = "B" }`))
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -20))
	h.track("ada", "Order", "n", 2)
	h.history("orders", at(h.event("ada", "Order", "n", 3), -10))
	h.track("ada", "Order", "n", 4)
	h.closeImport("orders", false)
	h.want(`
		-20 event Order
		-20 entered j/a
		-20 log j/a 1 of 1
		-15 log j/a silent
		0 event Order
		0 log j/a 2 of 2
		0 late Order
		0 event Order
		0 log j/a 4 of 4`)
}

func TestImportLinesCountOnce(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	lines := []lifecycle.Event{at(h.event("ada", "Order", "n", 1), -50), at(h.event("ada", "Order", "n", 1), -50)}
	h.history("orders", lines...)
	h.restart()
	for _, receipt := range h.history("orders", lines...) {
		if !receipt.Duplicate {
			t.Error("a line that was taken before a restart was taken again")
		}
	}
	h.closeImport("orders", false)
	h.openImport("orders")
	h.clock.Advance(100 * 24 * time.Hour)
	if receipt := h.history("orders", lines[0])[0]; !receipt.Duplicate {
		t.Error("a line's mark does not age")
	}
	h.closeImport("orders", false)
}

func TestAClosedImportTakesNothing(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	h.closeImport("orders", false)
	_, err := h.engine.Import(context.Background(), "orders", []engine.Line{{ID: "1", Event: at(h.event("ada", "Order"), -1)}})
	if lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("want a conflict, got %v", err)
	}
	if err = h.engine.OpenImport(context.Background(), "orders", false); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("history does not become live under the same name: %v", err)
	}
}

func TestAnAbortedImportFiresNothing(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 1), -50))
	h.book.clear()
	h.closeImport("orders", true)
	h.clock.Advance(200 * 24 * time.Hour)
	h.track("ada", "Order", "n", 2)
	h.want(`
		200 event Order
		200 log j/a 2`)
}

// The closing of an import goes on where it was when the program ends in the middle of it.
func TestClosingSurvivesARestart(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	var lines []lifecycle.Event
	for i := range 300 {
		lines = append(lines, at(h.event(string(rune('a'+i%26))+string(rune('0'+i/26)), "Order", "n", 1), -50))
	}
	h.history("orders", lines...)
	h.book.clear()
	progress, err := h.engine.CloseImport(context.Background(), "orders", h.clock.Now(), false, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.clock.Advance(time.Hour) // the moment of the end was fixed by the first call
	h.closeImport("orders", false)
	if lines := h.book.len(); lines != 300 {
		t.Errorf("%d reminders after closing in two parts (%+v), want 300", lines, progress)
	}
}

// An import whose closing nobody goes on with any more is closed by whoever opens it again.
func TestAnImportIsOpenedAgainWhileItCloses(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	var lines []lifecycle.Event
	for i := 0; len(lines) < 120; i++ { // of one partition, which takes more than one step to close
		name := fmt.Sprintf("n%d", i)
		if (lifecycle.Identity{Kind: lifecycle.UserID, Value: name}).Hash().Partition() == 7 {
			lines = append(lines, at(h.event(name, "Order", "n", 1), -50))
		}
	}
	h.history("orders", lines...)
	h.book.clear()
	if progress, err := h.engine.CloseImport(context.Background(), "orders", h.clock.Now(), false, 0); err != nil || progress.State != engine.ImportClosing {
		t.Fatalf("closed within no time: %+v %v", progress, err)
	}
	h.restart()
	h.clock.Advance(time.Hour)
	h.openImport("orders")
	if reminders := h.book.len(); reminders != len(lines) {
		t.Errorf("%d reminders when it is opened again, want %d", reminders, len(lines))
	}
	h.history("orders", at(h.event("zed", "Order", "n", 1), -50))
	h.closeImport("orders", false)
}
