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
)

// change asks for an act on a customer by user ID, and wants no error.
func (h *harness) change(act engine.Act, user, journey, to string) engine.Changed {
	h.t.Helper()
	return h.changed(engine.Change{Act: act, Customer: userHash(user), Journey: journey, To: to, By: "minh"}, "")
}

func (h *harness) changed(ask engine.Change, key string) engine.Changed {
	h.t.Helper()
	out, err := h.engine.Change(context.Background(), ask, key)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func userHash(user string) lifecycle.ID {
	return lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
}

// helloShop has three stages, of which none may be skipped.
func helloShop() []string {
	return []string{"a", `stage { title = "A" }
enter(function() log "hello" wait "1 day" log "a day in A" end)
leave(function() log "leaving A" end)`,
		"b", `stage { title = "B", reenter = "never" }
enter(function() send "hello" end)
idle("Order", "10 days", function() move "c" end)`, "c", `stage { title = "C" }`}
}

const nextOnly = `journey { title = "Shop", stages = { "a", "b", "c" }, moves = "next", step_back = "previous" }`

func TestSomebodyMovesACustomerAsScriptsDo(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	if out := h.change(engine.ActMove, "ada", "shop", "c"); out.Refused != "journey.lua does not allow this move" || out.To != "a" {
		t.Errorf("a stage was skipped: %+v", out)
	}
	if out := h.change(engine.ActMove, "ada", "shop", "b"); out.Refused != "" || out.From != "a" || out.To != "b" {
		t.Errorf("the move was not made: %+v", out)
	}
	h.change(engine.ActMove, "ada", "shop", "a")
	if out := h.change(engine.ActMove, "ada", "shop", "b"); !strings.Contains(out.Refused, "nobody enters it twice") {
		t.Errorf("re-entry was allowed: %+v", out)
	}
	h.want(`
		0 event Visit
		0 entered shop/a
		0 log shop/a hello
		0 refused shop/a>c: journey.lua does not allow this move
		0 log shop/a leaving A
		0 moved shop/a>b
		0 entered shop/b
		0 message shop/b hello queued
		0 moved shop/b>a
		0 entered shop/a
		0 log shop/a hello
		0 refused shop/a>b: the customer was in b before: nobody enters it twice`)
}

func TestEnrolAndExit(t *testing.T) {
	h := newHarness(t, journey("vip", `journey { title = "VIP", stages = { "a", "b" }, moves = "forward", entry = false }`,
		"a", `stage { title = "A", reenter = "2 days" } enter(function() log "welcome" wait "9 days" end) leave(function() log "bye" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Visit")
	for range 2 {
		h.change(engine.ActEnrol, "ada", "vip", "")
	}
	if out := h.change(engine.ActExit, "ada", "vip", ""); out.From != "a" || out.To != "" {
		t.Errorf("exit: %+v", out)
	}
	h.change(engine.ActEnrol, "ada", "vip", "")
	h.change(engine.ActMove, "ada", "vip", "b")
	h.clock.Advance(3 * day24)
	h.change(engine.ActEnrol, "ada", "vip", "")
	h.want(`
		0 event Visit
		0 entered vip/a
		0 log vip/a welcome
		0 refused vip/a>a: the customer is in the journey already, in stage a
		0 log vip/a bye
		0 exited vip/a minh
		0 refused vip/>a: the customer was in the journey before: it may be entered again from 2026-03-03 12:00 UTC on
		0 refused vip/>b: the customer is not in the journey
		3 entered vip/a
		3 log vip/a welcome`)
}

// Who has left a journey comes again by the same rule, whoever asks: their own event, somebody else, or a list.
func TestComingAgainIsOneRule(t *testing.T) {
	for reenter, want := range map[string]string{
		``: `
		0 refused shop/>member: the customer was in the journey before: its first stage does not say with reenter when somebody may come again
		0 refused shop/>member: the customer was in the journey before: its first stage does not say with reenter when somebody may come again
		0 refused shop/>member: the customer was in the journey before: its first stage does not say with reenter when somebody may come again`,
		`, reenter = "never"`: `
		0 refused shop/>member: the customer was in the journey before: nobody enters it twice
		0 refused shop/>member: the customer was in the journey before: nobody enters it twice
		0 refused shop/>member: the customer was in the journey before: nobody enters it twice`,
		`, reenter = "always"`: `
		0 entered shop/member
		0 refused shop/member>member: the customer is in the journey already, in stage member
		0 refused shop/member>member: the customer is in the journey already, in stage member`,
	} {
		h := newHarness(t, journey("shop", `journey { title = "Shop", stages = { "member" }, entry = { "Signed Up" }, exit = { "Closed Account" } }`,
			"member", `stage { title = "Member"`+reenter+` }`))
		h.track("ada", "Signed Up")
		h.track("ada", "Closed Account")
		h.book.clear()
		h.track("ada", "Signed Up")
		h.change(engine.ActEnrol, "ada", "shop", "")
		h.bulk(engine.Bulk{Name: "again", Act: engine.ActEnrol, Journey: "shop", Audience: engine.Audience{Everybody: true}})
		h.setBulk("again", engine.BulkRunning)
		h.eventually(func() bool { return h.bulkProgress("again").Over })
		h.want("\t\t0 event Signed Up" + want)
		h.track("ada", "Visit") // is no entry, and nothing is refused
		if text := h.book.text(); !strings.HasSuffix(text, "event Visit") {
			t.Errorf("%s", text)
		}
	}
}

func TestEntryRules(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a" }, entry = { "Signed Up", "Trial Started" } }`, "a", `stage { title = "A" } on("Signed Up", function() log "handled" end)`))
	h.track("ada", "Visit")
	h.track("ada", "Signed Up")
	h.want(`
		0 event Visit
		0 event Signed Up
		0 entered j/a
		0 log j/a handled`)
}

func TestARepeatWithTheSameKeyIsOneChange(t *testing.T) {
	h := newHarness(t, journey("shop", `journey { title = "Shop", stages = { "a", "b", "c" }, moves = "any" }`, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`, "c", `stage { title = "C" }`))
	h.track("ada", "Visit")
	ask := engine.Change{Act: engine.ActMove, Customer: userHash("ada"), Journey: "shop", To: "b"}
	first := h.changed(ask, "k1")
	h.change(engine.ActMove, "ada", "shop", "c")
	h.restart()
	again := h.changed(ask, "k1")
	if !again.Repeated || again.From != first.From || again.To != first.To || h.customer("ada").Visit("shop").Stage != "c" {
		t.Errorf("the repeat was carried out: %+v, then %+v", first, again)
	}
	for _, other := range []engine.Change{{Act: engine.ActMove, To: "a"}, {Act: engine.ActExit}} {
		other.Customer, other.Journey = ask.Customer, ask.Journey
		if _, err := h.engine.Change(context.Background(), other, "k1"); lifecycle.CodeOf(err) != lifecycle.Conflict {
			t.Errorf("%s to %q with the key of another change: %v", other.Act, other.To, err)
		}
	}
}

func TestPlacingIsNoMove(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	h.clock.Advance(time.Hour)
	errs, err := h.engine.Place(context.Background(), []engine.Placed{
		{Identity: lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}, Placement: engine.Placement{Journey: "shop", Stage: "b", Entered: start.Add(-8 * day24), By: "import"}},
		{Identity: lifecycle.Identity{Kind: lifecycle.UserID, Value: "nobody"}, Placement: engine.Placement{Journey: "shop", Stage: "b"}},
		{Identity: lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}, Placement: engine.Placement{Journey: "shop", Stage: "z"}},
	})
	if err != nil || errs[0] != nil || lifecycle.CodeOf(errs[1]) != lifecycle.NotFound || lifecycle.CodeOf(errs[2]) != lifecycle.Invalid {
		t.Fatal(err, errs)
	}
	visit := h.customer("ada").Visit("shop")
	if visit.Stage != "b" || !visit.Entered.Equal(start.Add(-8*day24)) || len(visit.Runs) != 0 || len(visit.Timers) != 1 {
		t.Errorf("placed as %+v", visit)
	}
	h.clock.Advance(3 * day24) // the silence counts from when they came there
	h.want(`
		0 event Visit
		0 entered shop/a
		0 log shop/a hello
		0.0417 placed shop/a>b
		2 moved shop/b>c
		2 entered shop/c`)
}

func TestWhatWouldBeOverdueCountsFromThePlacing(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	h.changed(engine.Change{Act: engine.ActPlace, Customer: userHash("ada"), Journey: "shop", To: "b", Entered: start.Add(-300 * day24)}, "")
	if due := h.customer("ada").Visit("shop").Timers[0].Due; !due.Equal(start.Add(10 * day24)) {
		t.Errorf("due at %v", due)
	}
}

func TestStageEventsHappenWhereAScriptNamesThem(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	h.change(engine.ActMove, "ada", "shop", "b")
	for _, entry := range h.timelineOf("ada") {
		if entry.Event != nil && strings.HasPrefix(entry.Event.Name, "Stage ") {
			t.Errorf("%s was written down for nobody", entry.Event.Name)
		}
	}
	h.publish(journey("watch", `journey { title = "Watch", stages = { "w" } }
on("Stage Entered", function(c, e) log("entered", e.properties.journey, e.properties.from, e.properties.stage, e.properties.reason) end)
on("Stage Left", function(c, e) log("left", e.properties.stage, e.properties.to) end)
on("Move Refused", function(c, e) log("refused", e.properties.from, e.properties.to, e.properties.reason) end)`, "w", `stage { title = "W" }`))
	h.track("bob", "Visit")
	h.book.clear()
	h.change(engine.ActMove, "bob", "shop", "b")
	h.change(engine.ActMove, "bob", "shop", "a")
	h.change(engine.ActMove, "bob", "shop", "c")
	h.want(`
		0 log shop/a leaving A
		0 moved shop/a>b
		0 entered shop/b
		0 message shop/b hello queued
		0 event Stage Left
		0 log watch/w left a b
		0 event Stage Entered
		0 log watch/w entered shop a b asked for by minh
		0 moved shop/b>a
		0 entered shop/a
		0 log shop/a hello
		0 event Stage Left
		0 log watch/w left b a
		0 event Stage Entered
		0 log watch/w entered shop b a asked for by minh
		0 refused shop/a>c: journey.lua does not allow this move
		0 event Move Refused
		0 log watch/w refused a c journey.lua does not allow this move`)
}

func (h *harness) timelineOf(user string) []engine.TimelineEntry {
	h.t.Helper()
	entries, err := h.engine.Timeline(context.Background(), userHash(user), 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	return entries
}

func TestAChainOfStageEventsEnds(t *testing.T) {
	h := newHarness(t, journey("loop", `journey { title = "Loop", stages = { "a", "b" }, moves = "any" }`,
		"a", `stage { title = "A" } on("Go", function() move "b" end) on("Stage Entered", function() move "b" end)`,
		"b", `stage { title = "B" } on("Stage Entered", function() move "a" end)`))
	h.track("ada", "Visit")
	h.track("ada", "Go")
	if n := strings.Count(h.book.text(), "moved"); n > 24 {
		t.Errorf("%d moves\n%s", n, h.book.text())
	}
}

func TestStageWebhooksCarryTheDecision(t *testing.T) {
	h := newHarness(t)
	h.engine.SetStageWebhooks([]string{"https://hooks.example.com/stages"})
	h.publish(journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	h.changed(engine.Change{Act: engine.ActMove, Customer: userHash("ada"), Journey: "shop", To: "b", By: "minh", Why: "she called"}, "")
	var said []string
	for _, m := range h.book.all() {
		if m.Channel == "webhook" {
			said = append(said, m.Options["payload"])
		}
	}
	if len(said) != 2 || !strings.Contains(said[0], `"from":"","to":"a"`) || !strings.Contains(said[0], `"reason":"entered the journey at Visit"`) ||
		!strings.Contains(said[1], `"from":"a","to":"b"`) || !strings.Contains(said[1], `"reason":"she called","by":"minh","decision":"`) {
		t.Errorf("posted %s", strings.Join(said, "\n"))
	}
}

// Posts of one customer can be put in order, also those of one event, of several journeys and of timers.
func TestStageWebhooksTellTheirOrder(t *testing.T) {
	h := newHarness(t)
	h.engine.SetStageWebhooks([]string{"https://hooks.example.com/stages"})
	const plan = `journey { title = "J", stages = { "a", "b" }, moves = "any", exit = "Closed" }`
	files := []string{"a", `stage { title = "A" } on("Go", function() move "b" end)`, "b", `stage { title = "B" } enter(function() wait "1 day" move "a" end)`}
	h.publish(journey("first", plan, files...))
	h.publish(journey("second", plan, files...))
	h.track("ada", "Go")
	h.track("ada", "Go")
	h.clock.Advance(25 * time.Hour)
	h.eventually(func() bool { return strings.Count(h.book.text(), "b>a") == 2 })
	h.track("ada", "Closed")
	var last uint64
	n := 0
	for _, m := range h.book.all() {
		if m.Channel != "webhook" {
			continue
		}
		n++
		var body struct{ Sequence uint64 }
		if err := json.Unmarshal([]byte(m.Options["payload"]), &body); err != nil || body.Sequence <= last {
			t.Errorf("after %d: %s", last, m.Options["payload"])
		}
		last = body.Sequence
	}
	if n != 8 {
		t.Errorf("%d were posted\n%s", n, h.book.text())
	}
}

// A refused change may be asked for again with the same key, mended or as it was, and is refused aloud once; one that was set
// aside may not.
func TestARefusedChangeIsMendedUnderTheSameKey(t *testing.T) {
	files := helloShop()
	files[5] = `stage { title = "C" } enter(function() error "broken" end)`
	h := newHarness(t, journey("shop", nextOnly, files...))
	h.track("ada", "Visit")
	ask := engine.Change{Act: engine.ActMove, Customer: userHash("ada"), Journey: "shop", To: "c", By: "till"}
	for i, repeated := range []bool{false, true, true} {
		if out := h.changed(ask, "k"); out.Refused == "" || out.Repeated != repeated || out.To != "a" {
			t.Errorf("%d: %+v", i, out)
		}
	}
	entries, err := h.engine.Timeline(context.Background(), userHash("ada"), 50)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, entry := range entries {
		for _, fact := range entry.Facts {
			if fact.Kind == lifecycle.FactRefused {
				refused++
			}
		}
	}
	if refused != 1 {
		t.Errorf("the timeline has %d refusals", refused)
	}
	ask.To = "b"
	for i, repeated := range []bool{false, true} {
		if out := h.changed(ask, "k"); out.Refused != "" || out.Repeated != repeated || out.To != "b" {
			t.Errorf("mended, %d: %+v", i, out)
		}
	}
	ask.To = "a"
	if _, err := h.engine.Change(context.Background(), ask, "k"); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("another change with the key of one that was made: %v", err)
	}

	ask.To = "c"
	if out := h.changed(ask, "aside"); !strings.Contains(out.Refused, "set aside") || out.To != "b" {
		t.Errorf("%+v", out)
	}
	h.publish(journey("shop", nextOnly, helloShop()...))
	if out := h.changed(ask, "aside"); !out.Repeated || out.To != "b" || len(h.letters()) != 1 {
		t.Errorf("what was set aside was done besides: %+v", out)
	}
	ask.To = "a"
	if _, err := h.engine.Change(context.Background(), ask, "aside"); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("another change with the key of one that was set aside: %v", err)
	}

	// A refusal that no longer holds is none.
	ask.To = "c"
	if err := h.engine.SetMode(context.Background(), engine.SetMode{Journey: "shop", Mode: lifecycle.Off}); err != nil {
		t.Fatal(err)
	}
	if out := h.changed(ask, "later"); out.Refused != "journey shop is off" {
		t.Errorf("%+v", out)
	}
	if err := h.engine.SetMode(context.Background(), engine.SetMode{Journey: "shop", Mode: lifecycle.Live}); err != nil {
		t.Fatal(err)
	}
	if out := h.changed(ask, "later"); out.Refused != "" || out.Repeated || out.To != "c" {
		t.Errorf("%+v", out)
	}
}

