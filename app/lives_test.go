package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app"
	"stagecraft/app/channels"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/insight"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// lived is an engine and an outbox on a store in memory, whose time a test makes.
type lived struct {
	t        testing.TB
	clock    *lifecycle.ManualClock
	store    *store.Store
	engine   *engine.Engine
	delivery *delivery.Delivery
	lives    *app.Lives
	n        int
	applied  func(input any) // hears of every change of a partition, if it is set
}

type livedMachine struct{ *lived }

// livedDamage is the input "this is not written any more".
type livedDamage struct{ key []byte }

func (m livedMachine) Apply(tx store.Tx, input any) (any, error) {
	if in, is := input.(livedDamage); is {
		tx.Delete(in.key)
		return nil, nil
	}
	answer, handled, err := m.engine.Apply(tx, input)
	if !handled {
		answer, _, err = m.delivery.Apply(tx, input)
	}
	if m.applied != nil {
		m.applied(input)
	}
	return answer, err
}

func (m livedMachine) Ask(tx store.Reader, query any) (any, error) {
	answer, handled, err := m.engine.Ask(tx, query)
	if !handled {
		answer, _, err = m.delivery.Ask(tx, query)
	}
	return answer, err
}

func (livedMachine) Own(ctx context.Context, _ int) { <-ctx.Done() }

// taker takes every message at once.
type taker struct{}

func (taker) Send(_ context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(batch))
	for i, m := range batch {
		receipts[i] = lifecycle.Receipt{Message: m.ID, Outcome: lifecycle.OutcomeAccepted}
	}
	return receipts
}
func (taker) Idempotent() bool { return true }
func (taker) Ready() bool      { return true }

var livedStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newLived(t testing.TB, policy delivery.Policy) *lived {
	return newLivedWithin(t, policy, script.Limits{Wall: time.Minute})
}

func newLivedWithin(t testing.TB, policy delivery.Policy, limits script.Limits) *lived {
	return newLivedLogging(t, policy, limits, slog.New(slog.DiscardHandler))
}

func newLivedLogging(t testing.TB, policy delivery.Policy, limits script.Limits, log *slog.Logger) *lived {
	w := &lived{t: t, clock: lifecycle.NewManualClock(livedStart)}
	var err error
	if w.store, err = store.Open(store.Options{Log: log}); err != nil {
		t.Fatal(err)
	}
	figures := insight.New()
	w.delivery = delivery.New(delivery.Options{Clock: w.clock, Recorder: figures, PublicURL: "https://stagecraft.example", Policy: policy, Boot: "test", Log: log})
	w.engine = engine.New(engine.Options{Clock: w.clock, Host: script.New(limits), Outbox: w.delivery, Recorder: figures, Log: log, MaxPending: 1000})
	w.delivery.SetTemplates(w.engine)
	w.delivery.SetJourneys(w.engine)
	w.delivery.SetWatcher(w.engine)
	w.delivery.Connect("email", taker{})
	w.engine.Bind(w.store)
	w.delivery.Bind(w.store)
	w.store.Start(livedMachine{w})
	w.lives = app.NewLives(w.engine, w.delivery, w.clock)
	return w
}

func (w *lived) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *lived) publish(files map[string]string) {
	w.t.Helper()
	source := script.Source{Name: "club", Files: map[string][]byte{}}
	for path, text := range files {
		source.Files[path] = []byte(text)
	}
	w.must(w.engine.Publish(context.Background(), engine.Publish{Source: source, Mode: lifecycle.Live}))
}

// track lets an event happen now, and what may leave because of it.
func (w *lived) track(user, name string, properties map[string]any) {
	w.t.Helper()
	w.n++
	event := lifecycle.Event{Type: lifecycle.Track, Name: name, UserID: user, MessageID: fmt.Sprint("m", w.n), Timestamp: w.clock.Now(), Received: w.clock.Now()}
	if properties != nil {
		event.Properties, _ = json.Marshal(properties)
	}
	w.receive(event)
}

func (w *lived) identify(user string, traits map[string]any) {
	w.t.Helper()
	w.n++
	event := lifecycle.Event{Type: lifecycle.Identify, UserID: user, MessageID: fmt.Sprint("m", w.n), Timestamp: w.clock.Now(), Received: w.clock.Now()}
	event.Traits, _ = json.Marshal(traits)
	w.receive(event)
}

func (w *lived) receive(event lifecycle.Event) {
	w.t.Helper()
	w.must(w.engine.ReceiveAt(context.Background(), event, w.clock.Now()))
	w.handOver(event.UserID)
}

// handOver sends what is due by mail.
func (w *lived) handOver(user string) {
	w.t.Helper()
	id := lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash()
	for _, kind := range []lifecycle.MessageKind{lifecycle.Marketing, lifecycle.Transactional} {
		w.must(w.delivery.HandOver(context.Background(), &lifecycle.Message{Customer: id, Channel: "email", Kind: kind}, w.clock.Now()))
	}
	w.must(w.engine.Settle(context.Background(), id.Partition()))
}

