package engine_test

import (
	"testing"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What the server tells of itself is no first event: whoever was only imported and put into one journey enters no other by it.
// What they do then is one.
func TestNobodyEntersByWhatTheServerTells(t *testing.T) {
	h := newHarness(t,
		journey("all", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`),
		journey("hears", `journey { title = "H", stages = { "a" }, moves = {}, entry = { "Stage Entered" } }`, "a", `stage { title = "A" }`),
		journey("shop", `journey { title = "Shop", stages = { "a", "b" }, moves = { a = { "b" } }, entry = false }
on("Stage Entered", function() send "hello" end)
on("Stage Left", function() end)`, "a", `stage { title = "A" }`, "b", `stage { title = "B" }
enter(function() wait_for(send "bye", "accepted", "1 day") end)`))
	h.rows("crm", person("ada", `{"plan":"pro"}`, engine.Row{}))
	h.closeImport("crm", false)
	in := func(journey string) bool {
		visit := h.customer("ada").Visit(journey)
		return visit != nil && visit.Stage != ""
	}
	h.change(engine.ActEnrol, "ada", "shop", "")
	h.change(engine.ActMove, "ada", "shop", "b")
	if in("all") {
		t.Errorf("a move by hand entered another journey\n%s", h.book.text())
	}
	if !in("hears") {
		t.Error("who asks for the event by its name does not get it")
	}
	h.settle("bye", lifecycle.Accepted)
	h.eventually(func() bool { return len(h.customer("ada").Visit("shop").Runs) == 0 })
	if in("all") {
		t.Errorf("a message that left entered another journey\n%s", h.book.text())
	}
	h.track("ada", "Visit")
	if !in("all") {
		t.Error("what the customer does enters nothing")
	}
}

// A program that sends an event by such a name says that it happened.
func TestAnEventOfTheSameNameEnters(t *testing.T) {
	h := newHarness(t, journey("all", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	h.track("ada", "Segment Entered", "segment", "sleepers")
	if h.customer("ada").Visit("all") == nil {
		t.Error("ada is in no journey")
	}
}
