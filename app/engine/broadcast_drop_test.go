package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// saveSoon saves a broadcast and puts users on its list, as soon as nothing of a former one is in the way.
func (h *harness) saveSoon(b engine.Broadcast, users ...string) {
	h.t.Helper()
	h.save(b)
	h.eventually(func() bool { return h.progress(b.Name) == engine.BroadcastProgress{} })
	h.list(b.Name, users...)
}

// Whatever a removal has left that was broken off, the next broadcast of the name begins with nothing of it.
func TestABrokenRemovalLeavesNothing(t *testing.T) {
	for _, restart := range []bool{false, true} {
		for _, state := range []engine.BroadcastState{engine.BroadcastDraft, engine.BroadcastStopped} {
			t.Run(fmt.Sprint(state, restart), func(t *testing.T) {
				h := newHarness(t)
				h.people(20, plain)
				b := draft("again")
				b.Audience = engine.Audience{List: true}
				h.save(b)
				h.list("again", "u1", "u2", "u3", "u4", "u5")
				if state == engine.BroadcastStopped {
					b.At = start.Add(time.Hour)
					h.begin(b)
					h.set("again", state)
				}
				if err := h.engine.BreakDrop("again"); err != nil {
					t.Fatal(err)
				}
				if restart {
					h.restart()
					h.eventually(func() bool { return h.progress("again") == engine.BroadcastProgress{} })
				}
				b.At = time.Time{}
				h.saveSoon(b, "u7")
				if _, err := h.engine.StartBroadcast(context.Background(), "again", ""); err != nil {
					t.Fatal(err)
				}
				h.done("again")
				if got := h.sentTo("broadcast.again"); got["message queued"] != 1 || h.book.message("message").User != "u7" {
					t.Errorf("sent: %v", got)
				}
				if p := h.progress("again"); p.Listed != 1 || p.Let != 1 {
					t.Errorf("%+v", p)
				}
			})
		}
	}
}

// A removal that ends in the middle leaves the broadcast there, begins nothing again, and can be repeated.
func TestARemovalIsRepeated(t *testing.T) {
	h := newHarness(t)
	h.people(20, plain)
	h.begin(draft("once"))
	h.done("once")
	h.set("once", engine.BroadcastStopped)
	if err := h.engine.DropHalf("once"); err != nil {
		t.Fatal(err)
	}
	h.restart()
	if err := h.engine.DropBroadcast(context.Background(), "once"); err != nil {
		t.Fatal(err)
	}
	h.eventually(func() bool { return h.progress("once") == engine.BroadcastProgress{} })
	if n := h.all("broadcast.once"); n != 20 {
		t.Errorf("%d were sent", n)
	}
	if _, err := h.engine.AddToBroadcast(context.Background(), "once", nil); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("added to it: %v", err)
	}
}

// What a rate keeps busy in one partition is not over, however long the first one has been.
func TestABusyBroadcastIsNotRemoved(t *testing.T) {
	h := newHarness(t)
	h.busyElsewhere("slow", 50)
	if err := h.engine.DropBroadcast(context.Background(), "slow"); lifecycle.CodeOf(err) != lifecycle.Conflict {
		t.Errorf("removed: %v", err)
	}
	h.set("slow", engine.BroadcastStopped)
	if err := h.engine.DropBroadcast(context.Background(), "slow"); err != nil {
		t.Error(err)
	}
}

// busyElsewhere begins a broadcast to so many people, none of whom is of the first partition, and pauses it when it has long been over
// there and not elsewhere.
func (h *harness) busyElsewhere(name string, people int) {
	h.t.Helper()
	var events []lifecycle.Event
	for i := 0; len(events) < people; i++ {
		event := h.event(fmt.Sprint("u", i), "Seen")
		if event.Identity().Hash().Partition() != 0 {
			events = append(events, event)
		}
	}
	h.receive(events...)
	b := draft(name)
	b.Rate = 1
	h.begin(b)
	h.eventually(func() bool { return h.progress(name).Parts > 0 })
	h.set(name, engine.BroadcastPaused)
	h.clock.Advance(130 * time.Hour)
	h.eventually(func() bool { return h.engine.OverIn(name, 0) })
}
