package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// pendulum goes to and fro between two stages, once in a pause.
func pendulum(pause string) script.Source {
	const stage = `stage { title = "%s" }
idle("Never", "%s", function() move "%s" end)
on("Order", function(customer, event) log(event.properties.n) end)`
	return journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { ["a"] = { "b" }, ["b"] = { "a" } } }`,
		"a", fmt.Sprintf(stage, "A", pause, "b"), "b", fmt.Sprintf(stage, "B", pause, "a"))
}

func count(h *harness, part string) int { return strings.Count(h.book.text(), part) }

// A script that keeps waking itself is set aside; it blocks neither its partition nor its customer.
func TestARestlessScriptIsSetAside(t *testing.T) {
	h := newHarness(t, pendulum("0.001 seconds"))
	h.track("ada", "Page")
	h.clock.Advance(time.Hour)
	h.track("ada", "Order", "n", 1)
	if n := count(h, "log j/"); n != 1 {
		t.Errorf("the event was handled %d times", n)
	}
	letters := h.letters()
	if len(letters) != 1 || !strings.Contains(letters[0].Message, "keeps waking itself") {
		t.Errorf("dead letters: %+v", letters)
	}
	if n := count(h, "moved"); n < 50 || n > 1000 {
		t.Errorf("%d moves before it was stopped", n)
	}
}

// Who has slept for long is brought up in several inputs; nothing is left out, and the event that came last is last.
func TestALongSleepIsCaughtUpInParts(t *testing.T) {
	h := newHarness(t, pendulum("1 hour"))
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Page"), -100))
	h.history("orders", at(h.event("ada", "Order", "n", 1), -10))
	h.eventually(func() bool { return count(h, "log j/") == 1 })
	if moved := count(h, "moved"); moved != 90*24 {
		t.Errorf("%d moves before the second event, want %d", moved, 90*24)
	}
	h.closeImport("orders", false)
	if moved := count(h, "moved"); moved != 100*24 {
		t.Errorf("%d moves in 100 days, want %d", moved, 100*24)
	}
	lines := strings.Split(h.book.text(), "\n")
	for i, line := range lines {
		if strings.Contains(line, "event Order") && !strings.HasPrefix(lines[i-1], "-10 ") {
			t.Errorf("the event came before what was due: %q, %q", lines[i-1], line)
		}
	}
	// From here on the customer is live.
	h.book.clear()
	h.clock.Advance(time.Hour)
	h.eventually(func() bool { return count(h, "moved") == 1 })
}

// An event of an import that travels to another partition is not lost when the import closes behind it.
func TestAClosingImportLosesNothing(t *testing.T) {
	h := newHarness(t, remind)
	h.openImport("orders")
	var first, second []lifecycle.Event
	for i := range 40 {
		both := at(h.event(fmt.Sprint("user", i), "Page"), -50)
		both.AnonymousID = fmt.Sprint("device", i)
		first = append(first, both)
		alone := at(h.event("", "Order", "n", i), -40)
		alone.AnonymousID = both.AnonymousID
		second = append(second, alone)
	}
	h.history("orders", first...)
	h.eventually(func() bool {
		for i := range 40 {
			answer, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: fmt.Sprint("device", i)})
			if err != nil || answer.Customer.UserID() == "" {
				return false
			}
		}
		return true
	})
	h.history("orders", second...)
	h.closeImport("orders", false)
	if logs, late := count(h, "log j/a"), count(h, "late"); logs != 40 || late != 0 {
		t.Errorf("%d of 40 events were handled, %d were late:\n%s", logs, late, h.book.text())
	}
}

// Of two words about consent the stricter holds, whoever said it.
func TestMergingKeepsTheStricterConsent(t *testing.T) {
	h := newHarness(t, remind)
	h.receive(lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "device", MessageID: "1", Traits: json.RawMessage(`{"unsubscribed":true}`)})
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", MessageID: "2", Traits: json.RawMessage(`{"unsubscribed":false}`)})
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "device", MessageID: "3"})
	h.eventually(func() bool { return h.customer("ada").Trait("unsubscribed") == true })
}

// A change of mode that broke off in the middle is undone when the journeys are published at the next start.
func TestAHalfDoneChangeIsRepaired(t *testing.T) {
	h := newHarness(t, remind)
	for _, p := range []int{5, 6, 63} {
		if _, err := h.store.Do(context.Background(), p, engine.SetMode{Journey: "j", Mode: lifecycle.Off}); err != nil {
			t.Fatal(err)
		}
	}
	h.restart()
	if err := h.engine.Publish(context.Background(), engine.Publish{Source: remind, Mode: lifecycle.Off}); err != nil {
		t.Fatal(err)
	}
	for p := range h.store.Partitions() {
		answer, err := h.store.Ask(context.Background(), p, engine.Journeys{})
		if err != nil {
			t.Fatal(err)
		}
		if states := answer.([]engine.JourneyState); len(states) != 1 || states[0].Mode != lifecycle.Live {
			t.Errorf("partition %d: %+v", p, states)
		}
	}
}

// A first publishing that broke off does not show in States, so that it is done again as the first one.
func TestTheFirstPartitionIsToldLast(t *testing.T) {
	h := newHarness(t)
	for p := 1; p < h.store.Partitions(); p++ {
		if _, err := h.store.Do(context.Background(), p, engine.Publish{Source: remind, Mode: lifecycle.Live}); err != nil {
			t.Fatal(err)
		}
	}
	states, err := h.engine.States(context.Background())
	if err != nil || len(states) != 0 {
		t.Fatalf("%+v, %v", states, err)
	}
	h.publish(remind)
	if states, err = h.engine.States(context.Background()); err != nil || len(states) != 1 || states[0].Mode != lifecycle.Live {
		t.Errorf("%+v, %v", states, err)
	}
}

// Whoever could not enter a journey because its script was broken enters at the replay, and the event is handled then.
func TestReplayOfAFailedEntryHandlesTheEvent(t *testing.T) {
	broken := journey("j", twoStages, "a", `stage { title = "A" }
