package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func says(t *testing.T, why *app.Why, want string) {
	t.Helper()
	if !strings.Contains(strings.Join(why.Answer, "\n"), want) {
		t.Errorf("the answer does not say %q:\n%s", want, strings.Join(why.Answer, "\n"))
	}
}

// TestWhyAMessageCame asks about a message that was sent, and about one that a condition kept back.
func TestWhyAMessageCame(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.identify("ada", map[string]any{"email": "ada@shop.example", "plan": "free"})
	w.pass("ada", 3*24*time.Hour)

	why := w.why("ada", "welcome")
	says(t, why, "welcome was decided because of an identify call, at club/new.lua:3 in enter; it was sent")
	if !why.Exact || len(why.Decisions) != 1 || len(why.Missed) != 0 {
		t.Fatalf("%+v", why)
	}
	gates := why.Decisions[0].Gates
	if !slices.ContainsFunc(gates, func(g app.WhyGate) bool { return strings.HasPrefix(g.Text, "every gate passed") }) {
		t.Errorf("gates: %v", gates)
	}

	why = w.why("ada", "pro-tips")
	says(t, why, "ada was never to get pro-tips")
	says(t, why, `at club/new.lua:8 customer.plan == "pro" was false (customer.plan = "free")`)

	why = w.why("ada", "discount")
	says(t, why, "they have never been in stage regular: they are in new")

	w.track("ada", "Ordered", map[string]any{"total": 60})
	why = w.why("ada", "discount")
	says(t, why, "it waits at club/regular.lua:7 until")
	why = w.why("ada", "")
	says(t, why, `In club they are in regular since 2026-03-04 12:00: moved new > regular (club/new.lua:1) at "Ordered".`)
	big := why.Decisions[1] // newest first: the tracked event stands above the one that led to it
	at := slices.IndexFunc(why.Decisions, func(d app.WhyDecision) bool { return d.Cause == `"Ordered"` })
	if at >= 0 {
		big = why.Decisions[at]
	}
	if at < 0 || len(big.Scripts) == 0 || big.Scripts[0].Handler != `on "Ordered"` || len(big.Scripts[0].Conditions) != 1 || !*big.Scripts[0].Conditions[0].Held {
		t.Errorf("the order: %+v", big)
	}

	w.pass("ada", 24*time.Hour)
	why = w.why("ada", "discount")
	says(t, why, `count("Ordered", "30 days") >= 2 was false (count("Ordered" "30 days") = 1)`)

	w.must(w.engine.SetMode(context.Background(), engine.SetMode{Journey: "club", Mode: lifecycle.Off}))
	says(t, w.why("ada", "come-back"), "journey club is off")

	_, err := w.lives.Why(context.Background(), lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash(), "welcom")
	if lifecycle.CodeOf(err) != lifecycle.NotFound || !strings.Contains(err.Error(), "welcome") {
		t.Errorf("a message that is not there: %v", err)
	}
}

// TestWhyPolicyKeptAMessageBack asks about messages that were decided and did not leave.
func TestWhyPolicyKeptAMessageBack(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.identify("bob", map[string]any{"plan": "pro"})
	says(t, w.why("bob", "welcome"), "it was not sent (no address): the customer would need an address")
	w.identify("eve", map[string]any{"email": "eve@shop.example", "plan": "pro"})
	w.must(w.engine.SayOf(context.Background(), lifecycle.Event{UserID: "eve"}, lifecycle.Consent{Channel: "email", Source: "api"}))
	w.pass("eve", 3*24*time.Hour)
	says(t, w.why("eve", "pro-tips"), "the customer would have to allow it")
}

// TestAReplaySaysWhereItDiffers changes what is stored behind the events' back.
func TestAReplaySaysWhereItDiffers(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	id := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash()
	copied, err := w.engine.CopyOf(context.Background(), id)
	w.must(err)
	copied.Customer.SetTrait("plan", []byte(`"pro"`))
	w.must(w.engine.Paste(context.Background(), copied))
	replayed := w.replay("ada")
	if want := (app.Difference{Field: "trait plan", Stored: `"pro"`}); replayed.Equal || len(replayed.Differences) != 1 || replayed.Differences[0] != want {
		t.Errorf("%+v", replayed)
	}
}

// TestAReplayOfHistory lives imported history again, whose messages were never sent, and what came after it.
func TestAReplayOfHistory(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	ctx := context.Background()
	w.publish(club("discount"))
	w.must(w.engine.OpenImport(ctx, "shop", true))
	var lines []engine.Line
	for i, day := range []int{90, 60, 59, 20} {
		lines = append(lines, engine.Line{ID: string(rune('a' + i)), Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "ada",
			Timestamp: livedStart.AddDate(0, 0, -day), Properties: []byte(`{"total":30}`)}})
	}
	lines[2].Event.MessageID = "order-3" // the line is not told by its event
	results, err := w.engine.Import(ctx, "shop", lines)
	w.must(err)
	for _, result := range results {
		w.must(result.Err)
	}
	w.clock.Advance(time.Hour)
	_, err = w.engine.CloseImport(ctx, "shop", w.clock.Now(), false, time.Minute)
	w.must(err)
	w.clock.Advance(time.Hour)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.pass("ada", 30*24*time.Hour)
	if replayed := w.replay("ada"); !replayed.Equal {
		t.Errorf("%+v", replayed)
	}
	says(t, w.why("ada", "welcome"), "it belongs to history that was imported")
}

