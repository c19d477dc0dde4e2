package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func (h *harness) bulk(b engine.Bulk) {
	h.t.Helper()
	if _, err := h.engine.SaveBulk(context.Background(), b, false); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) setBulk(name string, state engine.BulkState) {
	h.t.Helper()
	if _, err := h.engine.SetBulk(context.Background(), name, state, "minh"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) bulkProgress(name string) engine.BulkProgress {
	h.t.Helper()
	progress, err := h.engine.BulkProgress(context.Background(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return progress
}

// crowd makes customers "c0", "c1" …, of whom every third has moved on to b.
func (h *harness) crowd(n int) {
	h.t.Helper()
	var events []lifecycle.Event
	for i := range n {
		events = append(events, h.event(fmt.Sprint("c", i), "Visit"))
	}
	h.receive(events...)
	for i := 0; i < n; i += 3 {
		h.change(engine.ActMove, fmt.Sprint("c", i), "shop", "b")
	}
}

func TestABulkMovesWhomTheRulesAllow(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.crowd(60)
	b := engine.Bulk{Name: "spring", Act: engine.ActMove, Journey: "shop", To: "c", Why: "the sale is over", Audience: engine.Audience{Everybody: true}}
	h.bulk(b)
	ahead, err := h.engine.BulkAhead(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if ahead.Matched != 60 || ahead.Done != 20 || ahead.Refused != 40 || ahead.From["b"] != 20 || !ahead.Complete || ahead.Example == "" {
		t.Errorf("ahead: %+v", ahead)
	}
	h.setBulk("spring", engine.BulkRunning)
	h.eventually(func() bool { return h.bulkProgress("spring").Over })
	progress := h.bulkProgress("spring")
	if progress.Done != 20 || progress.Refused != 40 || len(progress.Reasons) != 1 || progress.Reasons[0].Reason != "journey.lua does not allow this move" {
		t.Errorf("progress: %+v", progress)
	}
	for _, state := range []engine.BulkState{engine.BulkPaused, engine.BulkRunning, engine.BulkStopped} {
		if _, err := h.engine.SetBulk(context.Background(), "spring", state, ""); lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "is done") {
			t.Errorf("one that is done became %s: %v", state, err)
		}
	}
	for i := range 60 {
		visit := h.customer(fmt.Sprint("c", i)).Visit("shop")
		if want := map[bool]string{true: "c", false: "a"}[i%3 == 0]; visit.Stage != want {
			t.Errorf("c%d is in %s", i, visit.Stage)
		}
	}
	if entry := h.timelineOf("c0")[0]; entry.Facts[0].Name != "bulk spring" || entry.Facts[0].Reason != "the sale is over" {
		t.Errorf("the timeline says %+v", entry.Facts[0])
	}
}

func TestABulkOfAList(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.crowd(9)
	h.bulk(engine.Bulk{Name: "listed", Act: engine.ActExit, Journey: "shop", Audience: engine.Audience{List: true}})
	if _, err := h.engine.SetBulk(context.Background(), "listed", engine.BulkRunning, ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("an empty list was started: %v", err)
	}
	added, err := h.engine.AddToBulk(context.Background(), "listed", []engine.Member{{UserID: "c1"}, {UserID: "c2"}, {UserID: "c2"}, {UserID: "nobody"}})
	if err != nil || added.Added != 2 || added.Unknown != 1 {
		t.Fatal(added, err)
	}
	h.setBulk("listed", engine.BulkRunning)
	h.eventually(func() bool { return h.bulkProgress("listed").Over })
	if progress := h.bulkProgress("listed"); progress.Done != 2 || progress.Listed != 2 {
		t.Errorf("%+v", progress)
	}
	for user, want := range map[string]string{"c1": "", "c2": "", "c4": "a"} {
		if stage := h.customer(user).Visit("shop").Stage; stage != want {
			t.Errorf("%s is in %q", user, stage)
		}
	}
	if err = h.engine.DropBulk(context.Background(), "listed"); err != nil {
		t.Fatal(err)
	}
	h.eventually(func() bool {
		_, err := h.engine.AddToBulk(context.Background(), "listed", nil)
		return lifecycle.CodeOf(err) == lifecycle.NotFound
	})
}

func TestABulkIsThrottledPausedAndGoesOnAfterARestart(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.crowd(200)
	h.book.clear()
	h.bulk(engine.Bulk{Name: "slow", Act: engine.ActEnrol, Journey: "shop", Rate: 64, Audience: engine.Audience{Everybody: true}})
	h.setBulk("slow", engine.BulkRunning)
	count := func() int64 { p := h.bulkProgress("slow"); return p.Done + p.Refused }
	h.clock.Advance(time.Second)
	h.eventually(func() bool { return count() > 0 })
	h.setBulk("slow", engine.BulkPaused)
	before := count()
	if before >= 200 {
		t.Fatalf("%d within a second", before)
	}
	h.clock.Advance(time.Hour)
	h.restart()
	if now := count(); now != before {
		t.Errorf("%d were changed while it was paused", now-before)
	}
	h.setBulk("slow", engine.BulkRunning)
	h.eventually(func() bool { h.clock.Advance(time.Second); return h.bulkProgress("slow").Over })
	if got := count(); got != 200 {
		t.Errorf("%d customers were asked for, of 200", got)
	}
	if n := strings.Count(h.book.text(), "refused shop/"); n != 200 {
		t.Errorf("%d refusals were recorded", n)
	}
}

// The rate is that of customers, also if there are fewer of them than partitions.
func TestARateIsSpentOnCustomers(t *testing.T) {
	for name, b := range map[string]engine.Bulk{
		"list":     {Audience: engine.Audience{List: true}},
		"audience": {Audience: engine.Audience{Where: []engine.Condition{{Trait: "vip", Is: engine.Known}}}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, journey("shop", nextOnly, helloShop()...))
			h.crowd(100)
			b.Name, b.Act, b.Journey, b.Rate = "few", engine.ActExit, "shop", 1
			var members []engine.Member
			for i := range 7 {
				event := h.event(fmt.Sprint("c", 10*i), "")
				event.Type, event.Traits = lifecycle.Identify, []byte(`{"vip": true}`)
				h.receive(event)
				members = append(members, engine.Member{UserID: event.UserID})
			}
			h.bulk(b)
			if b.Audience.List {
				if _, err := h.engine.AddToBulk(context.Background(), "few", members); err != nil {
					t.Fatal(err)
				}
			}
			h.setBulk("few", engine.BulkRunning)
			for n := int64(1); n <= 7; n++ {
				h.eventually(func() bool { return h.bulkProgress("few").Done >= n })
				if done := h.bulkProgress("few").Done; done > n {
					t.Fatalf("%d customers within %d s", done, n-1)
				}
				h.clock.Advance(time.Second)
			}
			h.eventually(func() bool { return h.bulkProgress("few").Over })
		})
	}
}

func TestAStoppedBulkChangesNobodyElse(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.crowd(30)
	h.bulk(engine.Bulk{Name: "slow", Act: engine.ActExit, Journey: "shop", Rate: 1, Audience: engine.Audience{Everybody: true}})
	h.setBulk("slow", engine.BulkRunning)
	h.setBulk("slow", engine.BulkStopped)
	h.eventually(func() bool { return h.bulkProgress("slow").Over })
	before := h.bulkProgress("slow").Done
	h.clock.Advance(time.Hour)
	if now := h.bulkProgress("slow").Done; now != before {
		t.Errorf("%d were changed after the stop", now-before)
	}
	if _, err := h.engine.SetBulk(context.Background(), "slow", engine.BulkRunning, ""); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("it was started again: %v", err)
	}
}