func TestAFailedChangeIsSetAsideAndReplayed(t *testing.T) {
	files := helloShop()
	files[3] = `stage { title = "B" } enter(function() error "broken" end)`
	h := newHarness(t, journey("shop", nextOnly, files...))
	h.track("ada", "Visit")
	if out := h.change(engine.ActMove, "ada", "shop", "b"); !strings.Contains(out.Refused, "the script failed") || out.To != "a" {
		t.Errorf("%+v", out)
	}
	letters := h.letters()
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	h.publish(journey("shop", nextOnly, helloShop()...))
	if err := h.engine.Replay(context.Background(), letters[0].Ref); err != nil {
		t.Fatal(err)
	}
	if stage := h.customer("ada").Visit("shop").Stage; stage != "b" {
		t.Errorf("after the replay ada is in %s", stage)
	}
}

func TestNothingIsMovedInAJourneyThatDoesNotRun(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.track("ada", "Visit")
	for _, mode := range []lifecycle.Mode{lifecycle.Off, lifecycle.Braked} {
		h.mode("shop", mode)
		if out := h.change(engine.ActMove, "ada", "shop", "b"); out.Refused != fmt.Sprintf("journey shop is %s", mode) {
			t.Errorf("%+v", out)
		}
	}
	if _, err := h.engine.Change(context.Background(), engine.Change{Act: engine.ActMove, Customer: userHash("ada"), Journey: "none", To: "b"}, ""); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Error(err)
	}
}
