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

// Who takes somebody over after such a sleep takes over when all is done that was due by then: it had to do with themselves alone.
func TestASleeperTakesOverWhenAwake(t *testing.T) {
	s := newStill(t.TempDir(), func(args ...any) { t.Helper(); t.Fatal(args...) })
	defer func() { s.store.Close() }()
	for n := range 3 { // of each journey 200 may wait, and one input fires 500
		s.publish(journey(fmt.Sprint("j", n), `journey { title = "J", stages = { "a" } }`,
			"a", `stage { title = "A" }
on("Page", function(customer)
	wait "1 day"
	if customer.tags.theirs then set("saw", true) end
	score(1)
end, { parallel = true })
on("Mark", function() tag "theirs" end)`))
	}
	say := func(id string, event lifecycle.Event) {
		t.Helper()
		s.clock.Advance(time.Second)
		event.MessageID, event.Timestamp = id, s.clock.Now()
		s.receive(event)
	}
	say("who", lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", Traits: []byte(`{"email":"ada@shop.example"}`)})
	for i := range 200 {
		say(fmt.Sprint("page", i), lifecycle.Event{Type: lifecycle.Track, Name: "Page", UserID: "ada"})
	}
	for s.deliver(0, true) {
	}
	s.clock.Advance(20 * 24 * time.Hour)
	say("mark", lifecycle.Event{Type: lifecycle.Track, Name: "Mark", AnonymousID: "device"})
	say("meet", lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "device", Traits: []byte(`{"email":"ada@shop.example"}`)})
	for s.deliver(0, true) {
	}
	found, err := s.engine.Customer(t.Context(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "device"})
	if err != nil {
		t.Fatal(err)
	}
	c := found.Customer
	if c.UserID() != "ada" || !c.HasTag("theirs") || c.Score(s.clock.Now()) != 600 {
		t.Errorf("they are %s with tags %v and %v points", c.UserID(), c.Tags, c.Score(s.clock.Now()))
	}
	if c.Trait("saw") != nil {
		t.Error("what was due before has seen whom they became one with")
	}
}