func TestWhatIsWrongWithABulkIsToldByField(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	everybody := engine.Audience{Everybody: true}
	for field, b := range map[string]engine.Bulk{
		"name":     {Name: "A b", Act: engine.ActExit, Journey: "shop", Audience: everybody},
		"to":       {Name: "x", Act: engine.ActMove, Journey: "shop", To: "z", Audience: everybody},
		"act":      {Name: "x", Act: "jump", Journey: "shop", Audience: everybody},
		"journey":  {Name: "x", Act: engine.ActExit, Journey: "none", Audience: everybody},
		"audience": {Name: "x", Act: engine.ActExit, Journey: "shop"},
		"rate":     {Name: "x", Act: engine.ActExit, Journey: "shop", Rate: -1, Audience: everybody},
	} {
		_, err := h.engine.SaveBulk(context.Background(), b, false)
		var own *lifecycle.Error
		if own, _ = err.(*lifecycle.Error); own == nil || own.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Who is merged after they were put on a list is changed as the one they became.
func TestABulkFollowsMerges(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.receive(lifecycle.Event{Type: lifecycle.Track, Name: "Visit", AnonymousID: "guest", MessageID: "g1"})
	h.bulk(engine.Bulk{Name: "listed", Act: engine.ActExit, Journey: "shop", Audience: engine.Audience{List: true}})
	guest := lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "guest"}.Hash()
	if added, err := h.engine.AddToBulk(context.Background(), "listed", []engine.Member{{UserID: "ada"}}); err != nil || added.Unknown != 1 {
		t.Fatal(added, err)
	}
	h.track("ada", "Visit")
	if _, err := h.engine.AddToBulk(context.Background(), "listed", []engine.Member{{UserID: "ada"}}); err != nil {
		t.Fatal(err)
	}
	// ada becomes part of eva, who lives in another partition.
	h.track("eva", "Visit")
	h.receive(lifecycle.Event{Type: lifecycle.Alias, UserID: "eva", Properties: []byte(`{"previousId": "ada"}`), MessageID: "a1"})
	h.eventually(func() bool { return h.customer("ada").ID == h.customer("eva").ID })
	h.setBulk("listed", engine.BulkRunning)
	h.eventually(func() bool { return h.customer("eva").Visit("shop").Stage == "" })
	if visit, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "guest"}); err != nil || visit.Customer.ID != guest || visit.Customer.Visit("shop").Stage != "a" {
		t.Errorf("somebody else was changed: %v %v", visit, err)
	}
}

