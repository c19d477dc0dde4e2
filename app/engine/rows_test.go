package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// rows takes lines of an import of customers; the IDs of the lines are those of their events.
func (h *harness) rows(source string, lines ...engine.RowLine) []engine.Receipt {
	h.t.Helper()
	h.openImport(source)
	for i := range lines {
		if lines[i].ID == "" {
			lines[i].ID = lines[i].Event.MessageID
		}
	}
	results, err := h.engine.ImportRows(context.Background(), source, lines)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.receipts(results)
}

func person(user string, traits string, row engine.Row) engine.RowLine {
	event := lifecycle.Event{Type: lifecycle.Identify, UserID: user, MessageID: "row-" + user}
	if traits != "" {
		event.Traits = json.RawMessage(traits)
	}
	return engine.RowLine{Event: event, Row: row}
}

var rowClub = journey("club", `journey { title = "Club", stages = { "guest", "member", "gone" }, moves = { guest = { "member" }, member = { "gone" }, gone = { "member" } } }
enter(function() send "hello" end)
leave(function() send "bye" end)`,
	"guest", `stage { title = "Guest" }`,
	"member", `stage { title = "Member" }
idle("Order Completed", "180 days", function() move "gone" end)`,
	"gone", `stage { title = "Gone" }`)

func TestARowIsQuiet(t *testing.T) {
	h := newHarness(t, rowClub)
	since := start.Add(-900 * 24 * time.Hour)
	line := person("ada", `{"email":"ada@example.com","plan":"pro"}`, engine.Row{Created: since, Tags: []string{"vip"},
		Stages:   []engine.RowStage{{Journey: "club", Stage: "member", Since: since}},
		Consents: []lifecycle.Consent{{Channel: "email", Granted: true}, {Channel: "sms", At: start.Add(-time.Hour)}},
		Suppress: []lifecycle.Suppression{{Channel: "email", Reason: lifecycle.SuppressedBounce}}})
	if receipt := h.rows("crm", line)[0]; receipt.Duplicate || receipt.Late {
		t.Errorf("the receipt is %+v", receipt)
	}
	c := h.customer("ada")
	visit := c.Visit("club")
	if !c.Created.Equal(since) || !c.HasTag("vip") || c.Trait("plan") != "pro" || visit == nil || visit.Stage != "member" || !visit.Entered.Equal(since) {
		t.Errorf("the customer is %+v", c)
	}
	if len(visit.Timers) != 1 || !visit.Timers[0].Due.Equal(start.Add(180*24*time.Hour)) {
		t.Errorf("a silence that nobody has waited for counts from now: %+v", visit.Timers)
	}
	if word, said := c.Consented("email", ""); !said || !word.Granted || word.Source != "crm" {
		t.Errorf("consent by mail: %+v", word)
	}
	if word, said := c.Consented("sms", ""); !said || word.Granted {
		t.Errorf("consent by text message: %+v", word)
	}
	if dead, is := c.Suppressed("email", "ada@example.com"); !is || dead.Reason != lifecycle.SuppressedBounce {
		t.Errorf("the address that bounced: %+v", dead)
	}
	if messages := h.book.all(); len(messages) != 0 {
		t.Errorf("messages were decided: %+v", messages)
	}
	if again := h.rows("crm", line)[0]; !again.Duplicate {
		t.Error("the same line was taken twice")
	}

	// The event that follows finds the customer where the list has put them.
	h.clock.Advance(time.Hour)
	h.track("ada", "Page Viewed")
	if c = h.customer("ada"); c.Visit("club").Stage != "member" || len(h.book.all()) != 0 {
		t.Errorf("after an event: %+v", c.Visit("club"))
	}
	h.clock.Advance(181 * 24 * time.Hour)
	h.eventually(func() bool { return h.customer("ada").Visit("club").Stage == "gone" })
}