// pass lets time pass for a customer, timer by timer.
func (w *lived) pass(user string, d time.Duration) {
	w.t.Helper()
	id, until := lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash(), w.clock.Now().Add(d)
	for {
		c, err := w.engine.Record(context.Background(), id)
		w.must(err)
		if c.Due.IsZero() || c.Due.After(until) {
			break
		}
		w.clock.Set(c.Due)
		w.must(w.engine.FireAt(context.Background(), c.ID, w.clock.Now()))
		w.handOver(user)
	}
	w.clock.Set(until)
}

func (w *lived) replay(user string) *app.Replayed {
	w.t.Helper()
	answer, err := w.lives.Replay(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash())
	w.must(err)
	return answer.(*app.Replayed)
}

func (w *lived) why(user, message string) *app.Why {
	w.t.Helper()
	answer, err := w.lives.Why(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: user}.Hash(), message)
	w.must(err)
	return answer.(*app.Why)
}

func mail(kind string) string { return "---\nsubject: Hello\nkind: " + kind + "\n---\nHello.\n" }

// club is a journey with what a replay has to get right: draws, waits, silences, tracked events, messages that are waited
// for.
func club(discount string) map[string]string {
	return map[string]string{
		"journey.lua": `journey { title = "Club", stages = { "new", "regular", "gone" },
	moves = { new = { "regular" }, regular = { "gone" }, gone = { "regular" } } }
on("Ordered", function(customer, event)
	score(event.properties.total / 10, { half_life = "30 days" })
	if event.properties.total > 50 then
		tag "big"
	end
end)`,
		"new.lua": `stage { title = "New", goal = "Ordered", next = "regular" }
enter(function(customer)
	local hello = send "welcome"
	if wait_for(hello, "accepted", "1 day") then
		set("greeted", true)
	end
	wait "2 days"
	if customer.plan == "pro" then
		send "pro-tips"
	else
		log "no tips"
	end
end)`,
		"regular.lua": `stage { title = "Regular" }
enter(function(customer)
	set("lucky", random(1, 1000000))
	local offer = split("offer", "a", "b")
	set("offer", offer)
	track("Offered", { offer = offer })
	wait "12 hours"
	if count("Ordered", "30 days") >= 2 then
		send "` + discount + `"
	end
end)
on("Offered", function(customer, event) set("offered", event.properties.offer) end)
idle("Ordered", "20 days", function(customer) move "gone" end)`,
		"gone.lua": `stage { title = "Gone", holdout = "50%" }
enter(function(customer)
	wait_until "09:00"
	send "come-back"
end)
on("Ordered", function() move "regular" end)`,
		"messages/welcome.email.liquid":   mail("transactional"),
		"messages/pro-tips.email.liquid":  mail("marketing"),
		"messages/discount.email.liquid":  mail("marketing"),
		"messages/bonus.email.liquid":     mail("marketing"),
		"messages/come-back.email.liquid": mail("marketing"),
	}
}

// TestAReplayLeadsToTheSameState lets random lives be lived, in which scripts change on the way, and lives them again.
func TestAReplayLeadsToTheSameState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newLived(t, delivery.Policy{})
		defer w.store.Close()
		w.publish(club("discount"))
		w.identify("ada", map[string]any{"email": "ada@shop.example", "plan": rapid.SampledFrom([]string{"pro", "free"}).Draw(rt, "plan")})
		w.clock.Advance(time.Second)
		changed, mode := false, lifecycle.Live
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"order", "look", "plan", "time", "time", "publish", "mode", "say", "move"}).Draw(rt, "step") {
			case "order":
				w.track("ada", "Ordered", map[string]any{"total": rapid.IntRange(1, 100).Draw(rt, "total")})
			case "look":
				w.track("ada", "Looked", nil)
			case "plan":
				w.identify("ada", map[string]any{"plan": "pro", "city": "Hanoi"})
			case "time":
				w.pass("ada", time.Duration(rapid.IntRange(1, 30*24).Draw(rt, "hours"))*time.Hour)
			case "publish":
				changed = !changed
				w.publish(club(map[bool]string{true: "bonus", false: "discount"}[changed]))
			case "mode":
				mode = map[lifecycle.Mode]lifecycle.Mode{lifecycle.Live: lifecycle.Shadow, lifecycle.Shadow: lifecycle.Live}[mode]
				w.must(w.engine.SetMode(context.Background(), engine.SetMode{Journey: "club", Mode: mode}))
			case "say":
				event := lifecycle.Event{UserID: "ada", Timestamp: w.clock.Now()}
				word := lifecycle.Consent{Channel: "email", Granted: rapid.Bool().Draw(rt, "granted"), Source: "api"}
				w.must(w.engine.SayOf(context.Background(), event, word))
				w.must(w.engine.Settle(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash().Partition()))
			case "move":
				id := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash()
				_, err := w.engine.Change(context.Background(), engine.Change{Act: engine.ActMove, Customer: id, Journey: "club", To: "gone", By: "somebody"}, "")
				_ = err // refused from some stages
			}
			w.clock.Advance(time.Second)
		}
		if replayed := w.replay("ada"); !replayed.Equal {
			var text strings.Builder
			for _, d := range replayed.Differences {
				fmt.Fprintf(&text, "%s\n  stored   %s\n  replayed %s\n", d.Field, d.Stored, d.Replayed)
			}
			rt.Fatalf("%s%v", text.String(), replayed.Notes)
		}
	})
}