// Whoever is a member when it is their turn is meant, and the act may end the membership of whom it changed.
func TestABulkOfASegment(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.segments("ready", `stage "shop" == "b"`)
	h.crowd(30)
	b := engine.Bulk{Name: "go", Act: engine.ActMove, Journey: "shop", To: "c", Audience: engine.Audience{Segment: "ready"}}
	h.bulk(b)
	if ahead, err := h.engine.BulkAhead(context.Background(), b); err != nil || ahead.Matched != 10 || ahead.Done != 10 {
		t.Fatalf("ahead: %+v, %v", ahead, err)
	}
	h.setBulk("go", engine.BulkRunning)
	h.eventually(func() bool { return h.bulkProgress("go").Over })
	if progress := h.bulkProgress("go"); progress.Done != 10 || progress.Refused != 0 || h.members("ready") != "" {
		t.Errorf("progress: %+v, left %q", progress, h.members("ready"))
	}
}

// A stage that gets another name while a bulk walks over those who are in it is theirs still, and so it is for a segment that asks
// for it by its former name.
func TestARenamedStageIsTheSame(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.segments("stayed", `in_stage_for("shop", "1 second", "b")`)
	stayed := func() int64 {
		state, err := h.engine.Segments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return state.Segments[0].Members
	}
	h.crowd(180)
	h.clock.Advance(time.Minute)
	h.eventually(func() bool { return stayed() == 60 })
	h.bulk(engine.Bulk{Name: "slow", Act: engine.ActMove, Journey: "shop", To: "c", Rate: 8, Audience: engine.Audience{Journey: "shop", Stage: "b"}})
	h.setBulk("slow", engine.BulkRunning)
	h.clock.Advance(time.Second)
	h.eventually(func() bool { return h.bulkProgress("slow").Done > 0 })
	h.setBulk("slow", engine.BulkPaused)
	files := helloShop()
	files[slices.Index(files, "b")] = "buyer"
	h.publish(journey("shop", `journey { title = "S", stages = { "a", "buyer", "c" }, moves = "next", renamed = { b = "buyer" } }`, files...))
	if done := h.bulkProgress("slow").Done; done >= 60 {
		t.Fatalf("%d moved within a second", done)
	}
	h.eventually(func() bool { return stayed() == 60-h.bulkProgress("slow").Done })
	h.setBulk("slow", engine.BulkRunning)
	h.eventually(func() bool { h.clock.Advance(time.Second); return h.bulkProgress("slow").Over })
	if progress := h.bulkProgress("slow"); progress.Done != 60 || progress.Refused != 0 || h.members("stayed") != "" {
		t.Errorf("progress: %+v, left %q", progress, h.members("stayed"))
	}
}

// A segment that counts an event of ours makes it happen, though no script listens to it.
func TestASegmentCountsChangesOfStages(t *testing.T) {
	h := newHarness(t, journey("shop", nextOnly, helloShop()...))
	h.segments("movers", `count("Stage Entered", "30 days") >= 2`)
	h.crowd(4)
	if got := h.members("movers"); len(strings.Fields(got)) != 2 || !strings.Contains(got, "c0") || !strings.Contains(got, "c3") {
		t.Errorf("movers are %q", got)
	}
}
