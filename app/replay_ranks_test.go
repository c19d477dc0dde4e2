package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/delivery"
	"stagecraft/app/script"
)

// TestAReplayOfRanks has segments that compare with all customers: by the ranks that held, and not by those that others' purchases
// have brought since. Where it is not stored which ones held, the replay says so.
func TestAReplayOfRanks(t *testing.T) {
	w := newLived(t, delivery.Policy{})
	defer w.store.Close()
	files := club("discount")
	files["journey.lua"] += "\non(\"Segment Entered\", function(customer, event) tag(event.properties.segment) end)" +
		"\non(\"Segment Left\", function(customer, event) set(\"left\", event.properties.segment) end)"
	w.publish(files)
	buy := func(user string, revenue int) {
		w.track(user, "Order Completed", map[string]any{"revenue": revenue})
		w.clock.Advance(time.Second)
	}
	rank := func() {
		_, err := w.engine.Rank(context.Background())
		w.must(err)
		w.clock.Advance(time.Second)
	}
	for i := range 5 {
		buy(fmt.Sprint("customer", i), 10*(i+1))
	}
	w.publishSegments("best", `rfm { m = 5 }`, "rest", `rfm { m = 1 } and not in_segment("best")`)
	w.settleAll()
	rank()
	w.settleAll()
	w.pass("customer4", 24*time.Hour)
	buy("customer0", 500)
	for i := range 5 {
		buy(fmt.Sprint("friend", i), 1000)
	}
	rank()
	buy("customer3", 3000) // before everybody is asked
	w.settleAll()
	w.agrees()
	found := w.replay("customer4")
	if text := fmt.Sprint(found.Notes); strings.Contains(text, "rank") {
		t.Errorf("notes: %s", text)
	}
	c, err := w.engine.Record(context.Background(), userID("customer4"))
	w.must(err)
	if fmt.Sprint(c.Tags) != "[best rest]" {
		t.Errorf("who had bought most was told of by %v", c.Tags)
	}
	if left := c.Trait("left"); left != "best" {
		t.Errorf("who had bought most left %v", left)
	}
}

// TestAReplayOfRandomRanks has people buy, segments that ask for ranks come and go, and ranks change, at random.
func TestAReplayOfRandomRanks(t *testing.T) {
	liveAndReplay(t, []string{"buy", "buy", "buy", "rank", "rank segments", "look", "time", "sign in", "history"}, 40)
}

// rankSteps are what happens besides where ranks matter.
func rankSteps() map[string]func(w *crowd) {
	return map[string]func(w *crowd){
		"buy": func(w *crowd) {
			e := w.somebody()
			e.Name, e.Properties = "Order Completed", fmt.Appendf(nil, `{"revenue":%d}`, rapid.IntRange(1, 200).Draw(w.rt, "revenue"))
			w.say("%s%s buys for %s", e.UserID, e.AnonymousID, e.Properties)
			w.send(e)
		},
		"rank": func(w *crowd) {
			w.say("rank")
			_, err := w.engine.Rank(context.Background())
			w.must(err)
		},
		"rank segments": func(w *crowd) {
			files := map[string][]byte{}
			define := func(name string, predicates ...string) {
				predicate := rapid.SampledFrom(predicates).Draw(w.rt, name)
				w.say("segment %s: %s", name, predicate)
				files[name+".lua"] = fmt.Appendf(nil, "segment { title = %q }\nmember(function() return %s end)", name, predicate)
			}
			define("best", `rfm { m = 4 }`, `rfm { m = 5, r = 2 }`, `rfm { f = 3 } or rfm { r = 5 }`)
			if rapid.Bool().Draw(w.rt, "both") {
				define("quiet", `rfm { r = 2 } and count("Order Completed", "3 days") == 0`, `not in_segment("best")`, `rfm { recency = "5 days" }`)
			}
			w.must(w.engine.PublishSegments(context.Background(), script.Source{Name: script.SegmentsFolder, Files: files}))
		},
	}
}