enter(function() error("oh") end)
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`)
	h := newHarness(t, broken)
	h.track("ada", "Order")
	letters := h.letters()
	if len(letters) != 1 || letters[0].Kind != "entry" {
		t.Fatalf("dead letters: %+v", letters)
	}
	h.publish(journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`))
	if err := h.engine.Replay(context.Background(), letters[0].Ref); err != nil {
		t.Fatal(err)
	}
	if visit := h.customer("ada").Visit("j"); visit == nil || visit.Stage != "b" {
		t.Errorf("the customer is in %+v", visit)
	}
}

// The log is told of a failing script once a minute for each place, however many customers it fails for, and not what it said.
func TestTheLogIsToldOfFailures(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() error("oh") end)
on("Return", function() error("dear") end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.track("bob", "Order")
	h.track("bob", "Return")
	h.clock.Advance(time.Minute)
	h.track("cy", "Order")
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	logs := h.logs.String()
	if strings.Count(logs, "level=WARN") != 3 || strings.Count(logs, "journey=j file=j/a.lua line=2") != 2 || strings.Count(logs, "file=j/a.lua line=3") != 1 || strings.Contains(logs, "dear") {
		t.Errorf("the log says\n%s", logs)
	}
}

// Parallel handlers may not pile up without end in a customer's record.
func TestWaitingRunsAreBounded(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Page", function() wait "30 days" log "woke" end, { parallel = true })`, "b", `stage { title = "B" }`))
	var pages []lifecycle.Event
	for range 250 {
		pages = append(pages, h.event("ada", "Page"))
	}
	h.receive(pages...)
	if runs := len(h.customer("ada").Visit("j").Runs); runs != 200 {
		t.Errorf("%d runs wait, want 200", runs)
	}
	if letters := len(h.letters()); letters != 50 {
		t.Errorf("%d dead letters, want 50", letters)
	}
	h.clock.Advance(31 * 24 * time.Hour)
	h.eventually(func() bool { return count(h, "log j/a woke") == 200 })
}

// A sender may use a message ID again when it is forgotten: what the event causes then has names of its own.
func TestAForgottenMessageIDIsAnotherEvent(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Page", function() wait "100 days" send "hello" end, { parallel = true })`, "b", `stage { title = "B" }`))
	page := h.event("ada", "Page")
	h.receive(page)
	h.clock.Advance(31 * 24 * time.Hour)
	h.receive(page)
	if runs := h.customer("ada").Visit("j").Runs; len(runs) != 2 || runs[0].ID == runs[1].ID {
		t.Errorf("the runs are %+v", runs)
	}
}

func FuzzParseLetterRef(f *testing.F) {
	for _, ref := range []string{"", "0-", "63-78" + strings.Repeat("00", 24), "64-78" + strings.Repeat("00", 24), "-1-78", "1-zz"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		partition, key, err := engine.ParseLetterRef(ref)
		if err == nil && (partition < 0 || partition >= lifecycle.Partitions || len(key) != 25 || key[0] != 'x') {
			t.Errorf("%q was read as %d, %x", ref, partition, key)
		}
	})
}

// What was accepted takes effect wherever it is passed on to, and a merge loses nobody: where a record is full, traits
// are left out, and that is written down.
func TestAFullRecordStillTakesWhatWasAccepted(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() log "taken" end)`, "b", `stage { title = "B" }`))
	big := func(user, anonymous string, n int) lifecycle.Event {
		event := h.event(user, "Page")
		event.AnonymousID = anonymous
		event.Traits = []byte(fmt.Sprintf(`{"t%d":%q}`, n, strings.Repeat("x", 30<<10)))
		return event
	}
	for n := range 6 {
		h.receive(big("ada", "", n))
	}
	results, err := h.engine.Receive(context.Background(), []lifecycle.Event{big("ada", "", 7)})
	if err != nil || lifecycle.CodeOf(results[0].Err) != lifecycle.TooLarge {
		t.Fatalf("want too large at the customer's own partition, got %v %v", err, results[0].Err)
	}
	// A visitor with as much becomes ada, and goes on as a visitor.
	for n := range 6 {
		h.receive(big("", "device", 10+n))
	}
	both := h.event("ada", "Page")
	both.AnonymousID = "device"
	h.receive(both)
	h.eventually(func() bool {
		answer, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "device"})
		return err == nil && answer.Customer.UserID() == "ada"
	})
	order := big("", "device", 20)
	order.Name = "Order"
	h.receive(order)
	h.eventually(func() bool { return strings.Contains(h.book.text(), "log j/a taken") })
	ada := h.customer("ada")
	size := 0
	for name, value := range ada.Traits {
		size += len(name) + len(value)
	}
	if size > 192<<10 || ada.Traits["t0"] == nil || ada.Traits["t20"] != nil {
		t.Errorf("%d bytes of traits: %d of them", size, len(ada.Traits))
	}
}
