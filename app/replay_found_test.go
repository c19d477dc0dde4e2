package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// agrees lives everybody again.
func (w *lived) agrees() {
	w.t.Helper()
	list, _, err := w.engine.Customers(context.Background(), engine.MemberCursor{}, 1000)
	w.must(err)
	if len(list) == 0 {
		w.t.Error("there is nobody")
	}
	for _, c := range list {
		answer, err := w.lives.Replay(context.Background(), c.ID)
		w.must(err)
		for _, d := range answer.(*app.Replayed).Differences {
			w.t.Errorf("%s%s: %s\n  stored   %s\n  replayed %s", c.UserID(), c.AnonymousID(), d.Field, d.Stored, d.Replayed)
		}
	}
}

// settled lets events come in together, and all that follows from them.
func (w *lived) settled(events ...lifecycle.Event) {
	w.t.Helper()
	results, err := w.engine.Receive(context.Background(), events)
	w.must(err)
	for _, result := range results {
		w.must(result.Err)
	}
	w.settleAll()
}

func (w *lived) settleAll() {
	w.t.Helper()
	for range 3 {
		for p := range lifecycle.Partitions {
			w.must(w.engine.Chores(context.Background(), p))
		}
	}
}

// TestAReplayOfAnUnknownNameThatSaysAnAddress has an order under a name that nobody knows, which says whose it is.
func TestAReplayOfAnUnknownNameThatSaysAnAddress(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", Traits: []byte(`{"email":"ada@shop.example"}`)})
	w.clock.Advance(time.Second)
	w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", AnonymousID: "shop", Properties: []byte(`{"total":5}`), Context: []byte(`{"traits":{"email":"ada@shop.example"}}`)})
	w.clock.Advance(time.Second)
	w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", AnonymousID: "till", Properties: []byte(`{"total":5}`), Traits: []byte(`{"email":"ada@shop.example"}`)})
	w.agrees()
}

// TestAReplayOfMovesAfterHistory takes people out and in by hand, one by one and by a bulk, whose history was imported.
func TestAReplayOfMovesAfterHistory(t *testing.T) {
	ctx := context.Background()
	for _, until := range []time.Duration{0, -10 * 24 * time.Hour} {
		w := newLived(t, delivery.Policy{})
		files := club("discount")
		files["new.lua"] = strings.Replace(files["new.lua"], `title = "New",`, `title = "New", reenter = "always",`, 1)
		w.publish(files)
		w.must(w.engine.OpenImport(ctx, "shop", true))
		results, err := w.engine.Import(ctx, "shop", []engine.Line{{ID: "a", Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "ada",
			Timestamp: livedStart.AddDate(0, 0, -30), Properties: []byte(`{"total":30}`)}}, {ID: "b", Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "bob",
			Timestamp: livedStart.AddDate(0, 0, -30), Properties: []byte(`{"total":30}`)}}})
		w.must(err)
		for _, result := range results {
			w.must(result.Err)
		}
		_, err = w.engine.CloseImport(ctx, "shop", w.clock.Now().Add(until), false, time.Minute)
		w.must(err)
		for _, act := range []engine.Act{engine.ActExit, engine.ActEnrol} {
			out, err := w.engine.Change(ctx, engine.Change{Act: act, Customer: userID("ada"), Journey: "club", By: "api"}, "")
			w.must(err)
			if out.Refused != "" {
				t.Fatal(out.Refused)
			}
			_, err = w.engine.SaveBulk(ctx, engine.Bulk{Name: string(act), Act: act, Journey: "club", Why: "spring", Audience: engine.Audience{Everybody: true}}, false)
			w.must(err)
			_, err = w.engine.SetBulk(ctx, string(act), engine.BulkRunning, "minh")
			w.must(err)
			w.settleAll()
			w.clock.Advance(time.Second)
		}
		w.agrees()
		w.must(w.engine.OpenImport(ctx, "shop", true)) // once more, which comes after all that
		results, err = w.engine.Import(ctx, "shop", []engine.Line{{ID: "c", Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "eve",
			Timestamp: livedStart.AddDate(0, 0, -30), Properties: []byte(`{"total":30}`)}}})
		w.must(err)
		w.must(results[0].Err)
		_, err = w.engine.CloseImport(ctx, "shop", w.clock.Now(), false, time.Minute)
		w.must(err)
		w.agrees()
		w.store.Close()
	}
}

