package app_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// told is everything that an answer says, line by line.
func told(why *app.Why) string {
	lines := append([]string{}, why.Answer...)
	for _, d := range why.Decisions {
		lines = append(lines, d.Cause)
		lines = append(lines, d.Effects...)
	}
	for _, m := range why.Missed {
		lines = append(lines, m.Reasons...)
	}
	return strings.Join(lines, "\n")
}

// TestWhyNamesNobodyForWhatATimerDid has a silence move a customer, whose score and segment change by that and of which another
// program is told. None of these asked for it, though the facts have names.
func TestWhyNamesNobodyForWhatATimerDid(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.engine.SetStageWebhooks([]string{"https://crm.example/stages"})
	files := club("discount")
	files["gone.lua"] = `stage { title = "Gone" }
enter(function(customer) score(5, { name = "heat" }) tag "slept" end)`
	w.publish(files)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.clock.Advance(time.Hour)
	w.track("ada", "Ordered", map[string]any{"total": 5})
	w.pass("ada", 21*24*time.Hour)
	why := w.why("ada", "")
	says(t, why, "moved regular > gone (club/regular.lua:13) at a timer")
	if text := told(why); strings.Contains(text, "asked for by") || strings.Contains(text, "request") || !strings.Contains(text, "message crm.example by webhook") {
		t.Error(text)
	}
	// Somebody's wish is told with their reason, and a refusal says once why.
	_, err := w.engine.Change(context.Background(), engine.Change{Act: engine.ActMove, Customer: userID("ada"), Journey: "club", To: "new", By: "minh"}, "")
	w.must(err)
	text := told(w.why("ada", ""))
	if !strings.Contains(text, "refused gone > new: journey.lua does not allow this move, asked for by minh\n") && !strings.HasSuffix(text, "asked for by minh") ||
		strings.Count(text, "does not allow") != 1 {
		t.Error(text)
	}
	w.clock.Advance(time.Hour)
	_, err = w.engine.Change(context.Background(), engine.Change{Act: engine.ActMove, Customer: userID("ada"), Journey: "club", To: "regular", By: "minh", Why: "she called"}, "")
	w.must(err)
	says(t, w.why("ada", ""), "moved gone > regular, asked for by minh: she called, at somebody's request")
}

// TestWhyAVersionDidNotSend asks about a message that a script sends since it was changed, after the customer was there.
func TestWhyAVersionDidNotSend(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	files := map[string]string{
		"journey.lua":                `journey { title = "Club", stages = { "new" }, moves = {} }`,
		"new.lua":                    "stage { title = \"New\" }\non(\"Ordered\", function(customer, event)\n\tlog \"an order\"\nend)",
		"messages/ref.email.liquid":  mail("transactional"),
		"messages/note.email.liquid": mail("transactional"),
	}
	w.publish(files)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.clock.Advance(time.Minute)
	w.track("ada", "Ordered", map[string]any{"total": 5})
	w.clock.Advance(3 * time.Minute)
	was := w.why("ada", "").Decisions[0].Scripts[0].Version
	files["new.lua"] = "stage { title = \"New\" }\non(\"Ordered\", function(customer, event)\n\tsend \"ref\"\nend)"
	w.publish(files)
	says(t, w.why("ada", "ref"), "at 2026-03-01 12:01 the handler ran, and version "+was+", which ran then, did not send it.")

	// The version that ran had it on another line, and under a condition that did not hold.
	files["new.lua"] = "stage { title = \"New\" }\non(\"Ordered\", function(customer, event)\n\tif event.properties.total > 50 then\n\t\tsend \"note\"\n\tend\nend)"
	w.publish(files)
	w.track("ada", "Ordered", map[string]any{"total": 5})
	w.clock.Advance(time.Minute)
	files["new.lua"] = strings.Replace(files["new.lua"], "\tif", "\tlog \"an order\"\n\tlog \"again\"\n\tif", 1)
	w.publish(files)
	says(t, w.why("ada", "note"), "at club/new.lua:3 event.properties.total > 50 was false")

	// It sent it then, from a line that is another now.
	w.track("ada", "Ordered", map[string]any{"total": 60})
	w.clock.Advance(time.Minute)
	files["new.lua"] = strings.Replace(files["new.lua"], "\tlog \"again\"\n", "", 1)
	w.publish(files)
	if why := w.why("ada", "note"); len(why.Missed) != 0 {
		t.Errorf("%+v", why.Missed)
	}
}

// TestAReplayOfTwoOrdersWithWebhooks has two orders come at once while changes of stage are told to another program.
func TestAReplayOfTwoOrdersWithWebhooks(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	w.delivery.Connect("webhook", taker{})
	w.engine.SetStageWebhooks([]string{"https://crm.example/stages"})
	files := club("discount")
	files["regular.lua"] = strings.Replace(files["regular.lua"], `title = "Regular"`, `title = "Regular", goal = "Ordered"`, 1)
	w.publish(files)
	w.identify("ada", map[string]any{"email": "ada@shop.example"})
	w.clock.Advance(time.Hour)
	for _, total := range []int{5, 60} {
		w.track("ada", "Ordered", map[string]any{"total": total})
		w.must(w.delivery.HandOver(context.Background(), &lifecycle.Message{Customer: userID("ada"), Channel: "webhook", Kind: lifecycle.Transactional}, w.clock.Now()))
	}
	w.clock.Advance(time.Hour)
	if replayed := w.replay("ada"); !replayed.Equal {
		t.Errorf("%+v", replayed)
	}
	if text := told(w.why("ada", "")); strings.Contains(text, "crm.example was converted") {
		t.Error(text)
	}
}
