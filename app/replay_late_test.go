package app_test

import (
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// TestAReplayOfWhatComesLate has a timer fire late whose script makes something happen to somebody else: it happens to them
// when it comes, not when it was due.
func TestAReplayOfWhatComesLate(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(social("discount"))
	for _, user := range []string{"ada", "bob"} {
		w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: user})
		w.clock.Advance(time.Second)
	}
	w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Looked", UserID: "bob"})
	w.clock.Advance(5*24*time.Hour + 3*time.Second)
	w.settleAll()
	w.clock.Advance(time.Second)
	w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "ada", Properties: []byte(`{"total":5}`)})
	w.agrees()
}