// TestAReplayKnowsWhatNoEventTells has a script that listens to a segment, which is entered by an event and left as time
// passes, and an address that is dead for somebody else.
func TestAReplayKnowsWhatNoEventTells(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	ctx := context.Background()
	files := club("discount")
	files["journey.lua"] += `
on("Segment Entered", function(customer, event)
	send "bonus"
	wait "1 hour"
	set("segment", event.properties.segment)
end)
on("Segment Left", function() set("left", random(1, 1000000)) end)`
	w.publish(files)
	w.must(w.engine.PublishSegments(ctx, script.Source{Name: script.SegmentsFolder, Files: map[string][]byte{
		"buyers.lua": []byte("segment { title = \"Buyers\" }\nmember(function() return count(\"Ordered\", \"3 days\") >= 2 end)")}}))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	for range 2 {
		w.pass("ada", time.Hour)
		w.track("ada", "Ordered", map[string]any{"total": 20})
	}
	w.pass("ada", 10*24*time.Hour)
	w.must(w.engine.OpenImport(ctx, "crm", false))
	row := lifecycle.Event{UserID: "bob", Traits: json.RawMessage(`{"email":"ada@shop.example"}`)}
	results, err := w.engine.ImportRows(ctx, "crm", []engine.RowLine{{ID: "1", Event: row,
		Row: engine.Row{Suppress: []lifecycle.Suppression{{Channel: "email", Reason: lifecycle.SuppressedBounce}}}}})
	w.must(err)
	w.must(results[0].Err)
	for range 3 {
		for p := range lifecycle.Partitions {
			w.must(w.engine.Settle(ctx, p))
		}
	}
	w.clock.Advance(time.Hour)
	w.track("ada", "Ordered", map[string]any{"total": 20})
	ada, err := w.engine.Record(ctx, lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash())
	w.must(err)
	if ada.Trait("segment") != "buyers" || ada.Trait("left") == nil || len(ada.Suppressions) != 1 {
		t.Fatalf("ada is %v with %v", ada.Traits, ada.Suppressions)
	}
	if replayed := w.replay("ada"); !replayed.Equal {
		for _, d := range replayed.Differences {
			t.Errorf("%s\n  stored   %s\n  replayed %s\n", d.Field, d.Stored, d.Replayed)
		}
	}
}

// TestAReplayKnowsWhatListsAndPeopleSaid takes words from a list over, before and after what the customer says themselves.
func TestAReplayKnowsWhatListsAndPeopleSaid(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	ctx := context.Background()
	w.publish(club("discount"))
	row := func(id string, words ...lifecycle.Consent) {
		results, err := w.engine.ImportRows(ctx, "crm", []engine.RowLine{{ID: id, Event: lifecycle.Event{UserID: "ada",
			Traits: json.RawMessage(`{"email":"ada@shop.example"}`)}, Row: engine.Row{Consents: words}}})
		w.must(err)
		w.must(results[0].Err)
		w.clock.Advance(time.Minute)
	}
	say := func(granted bool) {
		w.must(w.engine.SayOf(ctx, lifecycle.Event{UserID: "ada", Timestamp: w.clock.Now()}, lifecycle.Consent{Channel: "email", Granted: granted, Source: "api"}))
		w.must(w.engine.Settle(ctx, lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash().Partition()))
		w.clock.Advance(time.Minute)
	}
	w.must(w.engine.OpenImport(ctx, "crm", false))
	row("1", lifecycle.Consent{Channel: "email", Granted: true}, lifecycle.Consent{Channel: "sms", At: livedStart.AddDate(0, -1, 0)})
	w.track("ada", "Ordered", map[string]any{"total": 20})
	for _, granted := range []bool{false, true, false} {
		say(granted)
		row(fmt.Sprint("after ", granted), lifecycle.Consent{Channel: "email", Granted: true})
		w.pass("ada", time.Hour)
	}
	ada, err := w.engine.Record(ctx, lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash())
	w.must(err)
	for _, channel := range []string{"email", "sms"} {
		if word, said := ada.Consented(channel, ""); word.Granted || !said {
			t.Errorf("%s: %+v", channel, ada.Consents)
		}
	}
	if replayed := w.replay("ada"); !replayed.Equal {
		for _, d := range replayed.Differences {
			t.Errorf("%s\n  stored   %s\n  replayed %s\n", d.Field, d.Stored, d.Replayed)
		}
	}
}
