package engine_test

import (
	"context"
	"testing"

	"stagecraft/app/lifecycle"
)

// heldOut asks whether a message that has waited is for somebody in a hold-out group.
type heldOut struct{ message *lifecycle.Message }

// Whoever has waited for a message is asked by the journey as it stands now, not as it was when it was decided.
func TestHeldOutAsTheJourneyStandsNow(t *testing.T) {
	with := func(share string) string {
		return `stage { title = "A"` + share + ` } enter(function() send "hello" end)`
	}
	h := newHarness(t, journey("j", twoStages, "a", with(""), "b", `stage { title = "B" }`))
	h.track("ada", "Start")
	id := h.customer("ada").ID
	ask := func(journey, stage string) bool {
		t.Helper()
		answer, err := h.store.Do(context.Background(), id.Partition(), heldOut{&lifecycle.Message{Customer: id, Journey: journey, Stage: stage}})
		if err != nil {
			t.Fatal(err)
		}
		return answer.(bool)
	}
	if ask("j", "a") || ask("j", "none") || ask("none", "a") {
		t.Error("held out without a hold-out")
	}
	h.publish(journey("j", twoStages, "a", with(`, holdout = "100%"`), "b", `stage { title = "B" }`))
	if !ask("j", "a") || ask("j", "b") {
		t.Error("the new share does not count")
	}
}
