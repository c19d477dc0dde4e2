package app_test

import (
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A bounce that somebody else told of is over in a replay too, once the address has said that it is alive, and so is one of their own.
func TestAReplayKnowsThatAnAddressIsAlive(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	ctx := t.Context()
	const phone = "+84901234567"
	w.publish(club("discount"))
	settle := func() {
		for range 3 {
			for p := range lifecycle.Partitions {
				w.must(w.engine.Settle(ctx, p))
			}
		}
		w.clock.Advance(time.Hour)
	}
	hear := func(event string, data map[string]string) {
		w.engine.Keep(ctx, []engine.Report{{Channel: "sms", From: phone, Event: event, Data: data}})
		settle()
	}
	for _, user := range []string{"ada", "bob"} {
		w.identify(user, map[string]any{"phone": phone})
		settle()
	}
	w.track("bob", "Sms Bounced", map[string]any{"address": phone})
	settle()
	ada := func() int {
		c, err := w.engine.Record(ctx, lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash())
		w.must(err)
		return len(c.Suppressions)
	}
	if n := ada(); n != 1 {
		t.Fatalf("%d suppressions after the bounce", n)
	}
	hear("subscribed", nil)
	if n := ada(); n != 0 {
		t.Fatalf("%d suppressions after START", n)
	}
	hear("bounced", map[string]string{"kind": "hard"})
	hear("subscribed", map[string]string{"id": "SM1"})
	for _, user := range []string{"ada", "bob"} {
		if replayed := w.replay(user); !replayed.Equal {
			for _, d := range replayed.Differences {
				t.Errorf("%s: %s\n  stored   %s\n  replayed %s\n", user, d.Field, d.Stored, d.Replayed)
			}
		}
	}
}
