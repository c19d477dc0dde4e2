package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/script"
)

// TestAReplayIsNotInAHurry has a script take too long on a machine that was very slow. A replay runs it to its end, and says so.
func TestAReplayIsNotInAHurry(t *testing.T) {
	w := newLivedWithin(t, delivery.Policy{}, script.Limits{Wall: time.Nanosecond})
	defer w.store.Close()
	files := club("discount")
	files["journey.lua"] += `
on("Counted", function(customer)
	local n = 0
	for i = 1, 20000 do n = n + i end
	tag "counted"
end)`
	w.publish(files)
	w.track("ada", "Counted", nil)
	answer, err := w.lives.Replay(context.Background(), userID("ada"))
	w.must(err)
	var stored, replayed string
	for _, d := range answer.(*app.Replayed).Differences {
		if d.Field == "timeline" {
			stored, replayed = stored+d.Stored, replayed+d.Replayed
		}
	}
	if !strings.Contains(stored, "failed") || strings.Contains(replayed, "failed") || !strings.Contains(replayed, "tagged club new counted") {
		t.Errorf("stored %s\nreplayed %s", stored, replayed)
	}
}
