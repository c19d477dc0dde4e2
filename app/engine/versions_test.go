package engine_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestARunStaysWithTheVersionItBeganWith(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() log "old begin" wait "5 days" log "old end" end)`, "b", b))
	h.track("ada", "Order")
	h.publish(journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() log "new begin" wait "5 days" log "new end" end)`, "b", b))
	h.restart()
	h.clock.Advance(24 * time.Hour)
	h.track("bob", "Order")
	h.clock.Advance(6 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a old begin
		1 event Order
		1 entered j/a
		1 log j/a new begin
		5 log j/a old end
		6 log j/a new end`)
}

func TestNewSilencesReachThoseWhoAreThere(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", b))
	h.track("ada", "Order")
	h.clock.Advance(2 * 24 * time.Hour)
	h.track("ada", "Order")
	h.clock.Advance(24 * time.Hour)
	h.publish(journey("j", twoStages, "a", `stage { title = "A" }
idle("Order", "5 days", function() log "silent" end)`, "b", b))
	h.eventually(func() bool { return len(h.customer("ada").Visit("j").Timers) == 1 })
	h.clock.Advance(3 * 24 * time.Hour)
	// A version that changes the handler's body only does not start the silence anew.
	h.publish(journey("j", twoStages, "a", `stage { title = "A" }
idle("Order", "5 days", function() log "silent still" end)`, "b", b))
	h.clock.Advance(10 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		2 event Order
		7 log j/a silent still`)
}

func TestAScriptErrorSetsItsJourneyAside(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t,
		journey("good", twoStages, "a", `stage { title = "A" }
on("Order", function() log "fine" end)`, "b", b),
		journey("bad", twoStages, "a", `stage { title = "A", goal = "Order", next = "b" }
on("Order", function(customer, event)
  send "hello"
  local x = event.properties.missing.deeper
end)`, "b", b))
	h.track("ada", "Order")
	letters := h.letters()
	if len(letters) != 1 || letters[0].File != "bad/a.lua" || letters[0].Line != 4 || letters[0].User != "ada" {
		t.Fatalf("want one dead letter of bad/a.lua:4, got %+v", letters)
	}
	h.publish(journey("bad", twoStages, "a", `stage { title = "A", goal = "Order", next = "b" }
on("Order", function() send "hello" end)`, "b", b))
	if err := h.engine.Replay(context.Background(), letters[0].Ref); err != nil {
		t.Fatal(err)
	}
	if err := h.engine.Replay(context.Background(), letters[0].Ref); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("a dead letter is replayed once, got %v", err)
	}
	h.want(`
		0 event Order
		0 entered bad/a
		0 entered good/a
		0 failed bad/a bad/a.lua:4
		0 log good/a fine
		0 message bad/a hello queued
		0 converted bad/a
		0 moved bad/a>b
		0 entered bad/b`)
}

func TestARunThatFailsIsSetAsideAndReplayed(t *testing.T) {
	b := `stage { title = "B" }`
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function(customer)
  wait "1 days"
  if customer.traits.plan == nil then error("no plan") end
  log(customer.traits.plan)
end)`, "b", b))
	h.track("ada", "Order")
	h.clock.Advance(25 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		1 failed j/a j/a.lua:4`)
	identify := h.event("ada", "")
	identify.Type, identify.Traits = lifecycle.Identify, []byte(`{"plan":"gold"}`)
	h.receive(identify)
	letters := h.letters()
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	if err := h.engine.Replay(context.Background(), letters[0].Ref); err != nil {
		t.Fatal(err)
	}
	h.want(`
		0 event Order
		0 entered j/a
		1 failed j/a j/a.lua:4
		1.0417 event identify
		1.0417 log j/a gold`)
	if runs := h.customer("ada").Visit("j").Runs; len(runs) != 0 {
		t.Errorf("the run has ended, but %d are waiting", len(runs))
	}
}

func TestWaitsSurviveRestarts(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function(customer, event)
  for day = 1, 5 do
    log(event.properties.n, day)
    wait "1 days"
  end
  move "b"
end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order", "n", 7)
	for range 6 {
		h.restart()
		h.clock.Advance(24 * time.Hour)
		h.eventually(func() bool { return !h.customer("ada").Due.Before(h.clock.Now()) || h.customer("ada").Due.IsZero() })
	}
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a 7 1
		1 log j/a 7 2
		2 log j/a 7 3
		3 log j/a 7 4
		4 log j/a 7 5
		5 moved j/a>b
		5 entered j/b`)
}

func TestAJourneyThatIsOffFiresItsTimersWhenItIsBack(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait "1 days" log "woken" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.mode("j", lifecycle.Off)
	h.eventually(func() bool { return h.customer("ada").Due.IsZero() })
	h.clock.Advance(3 * 24 * time.Hour)
	h.track("ada", "Order")
	h.mode("j", lifecycle.Live)
	h.want(`
		0 event Order
		0 entered j/a
		1 log j/a woken
		3 event Order`)
}
