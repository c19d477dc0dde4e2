package app_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// capped is a journey that answers every order with one message, or with two.
func capped(t *testing.T, handler string) script.Source {
	t.Helper()
	source := script.Source{Name: "j", Files: map[string][]byte{}}
	for name, text := range map[string]string{
		"journey.lua":                  `journey { title = "J", stages = { "a", "b" }, moves = { ["a"] = { "b" } } }`,
		"a.lua":                        "stage { title = \"A\" }\n" + handler,
		"b.lua":                        `stage { title = "B" }`,
		"messages/offer.email.liquid":  "---\nsubject: Offer\n---\nOffer",
		"messages/other.email.liquid":  "---\nsubject: Other\n---\nOther",
		"messages/thanks.email.liquid": "---\nsubject: Thanks\nkind: transactional\n---\nThanks",
	} {
		source.Files[name] = []byte(text)
	}
	return source
}

// A comparison says how often frequency caps would have held back what each version sends.
func TestDiffCountsCapsHit(t *testing.T) {
	start := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	old := capped(t, `on("Order", function() send "thanks" send "offer" end)`)
	new := capped(t, `on("Order", function() send "thanks" send "offer" send("other", { caps = "drop" }) end)`)
	d, err := app.NewDiff(t.Context(), app.Version{Journey: old}, app.Version{Journey: new}, start.Add(90*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	policy := config.Policy{Preset: "none", Caps: []string{"email=2/day"}}
	if err := policy.Check(); err != nil {
		t.Fatal(err)
	}
	d.Caps(app.PolicyOf(policy))
	var lines []engine.Line
	for n := range 3 { // three orders within a day
		at := start.Add(time.Duration(n) * time.Hour)
		lines = append(lines, engine.Line{ID: fmt.Sprint(n), Event: lifecycle.Event{Type: lifecycle.Track, UserID: "ada", Name: "Order", Timestamp: at}})
	}
	if err := d.Take(context.Background(), lines); err != nil {
		t.Fatal(err)
	}
	result, err := d.Finish(t.Context(), len(lines), 0)
	if err != nil {
		t.Fatal(err)
	}
	var hits []app.DiffCount
	for _, change := range result.Changes {
		if change.Kind == "caps hit" {
			hits = append(hits, change)
		}
	}
	// Old: two offers leave, the third one hits the cap. New: an offer and an other leave; the rest hits it.
	if want := []app.DiffCount{{"caps hit", "offer", 1, 2}, {"caps hit", "other", 0, 2}}; !reflect.DeepEqual(hits, want) {
		t.Errorf("%+v\nwant %+v\nof %+v", hits, want, result)
	}
}
