package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A timeline that lost its beginning, as entries are kept only so long, says so. What hangs on it is no fault, and of others
// nothing is missing.
func TestAReplayOfWhatIsNotKept(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	retain := func() {
		t.Helper()
		w.clock.Advance(time.Hour)
		_, err := w.engine.Retain(t.Context(), engine.Retention{Events: 30 * 24 * time.Hour})
		w.must(err)
	}
	for _, user := range []string{"ada", "bob"} {
		w.identify(user, map[string]any{"email": user + "@shop.example"})
		w.track(user, "Ordered", map[string]any{"total": 20})
	}
	retain()
	if replayed := w.replay("ada"); !replayed.Equal || replayed.Incomplete {
		t.Errorf("before anything is old: %+v", replayed)
	}
	w.clock.Advance(50 * 24 * time.Hour)
	w.track("bob", "Looked", nil)
	w.identify("eve", map[string]any{"plan": "pro"})
	retain()
	gone := "events before " + w.clock.Now().Add(-30*24*time.Hour).UTC().Format("2006-01-02 15:04") + " were removed"
	for _, user := range []string{"ada", "bob"} {
		replayed := w.replay(user)
		if !replayed.Incomplete || !strings.Contains(strings.Join(replayed.Notes, "\n"), gone) {
			t.Errorf("%s: %t, %q", user, replayed.Incomplete, replayed.Notes)
		}
	}
	why := w.why("ada", "")
	if text := fmt.Sprint(why.Answer); !strings.Contains(text, "is not kept") || !strings.Contains(strings.Join(why.Notes, "\n"), gone) {
		t.Errorf("why: %s %q", text, why.Notes)
	}
	if replayed := w.replay("eve"); !replayed.Equal || replayed.Incomplete {
		t.Errorf("who came later: %+v", replayed)
	}
}

// Of a test person, and of whoever was one, nothing is compared, and the answer says so.
func TestAReplayOfATestPersonIsNotChecked(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	ada := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash()
	for _, on := range []bool{true, false} {
		w.must(w.engine.SetTest(t.Context(), ada, on))
		w.track("ada", "Ordered", map[string]any{"total": 20})
		w.pass("ada", 3*time.Hour)
		replayed := w.replay("ada")
		if replayed.Equal || !replayed.Incomplete || len(replayed.Differences) > 0 || !strings.Contains(fmt.Sprint(replayed.Notes), "not checked") {
			t.Errorf("a test person, %t: %+v", on, replayed)
		}
	}
}

// Nor of whoever was one while nothing was sent: the timeline says so.
func TestAReplayOfAFormerTestPersonIsNotChecked(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(map[string]string{"journey.lua": `journey { title = "Club", stages = { "trial", "next" }, moves = "next" }`, "next.lua": "stage { title = \"Next\" }\n",
		"trial.lua": "stage { title = \"Trial\" }\non(\"Three\", function()\n  wait \"1 day\"\n  move \"next\"\nend)\n"})
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.identify("bob", map[string]any{"email": "bob@shop.example"})
	ada := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash()
	w.must(w.engine.SetTest(t.Context(), ada, true))
	w.track("ada", "Three", nil)
	w.pass("ada", 5*time.Minute)
	w.must(w.engine.SetTest(t.Context(), ada, false))
	w.pass("ada", 5*time.Minute)
	replayed := w.replay("ada")
	if replayed.Equal || !replayed.Incomplete || len(replayed.Differences) > 0 || !strings.Contains(fmt.Sprint(replayed.Notes), "not checked") {
		t.Errorf("%+v", replayed)
	}
	if replayed = w.replay("bob"); !replayed.Equal || replayed.Incomplete {
		t.Errorf("who was none: %+v", replayed)
	}
	told := fmt.Sprint(w.why("ada", "").Decisions)
	if !strings.Contains(told, "became a test person") || !strings.Contains(told, "is a test person no longer") || !strings.Contains(told, "somebody's request") {
		t.Error(told)
	}
}
