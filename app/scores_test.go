package app_test

import (
	"context"
	"testing"
	"time"

	"stagecraft/app/delivery"
	"stagecraft/app/script"
)

// Scores, what is given once, thresholds that points cross by fading, and revenue follow from the events alone, by what was
// declared at the time.
func TestAReplayLeadsToTheSameScores(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	declare := func(text string) {
		t.Helper()
		rules, errs := script.New(script.Limits{}).Scores([]byte(text))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		w.must(w.engine.PublishScores(context.Background(), rules))
	}
	declare(`score { name = "heat", half_life = "10 days", cap = 100, thresholds = { 20, 50 } }`)
	w.publish(map[string]string{
		"journey.lua": `journey { title = "Club", stages = { "a", "b" }, moves = "any" }
on("Visit", function(customer, event) score(event.properties.n, { name = "heat" }) score(3) end)`,
		"a.lua": `stage { title = "A" }
on("Signup", function() score(10, { name = "heat", once = "signup" }) end)
on("Score Reached", function(customer, event) if event.properties.threshold == 50 then move "b" end end)`,
		"b.lua": `stage { title = "B" }
on("Score Fell Below", function(customer, event) tag "cold"; log(customer.orders, customer.revenue) end)`,
	})
	day := 24 * time.Hour
	w.track("ada", "Visit", map[string]any{"n": 30})
	w.track("ada", "Signup", nil)
	w.track("ada", "Order Completed", map[string]any{"total": 12.5})
	w.pass("ada", day)
	w.track("ada", "Signup", nil)
	w.track("ada", "Visit", map[string]any{"n": 80})
	w.pass("ada", 30*day)
	w.clock.Advance(time.Minute)
	declare(`score { name = "heat", half_life = "20 days", thresholds = { 5, 40 } }`)
	w.track("ada", "Visit", map[string]any{"n": 60})
	w.track("ada", "Order Refunded", map[string]any{"total": 2.5})
	w.pass("ada", 15*day)
	c, err := w.engine.FindCustomer(context.Background(), "ada")
	w.must(err)
	if !c.HasTag("cold") || c.Revenue.Orders != 1 || c.Revenue.Total != 10 || len(c.Scores.Given) != 1 || len(c.Scores.Beyond) == 0 {
		t.Errorf("%+v %+v %+v", c.Tags, c.Revenue, c.Scores)
	}
	if replayed := w.replay("ada"); !replayed.Equal {
		t.Errorf("%+v", replayed.Differences)
	}
}