func TestAnOlderRowReplacesNothing(t *testing.T) {
	h := newHarness(t, rowClub)
	h.track("ada", "Page Viewed")
	identify := h.event("ada", "")
	identify.Type, identify.Traits = lifecycle.Identify, json.RawMessage(`{"plan":"pro"}`)
	h.receive(identify)
	if err := h.engine.Say(context.Background(), h.customer("ada").ID, lifecycle.Ref{}, engine.Proof{}, lifecycle.Consent{Channel: "email", Source: "link"}); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Hour)
	old := person("ada", `{"plan":"basic","city":"Hue"}`, engine.Row{
		Stages:   []engine.RowStage{{Journey: "club", Stage: "gone"}},
		Consents: []lifecycle.Consent{{Channel: "email", Granted: true}}})
	old.Event.Timestamp = start.Add(-24 * time.Hour)
	if receipt := h.rows("crm", old)[0]; !receipt.Late {
		t.Errorf("the receipt is %+v", receipt)
	}
	c := h.customer("ada")
	if c.Trait("plan") != "pro" || c.Trait("city") != "Hue" || c.Visit("club").Stage != "guest" {
		t.Errorf("the customer is %+v", c)
	}

	// Without a time the list knows it now; but a yes that nobody knows the time of never lifts a no.
	present := person("ada", `{"plan":"free"}`, engine.Row{
		Stages:   []engine.RowStage{{Journey: "club", Stage: "gone"}},
		Consents: []lifecycle.Consent{{Channel: "email", Granted: true}}})
	present.ID = "another line"
	h.rows("crm", present)
	c = h.customer("ada")
	if c.Trait("plan") != "free" || c.Visit("club").Stage != "gone" {
		t.Errorf("the customer is %+v", c)
	}
	if word, _ := c.Consented("email", ""); word.Granted {
		t.Errorf("the no was lifted: %+v", word)
	}
	dated := person("ada", "", engine.Row{Consents: []lifecycle.Consent{{Channel: "email", Granted: true, At: h.clock.Now()}}})
	dated.ID = "a third line"
	h.rows("crm", dated)
	if word, _ := h.customer("ada").Consented("email", ""); !word.Granted {
		t.Errorf("a yes that is newer than the no: %+v", word)
	}
}

// TestARowGoesToWhomItsIdentityLeads imports a customer by an ID that belongs to somebody of another partition, and
// kills the store before the row has arrived there.
func TestARowGoesToWhomItsIdentityLeads(t *testing.T) {
	h := newHarness(t, rowClub)
	both := h.event("", "Page Viewed")
	both.UserID, both.AnonymousID = "ada", "browser-1"
	h.receive(both)
	h.eventually(func() bool {
		found, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: "browser-1"})
		return err == nil && found.Customer.UserID() == "ada"
	})
	line := person("", `{"plan":"pro"}`, engine.Row{Tags: []string{"vip"}})
	line.Event.AnonymousID = "browser-1"
	h.rows("crm", line)
	h.restart()
	h.eventually(func() bool { return h.customer("ada").HasTag("vip") })
	if c := h.customer("ada"); c.Trait("plan") != "pro" {
		t.Errorf("the customer is %+v", c)
	}
}

func TestLookingChangesNothing(t *testing.T) {
	h := newHarness(t, rowClub)
	h.track("ada", "Page Viewed")
	h.rows("crm", person("bob", "", engine.Row{Tags: []string{"x"}}))
	lines := []engine.Line{{ID: "row-bob", Event: lifecycle.Event{UserID: "bob"}}, {ID: "n1", Event: lifecycle.Event{UserID: "ada"}}, {ID: "n2", Event: lifecycle.Event{UserID: "cleo"}}}
	looks, err := h.engine.LookAtLines(context.Background(), "crm", lines)
	if err != nil || len(looks) != 3 || looks[0] != (engine.RowLook{Repeat: true, Known: true}) || looks[1] != (engine.RowLook{Known: true}) || looks[2] != (engine.RowLook{}) {
		t.Errorf("%+v %v", looks, err)
	}
	for _, check := range []struct {
		stage engine.RowStage
		ok    bool
	}{{engine.RowStage{Journey: "club", Stage: "gone"}, true}, {engine.RowStage{Journey: "club", Stage: "none"}, false}, {engine.RowStage{Journey: "none", Stage: "gone"}, false}} {
		if err := h.engine.CheckStages(context.Background(), []engine.RowStage{check.stage}); (err == nil) != check.ok {
			t.Errorf("%+v: %v", check.stage, err)
		}
	}
}

func TestMappingsAreKept(t *testing.T) {
	h := newHarness(t)
	ctx := context.Background()
	if err := h.engine.SaveMapping(ctx, "crm", []byte(`{"map":["userId=id"]}`)); err != nil {
		t.Fatal(err)
	}
	h.openImport("crm")
	h.restart()
	if data, err := h.engine.Mapping(ctx, "crm"); err != nil || string(data) != `{"map":["userId=id"]}` {
		t.Errorf("%s %v", data, err)
	}
	if states, err := h.engine.Imports(ctx); err != nil || len(states) != 1 || states[0].State != engine.ImportOpen || states[0].Mapping == nil {
		t.Errorf("%+v %v", states, err)
	}
	if err := h.engine.SaveMapping(ctx, "crm", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := h.engine.Mapping(ctx, "crm"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("a mapping that was forgotten: %v", err)
	}
}
