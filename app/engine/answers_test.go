package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// answer lets an event tell something of the newest message of a name.
func (h *harness) answer(user, event, message string) {
	h.t.Helper()
	h.track(user, event, "message", h.book.message(message).ID.String())
}

// answers returns what was counted at lines so far, as "clicked hello j/a.lua:3", in order of time.
func (h *harness) answers() string {
	h.t.Helper()
	h.track("nobody in particular", "Barrier") // what was counted is written down before the next event is answered
	var lines []string
	for line := range strings.Lines(h.book.text()) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind, _, _ := strings.Cut(text, " "); lifecycle.Answer(kind) {
		case lifecycle.Delivered, lifecycle.Opened, lifecycle.Clicked, lifecycle.Replied, lifecycle.Bounced, lifecycle.Complained:
			lines = append(lines, text)
		case lifecycle.Converted:
			if strings.Contains(text, ".lua:") { // else it is the stage's
				lines = append(lines, text)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (h *harness) wantAnswers(want ...string) {
	h.t.Helper()
	if got := h.answers(); got != strings.Join(want, "\n") {
		h.t.Errorf("counted:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

var sendsTwo = journey("j", twoStages, "a", `stage { title = "A", holdout = "0%" }
on("Start", function()
  send "hello"
  send "bye"
end)`, "b", `stage { title = "B" }`)

func TestAnAnswerCountsOncePerMessage(t *testing.T) {
	h := newHarness(t, sendsTwo)
	h.track("ada", "Start")
	h.answer("ada", "Email Opened", "hello")
	h.answer("ada", "Email Opened", "hello")
	h.answer("ada", "Email Clicked", "hello")
	h.restart()
	h.answer("ada", "Email Clicked", "hello")
	h.answer("ada", "Email Delivered", "hello")
	h.answer("ada", "Sms Replied", "bye")
	h.answer("ada", "Email Bounced", "bye")
	h.answer("ada", "Email Complained", "bye")
	want := []string{"opened hello j/a.lua:3", "clicked hello j/a.lua:3", "delivered hello j/a.lua:3",
		"replied bye j/a.lua:4", "bounced bye j/a.lua:4", "complained bye j/a.lua:4"}
	h.wantAnswers(want...)
	// What says nothing, or of no message of this customer, counts nothing.
	h.answer("ada", "Clicked", "bye")
	h.answer("ada", "Email Clicked Twice", "bye")
	h.answer("bob", "Email Clicked", "bye")
	h.track("ada", "Email Clicked", "message", lifecycle.HashID("another").String())
	h.track("ada", "Email Clicked", "message", "bye")
	h.track("ada", "Email Clicked", "message", 7)
	h.track("ada", "Email Clicked")
	h.wantAnswers(want...)
	// The next message of the same line is another one.
	h.track("ada", "Start")
	h.answer("ada", "Email Clicked", "hello")
	h.wantAnswers(append(want, "clicked hello j/a.lua:3")...)
}

func TestWhatWasKeptBackHasNoAnswers(t *testing.T) {
	h := newHarness(t, sendsTwo)
	h.mode("j", lifecycle.Shadow)
	h.track("ada", "Start")
	h.mode("j", lifecycle.Live)
	h.answer("ada", "Email Clicked", "hello")
	h.wantAnswers()
}

func TestAMessageIsLookedForInTheNewestThousandEntries(t *testing.T) {
	h := newHarness(t, sendsTwo)
	h.track("ada", "Start")
	var pages []lifecycle.Event
	for range 998 {
		pages = append(pages, h.event("ada", "Page"))
	}
	h.receive(pages...)
	h.answer("ada", "Email Opened", "hello")
	h.answer("ada", "Email Opened", "hello")
	h.answer("ada", "Email Clicked", "hello")
	h.wantAnswers("opened hello j/a.lua:3")
}

const converts = `stage { title = "A", goal = "Order" }
on("Start", function() send "hello" end)
on("Start", function() send "hello" end)
on("Order", function() send "bye" end)
on("Both", function() for n = 1, 2 do send "reminder" end end)
on("Go", function() move "b" end)`

func TestAConversionCountsAtEveryLineThatWrote(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }
on("Any", function() send "bye" end)`, "a", converts, "b", `stage { title = "B" }
on("Back", function() move "a" end)`))
	h.track("ada", "Start")
	h.track("ada", "Both")
	h.track("ada", "Any")
	h.restart()
	h.clock.Advance(time.Hour)
	h.track("ada", "Order")
	first := []string{"converted bye j/journey.lua:2", "converted reminder j/a.lua:5", "converted hello j/a.lua:3", "converted hello j/a.lua:2"}
	h.wantAnswers(first...)
	h.track("ada", "Order") // the visit has converted
	h.wantAnswers(first...)
	// What was sent in another visit, or in none, has no part in the next one.
	h.track("ada", "Go")
	h.track("ada", "Back")
	h.track("ada", "Order")
	h.wantAnswers(first...)
	h.track("ada", "Go")
	h.clock.Advance(time.Hour)
	h.track("ada", "Back")
	h.track("ada", "Both")
	h.track("ada", "Order")
	h.wantAnswers(append(first, "converted reminder j/a.lua:5")...)
}

func TestWhatDidNotLeaveHasNoPartInAConversion(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", converts, "b", `stage { title = "B" }`))
	h.book.becomes = map[string]lifecycle.MessageState{"hello": lifecycle.Suppressed} // delivery finds no address
	h.book.leaves = map[string]time.Time{"reminder": start.Add(time.Hour)}
	h.track("ada", "Start")
	h.track("ada", "Both")
	h.track("ada", "Order")
	h.mode("j", lifecycle.Shadow)
	h.book.becomes = nil
	h.track("bob", "Start")
	h.mode("j", lifecycle.Live)
	h.track("bob", "Order")
	h.wantAnswers()
	if !h.customer("bob").Visit("j").Converted {
		t.Error("the stage's goal was reached nevertheless")
	}
}

// The hold-out group reaches goals without a message; what it was owed has a part in them like anybody's.
func TestTheHoldOutGroupsConversions(t *testing.T) {
	source := journey("j", twoStages, "a", `stage { title = "A", goal = "Order", holdout = "100%" }
on("Start", function() send "hello" end)`, "b", `stage { title = "B" }`)
	h := newHarness(t, source)
	h.track("ada", "Start")
	h.answer("ada", "Email Opened", "hello")
	h.track("ada", "Order")
	h.wantAnswers()
	source.Files["messages/hello.email.liquid"] = []byte("---\nsubject: hello\nkind: transactional\n---\nhello\n")
	h.publish(source)
	h.track("bob", "Start")
	h.track("bob", "Order")
	h.wantAnswers("converted hello j/a.lua:2")
}

func TestAtMostSixteenLinesShareAConversion(t *testing.T) {
	var lines strings.Builder
	for n := range 20 {
		fmt.Fprintf(&lines, "on(\"Start\", function() send \"hello\" end) -- %d\n", n)
	}
	h := newHarness(t, journey("j", twoStages, "a", "stage { title = \"A\", goal = \"Order\" }\n"+lines.String(), "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.track("ada", "Order")
	var want []string
	for line := 21; line > 21-16; line-- {
		want = append(want, fmt.Sprintf("converted hello j/a.lua:%d", line))
	}
	h.wantAnswers(want...)
}

// Lines are counted by the version that sent, whichever is the newest now.
func TestAnswersBelongToTheVersionThatSent(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", converts, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	version := h.book.message("hello").Version
	h.publish(journey("j", twoStages, "a", strings.Replace(converts, "stage {", "\nstage {", 1), "b", `stage { title = "B" }`))
	h.answer("ada", "Email Clicked", "hello")
	h.track("ada", "Start")
	h.track("ada", "Order")
	h.wantAnswers("clicked hello j/a.lua:3", "converted hello j/a.lua:4", "converted hello j/a.lua:3", "converted hello j/a.lua:3", "converted hello j/a.lua:2")
	timeline, err := h.engine.Timeline(t.Context(), h.customer("ada").ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]int{}
	for _, entry := range timeline {
		for _, fact := range entry.Facts {
			if fact.Kind == lifecycle.FactReceipt {
				versions[fact.Version]++
			}
		}
	}
	if len(versions) != 2 || versions[version] != 3 {
		t.Errorf("by version: %v; the first one is %s", versions, version)
	}
}

func TestAnswersOfTestPeopleAreNotCounted(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", converts, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	h.setTest("ada", true)
	h.track("ada", "Start")
	h.answer("ada", "Email Clicked", "hello")
	h.wantAnswers()
	// Nor is it counted afterwards what came of messages to a test person.
	h.clock.Advance(time.Minute)
	h.setTest("ada", false)
	h.answer("ada", "Email Opened", "hello")
	h.track("ada", "Order")
	h.wantAnswers()
	// A message to one who became a test person later: what they do then is not counted, and not made up for.
	h.track("bob", "Both")
	h.setTest("bob", true)
	h.answer("bob", "Email Clicked", "reminder")
	h.setTest("bob", false)
	h.answer("bob", "Email Clicked", "reminder")
	h.answer("bob", "Email Opened", "reminder")
	h.clock.Advance(time.Hour)
	h.track("bob", "Order")
	h.wantAnswers("opened reminder j/a.lua:5", "converted reminder j/a.lua:5")
}

// A customer's messages stay theirs when they turn out to be somebody who is known, wherever either is kept and however
// long their timelines are.
func TestAnswersAfterAMerge(t *testing.T) {
	h := newHarness(t, sendsTwo)
	anonymous := func(name string, properties ...any) lifecycle.Event {
		event := h.event("", name, properties...)
		event.AnonymousID = "device-1"
		return event
	}
	h.receive(anonymous("Start"))
	id := h.book.message("hello").ID.String()
	var pages []lifecycle.Event
	for range 150 { // more than travel at a time
		pages = append(pages, anonymous("Page"))
	}
	h.receive(pages...)
	h.receive(anonymous("Email Clicked", "message", id))
	both := h.event("ada", "Page")
	both.AnonymousID = "device-1"
	h.receive(both)
	h.eventually(func() bool {
		timeline, err := h.engine.Timeline(t.Context(), h.customer("ada").ID, 200)
		return err == nil && len(timeline) >= 153
	})
	h.receive(anonymous("Email Clicked", "message", id))
	h.track("ada", "Email Opened", "message", id)
	h.track("ada", "Email Clicked", "message", id)
	h.track("ada", "Email Opened", "message", id)
	h.wantAnswers("clicked hello j/a.lua:3", "opened hello j/a.lua:3")
}

// A visit that is taken over begins anew for what is sent in it.
func TestAConversionAfterAMerge(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", converts, "b", `stage { title = "B" }`))
	h.track("ada", "Both")
	h.clock.Advance(time.Hour)
	start := h.event("", "Start")
	start.AnonymousID = "device-1"
	h.receive(start)
	both := h.event("ada", "Page")
	both.AnonymousID = "device-1"
	h.receive(both)
	h.eventually(func() bool {
		timeline, err := h.engine.Timeline(t.Context(), h.customer("ada").ID, 50)
		return err == nil && times(timeline, "Start") > 0
	})
	if entered := h.customer("ada").Visit("j").Entered; !entered.Equal(h.clock.Now()) {
		t.Fatalf("the visit was not taken over; it began at %v", entered)
	}
	h.track("ada", "Order")
	h.wantAnswers()
	h.clock.Advance(time.Hour)
	other := h.event("", "Start")
	other.AnonymousID = "device-2"
	h.receive(other)
	both = h.event("ada", "Page")
	both.AnonymousID = "device-2"
	h.receive(both)
	h.eventually(func() bool { return !h.customer("ada").Visit("j").Converted })
	h.track("ada", "Both")
	h.track("ada", "Order")
	h.wantAnswers("converted reminder j/a.lua:5")
}

// Receipts may come with history, such as another program's log: they count as they would have, those included that are
// too late for any handler.
func TestAnswersInHistory(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", converts, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	id := h.book.message("hello").ID.String()
	h.clock.Advance(10 * day24)
	h.track("ada", "Page")
	h.openImport("log")
	receipts := h.history("log", at(h.event("ada", "Email Opened", "message", id), 5), at(h.event("ada", "Email Opened", "message", id), 6))
	if !receipts[0].Late || !receipts[1].Late {
		t.Errorf("the receipts are %+v", receipts)
	}
	// History mails nobody: its messages have no answers and no part in its conversions.
	h.history("log", at(h.event("bob", "Start"), -9))
	id = h.book.message("hello").ID.String()
	h.history("log", at(h.event("bob", "Email Opened", "message", id), -8), at(h.event("bob", "Order"), -7))
	h.closeImport("log", false)
	h.wantAnswers("opened hello j/a.lua:3")
}

// The plain path writes nothing more for it: a message of which nothing comes back costs its ID.
func TestAnswersCostOneEntry(t *testing.T) {
	h := newHarness(t, sendsTwo)
	h.track("ada", "Start")
	before := h.store.Stats().Entries.Load()
	h.answer("ada", "Email Clicked", "hello")
	h.eventually(func() bool { return h.store.Stats().Entries.Load() > before })
	if keys := h.store.Stats().Entries.Load() - before; keys > 4 { // the event's three, and one of the store's own
		t.Errorf("%d keys were written", keys)
	}
}

// What was posted to another program is nothing that the customer saw: no goal is reached because of it.
func TestAWebhookConvertsNobody(t *testing.T) {
	h := newHarness(t)
	h.engine.SetStageWebhooks([]string{"https://hooks.example.com/stages"})
	h.publish(journey("j", twoStages, "a", `stage { title = "A", goal = "Order", holdout = "0%" }
on("Start", function()
  send "hello"
  webhook "https://hooks.example.com/starts"
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	h.clock.Advance(time.Hour)
	h.track("ada", "Order")
	h.wantAnswers("converted hello j/a.lua:3")
}