// TestAReplayOfStageWebhooks has every change of a stage told to another program, which nobody did before, and nobody does
// in the end.
func TestAReplayOfStageWebhooks(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.identify("ada", nil)
	w.clock.Advance(time.Second)
	w.engine.SetStageWebhooks([]string{"https://crm.example/stages", "https://till.example/stages"})
	w.track("ada", "Ordered", map[string]any{"total": 60})
	w.identify("bob", nil)
	w.clock.Advance(time.Hour)
	_, err := w.engine.Change(context.Background(), engine.Change{Act: engine.ActMove, Customer: userID("ada"), Journey: "club", To: "gone", By: "api"}, "")
	w.must(err)
	w.agrees()
	w.engine.SetStageWebhooks(nil)
	w.agrees()
}

// TestAReplayOfStagesThatGo has people whose stage was renamed, and retired, before they went on: their messages are the same
// ones, and nothing of their lives is left out.
func TestAReplayOfStagesThatGo(t *testing.T) {
	for _, heir := range []string{`renamed = { x = "z" }`, `retired = { x = "z" }`, `renamed = { w = "y", x = "z" }`} {
		w := newLived(t, delivery.Policy{})
		w.publish(map[string]string{
			"journey.lua": `journey { title = "Club", stages = { "x", "y" }, moves = { x = { "y" } } }`,
			"x.lua":       "stage { title = \"X\" }\non(\"Ordered\", function() move \"y\" end)\non(\"Waited\", function() wait \"1 day\" tag \"waited\" end)\n",
			"y.lua":       "stage { title = \"Y\" }\n",
		})
		w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Waited", UserID: "ada", Context: []byte(`{"traits":{"email":"ada@shop.example"}}`)})
		w.clock.Advance(time.Minute)
		w.publish(map[string]string{
			"journey.lua":                 `journey { title = "Club", stages = { "z", "y" }, moves = { z = { "y" } }, ` + heir + ` }`,
			"z.lua":                       "stage { title = \"Z\" }\non(\"Ordered\", function() move \"y\" end)\n",
			"y.lua":                       "stage { title = \"Y\" }\nenter(function() send \"hello\" end)\n",
			"messages/hello.email.liquid": "---\nsubject: Hi\nkind: transactional\n---\nHi\n",
		})
		w.settleAll()
		w.clock.Advance(time.Minute)
		w.track("ada", "Ordered", nil)
		w.clock.Advance(time.Minute)
		w.agrees()
		c, err := w.engine.FindCustomer(t.Context(), "ada")
		w.must(err)
		answer, err := w.lives.Replay(t.Context(), c.ID)
		w.must(err)
		if notes := answer.(*app.Replayed).Notes; len(notes) > 0 {
			t.Errorf("%s: the replay says %q", heir, notes)
		}
		w.store.Close()
	}
}

// TestAReplayOfTrackedWords has an event tracked whose name is that of a word of consent.
func TestAReplayOfTrackedWords(t *testing.T) {
	for _, properties := range []string{"", `{"channel":"email"}`, `{"channel":"email","topic":"news"}`} {
		for _, name := range []string{"Unsubscribed", "Subscribed"} {
			w := newLived(t, delivery.Policy{})
			w.publish(club("discount"))
			w.settled(lifecycle.Event{Type: lifecycle.Track, Name: name, UserID: "ada", Properties: []byte(properties)})
			w.agrees()
			w.store.Close()
		}
	}
}

// TestAReplayOfVisitorsWhoseStagesAreHeard has a script that hears of stages while a visitor becomes a user.
func TestAReplayOfVisitorsWhoseStagesAreHeard(t *testing.T) {
	for _, known := range []bool{false, true} {
		w := newLived(t, delivery.Policy{})
		files := club("discount")
		files["journey.lua"] += `
on("Stage Entered", function(customer, event) tag(event.properties.stage) end)`
		w.publish(files)
		if known {
			w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Looked", UserID: "ada"})
			w.clock.Advance(time.Second)
		}
		w.settled(lifecycle.Event{Type: lifecycle.Page, Name: lifecycle.PageViewed, AnonymousID: "visitor"})
		w.clock.Advance(time.Second)
		w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "visitor", Traits: []byte(`{"email":"ada@shop.example"}`)})
		w.clock.Advance(time.Second)
		w.settled(lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "ada", Properties: []byte(`{"total":60}`)})
		w.agrees()
		w.store.Close()
	}
}