// TestAReplayOfHistoryBesideALiveJourney lives history again that comes while a journey answers to changes of stage.
func TestAReplayOfHistoryBesideALiveJourney(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	ctx := context.Background()
	files := club("discount")
	files["gone.lua"] += `on("Stage Entered", function(customer, event)
	if event.properties.stage == "gone" then
		send "come-back"
	end
end)`
	w.publish(files)
	w.clock.Advance(time.Hour)
	w.must(w.engine.OpenImport(ctx, "shop", true))
	var lines []engine.Line
	for i, day := range []int{90, 50} { // the second finds them gone; they go once more when the import closes
		lines = append(lines, engine.Line{ID: string(rune('a' + i)), Event: lifecycle.Event{Type: lifecycle.Track, Name: "Ordered", UserID: "ada",
			Timestamp: livedStart.AddDate(0, 0, -day), Properties: []byte(`{"total":30}`)}})
	}
	results, err := w.engine.Import(ctx, "shop", lines)
	w.must(err)
	for _, result := range results {
		w.must(result.Err)
	}
	w.clock.Advance(time.Hour)
	_, err = w.engine.CloseImport(ctx, "shop", w.clock.Now(), false, time.Minute)
	w.must(err)
	w.clock.Advance(time.Hour)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.pass("ada", 24*time.Hour)
	if replayed := w.replay("ada"); !replayed.Equal {
		t.Errorf("%+v", replayed)
	}
}

// TestAReplayOfAFriend lives somebody again whom a friend's link brought.
func TestAReplayOfAFriend(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	ada := lifecycle.Identity{Kind: lifecycle.UserID, Value: "ada"}.Hash()
	w.engine.SetReferrals("Ordered", func(code string) (lifecycle.ID, bool) { return ada, code == "code-ada" })
	w.publish(club("discount"))
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.clock.Advance(time.Hour)
	w.receive(lifecycle.Event{Type: lifecycle.Page, Name: lifecycle.PageViewed, UserID: "bob", MessageID: "page", Timestamp: w.clock.Now(), Received: w.clock.Now(),
		Context: []byte(`{"page":{"url":"https://shop.example/?ref=code-ada"}}`)})
	w.clock.Advance(time.Hour)
	w.track("bob", "Ordered", map[string]any{"total": 30})
	for _, user := range []string{"ada", "bob"} {
		if replayed := w.replay(user); !replayed.Equal {
			t.Errorf("%s: %+v", user, replayed)
		}
	}
}

// TestAReplayOfMergedCustomers lives two lives again that became one.
func TestAReplayOfMergedCustomers(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.publish(club("discount"))
	visitor := func(name, user string) lifecycle.Event {
		w.n++
		return lifecycle.Event{Type: lifecycle.Track, Name: name, UserID: user, AnonymousID: "visitor", MessageID: name, Timestamp: w.clock.Now(), Received: w.clock.Now()}
	}
	w.must(w.engine.ReceiveAt(context.Background(), visitor("Looked", ""), w.clock.Now()))
	w.clock.Advance(time.Hour)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.clock.Advance(time.Hour)
	w.must(w.engine.ReceiveAt(context.Background(), visitor("Signed In", "ada"), w.clock.Now()))
	w.clock.Advance(time.Hour)
	w.track("ada", "Ordered", map[string]any{"total": 5})
	replayed := w.replay("ada")
	if !replayed.Equal || len(replayed.Notes) == 0 {
		t.Errorf("%+v", replayed)
	}
}

// TestWhyOverHTTP asks a running server.
func TestWhyOverHTTP(t *testing.T) {
	s := startServer(t)
	s.track("ada@example.com", "Order Completed", map[string]any{"properties": map[string]any{"total": 10}})
	if answer := s.must("GET", "/v1/customers/ada%40example.com/why", nil); !strings.Contains(answer, "In customer-lifecycle they are in") {
		t.Error(answer)
	}
	if answer := s.must("GET", "/v1/customers/ada%40example.com/replay", nil); !strings.Contains(answer, `"equal":true`) {
		t.Error(answer)
	}
	// Who was erased comes back.
	s.must("POST", "/v1/customers/ada%40example.com/erase", nil)
	s.track("ada@example.com", "Order Completed", map[string]any{"properties": map[string]any{"total": 10}})
	if answer := s.must("GET", "/v1/customers/ada%40example.com/replay", nil); !strings.Contains(answer, `"equal":true`) {
		t.Error(answer)
	}
	if status, answer, _ := s.call("GET", "/v1/customers/nobody/why", nil); status != 404 {
		t.Error(status, answer)
	}
	if status, answer, _ := s.call("GET", "/v1/customers/ada%40example.com/why?message=nothing", nil); status != 404 || !strings.Contains(answer, "hint") {
		t.Error(status, answer)
	}
}
