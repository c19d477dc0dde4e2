package app_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
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

// TestAReplayOfTimersAfterAPause has timers and segments come due while nobody is there to fire them. When somebody is, segments,
// scripts and scores are others.
func TestAReplayOfTimersAfterAPause(t *testing.T) {
	for name, change := range map[string]func(w *lived){
		"nothing": func(w *lived) {},
		"its segment": func(w *lived) {
			w.publishSegments("buyers", `count("Ordered", "9 days") >= 2`, "eager", `count("Ordered", "4 days") >= 1`)
		},
		"another segment": func(w *lived) {
			w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`, "eager", `count("Ordered", "6 days") >= 1`)
		},
		"the journey": func(w *lived) { w.publish(heardOfSegments("bonus")) },
		"all of them, one after the other": func(w *lived) {
			w.publish(heardOfSegments("bonus"))
			w.clock.Advance(time.Second)
			w.publishSegments("eager", `count("Ordered", "6 days") >= 1`)
			w.clock.Advance(time.Second)
			w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`, "eager", `count("Ordered", "6 days") >= 1`)
		},
	} {
		for _, then := range []string{"timers", "an event", "everybody is asked"} {
			t.Run(name+", then "+then, func(t *testing.T) {
				w := newLived(t, delivery.Policy{})
				defer w.store.Close()
				w.publish(heardOfSegments("discount"))
				w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`, "eager", `count("Ordered", "4 days") >= 1`)
				w.identify("ada", map[string]any{"email": "ada@shop.example"})
				w.track("ada", "Ordered", map[string]any{"total": 60})
				w.work(lifecycle.UserID, "ada")
				w.clock.Advance(25 * 24 * time.Hour)
				change(w)
				switch then {
				case "an event":
					w.clock.Advance(time.Second)
					w.track("ada", "Looked", nil)
				case "everybody is asked":
					w.work(lifecycle.UserID, "ada")
				}
				w.must(w.engine.FireAt(t.Context(), userID("ada"), w.clock.Now()))
				w.work(lifecycle.UserID, "ada")
				w.agrees()
				w.pass("ada", 10*24*time.Hour)
				w.agrees()
			})
		}
	}
}

// TestAReplayOfTimersOfSomebodyElseAfterAPause has timers wait where one lived who became part of another one, and none where that one
// did, or the other way round.
func TestAReplayOfTimersOfSomebodyElseAfterAPause(t *testing.T) {
	for _, waits := range []string{"ada", "bob"} { // who stays is bob
		t.Run(waits, func(t *testing.T) {
			w := newLived(t, delivery.Policy{})
			defer w.store.Close()
			w.publish(heardOfSegments("discount"))
			w.publishSegments("buyers", `count("Ordered", "3 days") >= 1`, "eager", `count("Ordered", "4 days") >= 1`)
			w.identify(waits, map[string]any{"email": waits + "@shop.example"})
			w.track(waits, "Ordered", map[string]any{"total": 60})
			w.clock.Advance(25 * 24 * time.Hour)
			w.publish(heardOfSegments("bonus"))
			w.clock.Advance(time.Second)
			w.publishSegments("buyers", `count("Ordered", "9 days") >= 2`, "eager", `count("Ordered", "6 days") >= 1`)
			w.clock.Advance(time.Second)
			w.must(w.engine.FireAt(t.Context(), userID(waits), w.clock.Now()))
			w.work(lifecycle.UserID, waits)
			w.clock.Advance(time.Second)
			for _, user := range []string{"ada", "bob"} {
				w.track(user, "Looked", nil)
			}
			w.pass("ada", 3*24*time.Hour)
			w.receive(lifecycle.Event{Type: lifecycle.Alias, UserID: "bob", MessageID: "alias", Timestamp: w.clock.Now(), Received: w.clock.Now(),
				Properties: []byte(`{"previousId":"ada"}`)})
			w.settleAll()
			if got, err := w.engine.Record(t.Context(), userID("ada")); err != nil || got.ID != userID("bob") {
				t.Fatalf("%+v, %v", got, err)
			}
			w.agrees()
		})
	}
}

// TestWhatIsDueAfterAnImportIsNoHistory has something happen to people while their import is being closed, which has come to some of
// them: what was due by the moment of its end is history, and what has been due since is not.
func TestWhatIsDueAfterAnImportIsNoHistory(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(map[string]string{
		"journey.lua":                    `journey { title = "Club", stages = { "new" } }`,
		"new.lua":                        `stage { title = "New" } enter(function() wait "1 day" send "welcome" wait "10 seconds" send "pro-tips" end)`,
		"messages/welcome.email.liquid":  mail("transactional"),
		"messages/pro-tips.email.liquid": mail("transactional"),
	})
	ctx := context.Background()
	users := inOnePartition(61) // more than are let go at once
	w.must(w.engine.OpenImport(ctx, "shop", true))
	for i, user := range users {
		results, err := w.engine.Import(ctx, "shop", []engine.Line{{ID: fmt.Sprint(i), Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: user,
			Properties: []byte(`{"total":60}`), Timestamp: w.clock.Now().Add(-24 * time.Hour)}}})
		w.must(err)
		w.must(results[0].Err)
	}
	w.clock.Advance(5 * time.Second)
	progress, err := w.engine.CloseImport(ctx, "shop", w.clock.Now(), false, 0)
	w.must(err)
	if progress.State != engine.ImportClosing {
		t.Fatalf("it is %s", progress.State)
	}
	w.clock.Advance(20 * time.Second)
	for _, user := range []string{users[0], users[60]} { // let go already, and not yet
		w.track(user, "Looked", nil)
		life, err := w.engine.Life(ctx, userID(user))
		w.must(err)
		told := ""
		for _, entry := range life.Entries {
			for _, fact := range entry.Facts {
				if fact.Kind == lifecycle.FactMessage {
					told += " " + fact.Name + " " + fact.Reason
				}
			}
		}
		if told != " welcome suppressed pro-tips queued" {
			t.Errorf("%s:%s", user, told)
		}
	}
	progress, err = w.engine.CloseImport(ctx, "shop", w.clock.Now(), false, time.Minute)
	w.must(err)
	if progress.State != engine.ImportClosed {
		t.Fatalf("it is %s", progress.State)
	}
	w.settleAll()
	w.agrees()
}

// inOnePartition returns users who live in one partition, in the order of their IDs.
func inOnePartition(n int) (users []string) {
	for i := 0; len(users) < n; i++ {
		if user := fmt.Sprint("u", i); userID(user).Partition() == userID("ada").Partition() {
			users = append(users, user)
		}
	}
	slices.SortFunc(users, func(a, b string) int { x, y := userID(a), userID(b); return bytes.Compare(x[:], y[:]) })
	return users
}

// heardOfSegments is a club that is told who enters and leaves segments.
func heardOfSegments(discount string) map[string]string {
	files := club(discount)
	files["journey.lua"] += "\non(\"Segment Entered\", function(customer, event) tag(event.properties.segment) end)" +
		"\non(\"Segment Left\", function(customer, event) set(\"left\", event.properties.segment) end)"
	return files
}

// TestAReplayOfAnImportThatCloses has a line of another import come while one is still being closed: to whom it has let go, and to
// whom it has not.
func TestAReplayOfAnImportThatCloses(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	ctx := context.Background()
	users := inOnePartition(61) // more than are let go at once
	line := func(source, user string, days int) {
		w.n++
		results, err := w.engine.Import(ctx, source, []engine.Line{{ID: fmt.Sprint(w.n), Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: user,
			Properties: []byte(`{"total":60}`), Timestamp: w.clock.Now().AddDate(0, 0, -days)}}})
		w.must(err)
		w.must(results[0].Err)
	}
	closes := func(source string, budget time.Duration, state string) {
		w.clock.Advance(time.Second)
		progress, err := w.engine.CloseImport(ctx, source, w.clock.Now(), false, budget)
		w.must(err)
		if progress.State != state {
			t.Fatalf("%s is %s, want %s", source, progress.State, state)
		}
		w.clock.Advance(time.Second)
	}
	w.must(w.engine.OpenImport(ctx, "shop", true))
	w.must(w.engine.OpenImport(ctx, "till", true))
	w.clock.Advance(time.Second)
	for _, user := range users {
		line("shop", user, 60)
	}
	closes("shop", 0, engine.ImportClosing)
	line("till", users[0], 40)
	line("till", users[60], 40)
	closes("shop", time.Minute, engine.ImportClosed)
	line("till", users[30], 40)
	closes("till", time.Minute, engine.ImportClosed)
	w.settleAll()
	w.agrees()
}
