package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What a report says to have happened to a message long before there was one has a wrong date, and counts as of now. A word may be
// older than the message, and a clock may be behind a little.
func TestReportsFromBeforeTheMessage(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order", function() send "hello" end)`, "b", `stage { title = "B" }`))
	h.identify("ada", "", `{"email": "hello@example.com"}`)
	h.track("ada", "Order")
	m := h.book.message("hello")
	h.book.settle(m.ID, lifecycle.Accepted, h.clock.Now())
	h.clock.Advance(time.Hour)
	now := h.clock.Now()
	for _, c := range []struct {
		event    string
		at, want time.Time
	}{
		{"delivered", time.UnixMilli(now.Unix()), now}, // seconds in place of milliseconds
		{"clicked", now.Add(-2 * time.Hour), now.Add(-2 * time.Hour)},
		{"subscribed", now.AddDate(0, 0, -9), now.AddDate(0, 0, -9)},
	} {
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "email", Message: m.Ref(), Event: c.event, At: c.at}})
		if last := h.timelineOf("ada")[0].Event; last == nil || !last.Timestamp.Equal(c.want) {
			t.Errorf("%s of %v: %+v, want %v", c.event, c.at, last, c.want)
		}
	}
}
