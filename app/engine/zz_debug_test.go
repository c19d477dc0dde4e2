package engine_test

import (
	"fmt"
	"stagecraft/app/lifecycle"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Buy", function() move "b" end)`, "b", `stage { title = "B" }`))
	for i := range 30 {
		h.clock.Advance(time.Minute)
		h.track("ada", fmt.Sprint("Mine ", i))
		h.clock.Advance(time.Minute)
		h.track("guest", fmt.Sprint("Theirs ", i))
	}
	h.clock.Advance(time.Minute)
	h.alias("guest", "ada", false)
	h.quiet()
	h.clock.Advance(time.Minute)
	h.track("ada", "Buy")
	t.Logf("at once: ada %s guest %s", h.of(lifecycle.UserID,"ada"), h.of(lifecycle.UserID,"guest"))
	for range 300 { a, _ := h.engine.Timeline(t.Context(), h.customer("ada").ID, 1000); if len(a) == 62 { break }; time.Sleep(time.Millisecond) }
	id := h.customer("ada").ID
	all, err := h.engine.Timeline(t.Context(), id, 1000)
	seen := map[string]int{}
	for _, e := range all {
		if e.Event != nil && e.Event.Type == lifecycle.Track {
			seen[e.Event.Name]++
		}
	}
	missing := ""
	for i := range 30 {
		for _, k := range []string{"Mine ", "Theirs "} {
			if seen[fmt.Sprint(k, i)] != 1 {
				missing += fmt.Sprint(k, i, ":", seen[fmt.Sprint(k, i)], " ")
			}
		}
	}
	t.Logf("%d entries, err %v, buy %d, missing %s; ada %s guest %s", len(all), err, seen["Buy"], missing, h.of(lifecycle.UserID, "ada"), h.of(lifecycle.UserID, "guest"))
}
