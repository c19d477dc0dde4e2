package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// Who has slept for so long that many inputs are needed to bring them up becomes one with the other in the end, even if
// nothing of what was due there is told.
func TestASleeperWhoIsMergedIsNotLost(t *testing.T) {
	s := newStill(t.TempDir(), func(args ...any) { t.Helper(); t.Fatal(args...) })
	defer func() { s.store.Close() }()
	var files []string
	for days := range 12 {
		files = append(files, fmt.Sprint("busy-", days), fmt.Sprintf(`count("Page", "%d days") >= 5000`, days+1))
	}
	if err := s.engine.PublishSegments(t.Context(), segments(files...)); err != nil {
		t.Fatal(err)
	}
	const events = 950 // each of which leaves each window at a time of its own
	s.receive(lifecycle.Event{Type: lifecycle.Track, Name: "Page", MessageID: "first", UserID: "ada", Timestamp: s.clock.Now()})
	var batch []lifecycle.Event
	for i := range events {
		s.clock.Advance(time.Second)
		batch = append(batch, lifecycle.Event{Type: lifecycle.Track, Name: "Page", MessageID: fmt.Sprint(i), AnonymousID: "device", Timestamp: s.clock.Now()})
		if len(batch) == 50 {
			if _, err := s.engine.Receive(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	s.clock.Advance(20 * 24 * time.Hour)
	s.receive(lifecycle.Event{Type: lifecycle.Identify, MessageID: "ada", UserID: "ada", AnonymousID: "device", Timestamp: s.clock.Now()})
	for s.deliver(0, true) {
	}
	found, err := s.engine.Customer(t.Context(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "device"})
	if err != nil {
		t.Fatal(err)
	}
	if c := found.Customer; c.UserID() != "ada" {
		t.Errorf("they are %s, at %s", c.ID, c.Clock)
	}
}
