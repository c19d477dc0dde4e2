package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func waiting(text string) string {
	return `stage { title = "A" }
on("Order", function() log "` + text + ` begins" wait "5 days" log "` + text + ` ends" end)`
}

func TestADrainEndsRunsOfOlderVersions(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t, journey("j", twoStages, "a", waiting("one"), "b", b), journey("other", twoStages, "a", waiting("other"), "b", b))
	for i := range 30 {
		h.track(fmt.Sprint("user", i), "Order")
	}
	two, three := journey("j", twoStages, "a", waiting("two"), "b", b), journey("j", twoStages, "a", waiting("three"), "b", b)
	if err := h.engine.Publish(t.Context(), engine.Publish{Source: two, Mode: lifecycle.Live, Drain: true}); err != nil {
		t.Fatal(err)
	}
	h.publish(three) // before the walk has come to everyone
	h.eventually(func() bool { return h.book.gauges() == "other/a.lua:2=30" })
	h.restart()
	h.track("late", "Order")
	h.clock.Advance(6 * day24)
	h.eventually(func() bool { return count(h, "three ends") == 1 && count(h, "other ends") == 31 })
	if n := count(h, "one ends"); n != 0 {
		t.Errorf("%d runs of the old version went on", n)
	}
	h.eventually(func() bool {
		states, err := h.engine.States(t.Context())
		return err == nil && !states[0].Resync && len(states[0].Keep) == 0
	})
	timeline, err := h.engine.Timeline(t.Context(), h.customer("user0").ID, 20)
	if err != nil || !strings.Contains(fmt.Sprint(timeline), "its version was drained") {
		t.Errorf("the timeline does not say why the run ended: %+v, %v", timeline, err)
	}
}

// Nobody's old run goes on after the drain, also if something happens to the customer before the walk has come there,
// and also if the journey is off meanwhile.
func TestADrainHoldsAtOnce(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t, journey("j", twoStages, "a", waiting("one"), "b", b))
	h.track("ada", "Order")
	h.track("bob", "Order")
	h.store.StopOwning() // nobody walks
	h.clock.Advance(6 * day24)
	if err := h.engine.Publish(t.Context(), engine.Publish{Source: journey("j", twoStages, "a", waiting("two"), "b", b), Drain: true}); err != nil {
		t.Fatal(err)
	}
	h.track("ada", "Page")
	h.mode("j", lifecycle.Off)
	h.track("bob", "Page")
	h.mode("j", lifecycle.Live)
	h.restart()
	h.track("bob", "Page")
	if n := count(h, "one ends"); n != 0 {
		t.Errorf("%d drained runs went on", n)
	}
}

func TestABrakedJourneyRestsUntilItIsReleased(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait "1 day" log "woken" end)
on("Order", function() log "order" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.mode("j", lifecycle.Braked) // one input for each partition, and all of it holds
	h.track("ada", "Order")
	h.track("bob", "Order")
	h.clock.Advance(3 * day24)
	h.restart()
	h.track("ada", "Order")
	if mode := h.askMode("j"); mode != lifecycle.Braked {
		t.Errorf("delivery is told %q", mode)
	}
	h.mode("j", lifecycle.Live)
	h.eventually(func() bool { return count(h, "woken") == 1 })
	h.track("ada", "Order")
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a order
		0 event Order
		0 event Order
		1 log j/a woken
		3 event Order
		3 event Order
		3 log j/a order`)
	if mode := h.askMode("j"); mode != lifecycle.Live {
		t.Errorf("delivery is told %q", mode)
	}
	if mode := h.askMode("none"); mode != "" {
		t.Errorf("of a journey that is not there, delivery is told %q", mode)
	}
}

func TestReach(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Wait", function(customer, event) wait(event.properties.wait) end)`, "b", `stage { title = "B" }`),
		journey("k", twoStages, "a", `stage { title = "A" }
idle("Wait", "1 minute", function() end)`, "b", `stage { title = "B" }`))
	h.mode("k", lifecycle.Off)
	for i, wait := range []string{"30 minutes", "59 minutes", "2 hours", "6 days", "8 days", "10 minutes"} {
		h.track(fmt.Sprint("user", i), "Wait", "wait", wait)
	}
	h.setTest("user5", true)
	want := func(hour, week int) {
		t.Helper()
		got, err := h.engine.Reach(t.Context(), "j")
		if err != nil || got.NextHour != hour || got.NextWeek != week || got.More {
			t.Errorf("%+v, %v; want %d and %d", got, err, hour, week)
		}
	}
	want(2, 4)
	h.mode("j", lifecycle.Braked) // whoever is overdue when it is released counts as well
	h.clock.Advance(3 * time.Hour)
	want(3, 4)
	if got, err := h.engine.Reach(t.Context(), "nothing"); err != nil || got != (engine.Reach{}) {
		t.Errorf("of a journey that is not there: %+v, %v", got, err)
	}
}

// askMode asks as delivery does.
func (h *harness) askMode(journey string) (mode lifecycle.Mode) {
	h.t.Helper()
	answer, err := h.store.Ask(context.Background(), 5, modeOf(journey))
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.(lifecycle.Mode)
}

// modeOf is a question of these tests.
type modeOf string