// TestAReplayWritesNothingIntoTheLog lives somebody again whom a friend brought who is not there in the replay.
func TestAReplayWritesNothingIntoTheLog(t *testing.T) {
	var log bytes.Buffer
	w := newLivedLogging(t, delivery.Policy{}, script.Limits{Wall: time.Minute}, slog.New(slog.NewTextHandler(&log, nil)))
	defer w.store.Close()
	w.engine.SetReferrals("Ordered", func(code string) (lifecycle.ID, bool) { return userID("ada"), code == "code-ada" })
	w.publish(club("discount"))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.receive(lifecycle.Event{Type: lifecycle.Page, Name: lifecycle.PageViewed, UserID: "bob", MessageID: "page", Timestamp: w.clock.Now(), Received: w.clock.Now(),
		Context: []byte(`{"page":{"url":"https://shop.example/?ref=code-ada"}}`)})
	w.track("bob", "Ordered", map[string]any{"total": 30})
	w.agrees()
	w.why("bob", "")
	if strings.Contains(log.String(), "level=") {
		t.Error(log.String())
	}
}

// TestAReplayOfCloseEvents has people become one while more happens to each of them.
func TestAReplayOfCloseEvents(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	send := func(events ...lifecycle.Event) { // nobody carries out what it leaves
		w.t.Helper()
		results, err := w.engine.Receive(context.Background(), events)
		w.must(err)
		for _, result := range results {
			w.must(result.Err)
		}
		w.clock.Advance(time.Millisecond)
	}
	order := func(user, visitor string) lifecycle.Event {
		return lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: user, AnonymousID: visitor, Properties: []byte(`{"total":5}`)}
	}
	send(order("", "phone"))
	send(order("ada", ""))
	send(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", AnonymousID: "phone", Traits: []byte(`{"plan":"pro"}`)})
	send(order("", "phone"))
	send(order("ada", ""))
	send(lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "phone", Traits: []byte(`{"plan":"free"}`)})
	w.settleAll()
	send(order("ada", "phone"))
	w.settleAll()
	w.agrees()
}

// TestAReplayOfLivesThatDiffered lives lives again of which a replay claimed once that they differ.
func TestAReplayOfLivesThatDiffered(t *testing.T) {
	// A friend's order, and the moment at which one does not count; a name by which somebody was recognised, and whom another one
	// said later; history that came while there was other news; three who become one at the same moment.
	liveAndReplaySeeds(t, crowdNames(), 438, 521, 897, 916, 967, 1803, 3172)
	// Who becomes whose part changes within a burst; since when somebody is where they were put, before they became somebody's part.
	liveAndReplaySeeds(t, burstNames(), 162, 681, 914, 2192)
	// What one import holds happens when it ends, and not when another one does.
	liveAndReplaySeeds(t, historyNames(), 631, 1012)
}

// TestAReplayKnowsWhatHadLeft has an order come in before a message is taken that is written down after it, and the other way round:
// what counted then counts in the replay.
func TestAReplayKnowsWhatHadLeft(t *testing.T) {
	for counted, early := range map[bool]time.Duration{true: 2 * time.Millisecond, false: 0} {
		w := newLived(t, delivery.Policy{})
		w.publish(map[string]string{
			"journey.lua":                 `journey { title = "Club", stages = { "new", "old" }, moves = { ["new"] = { "old" } } }`,
			"new.lua":                     "stage { title = \"New\", goal = \"Bought\", next = \"old\" }\nenter(function() send \"hello\" end)\n",
			"old.lua":                     "stage { title = \"Old\" }\n",
			"messages/hello.email.liquid": "---\nsubject: Hello\n---\nHello\n",
		})
		w.settled(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", Traits: []byte(`{"email":"ada@shop.example"}`)})
		came := w.clock.Now().Add(early)
		bought := lifecycle.Event{Type: lifecycle.Track, Name: "Bought", UserID: "ada", MessageID: "order", Timestamp: came, Received: came}
		take := func() {
			w.clock.Advance(5 * time.Millisecond)
			w.handOver("ada")
		}
		if counted {
			take()
		}
		w.must(w.engine.ReceiveAt(context.Background(), bought, came))
		if !counted {
			take()
		}
		w.settleAll()
		w.agrees()
		life, err := w.engine.Life(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash())
		w.must(err)
		got := false
		for _, entry := range life.Entries {
			for _, fact := range entry.Facts {
				got = got || fact.Kind == lifecycle.FactReceipt && fact.To == string(lifecycle.Converted)
			}
		}
		if got != counted {
			t.Errorf("it counted: %v, want %v", got, counted)
		}
		w.store.Close()
	}
}
