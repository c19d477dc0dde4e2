package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// scores publishes what a scores.lua says.
func (h *harness) scores(text string) {
	h.t.Helper()
	rules, errs := h.host.Scores([]byte(text))
	if len(errs) > 0 {
		h.t.Fatal(errs)
	}
	if err := h.engine.PublishScores(context.Background(), rules); err != nil {
		h.t.Fatal(err)
	}
}

// lines returns what the book says that has a word.
func (h *harness) lines(words ...string) string {
	var lines []string
	for _, line := range strings.Split(h.book.text(), "\n") {
		for _, word := range words {
			if strings.Contains(line, word) {
				lines = append(lines, line)
				break
			}
		}
	}
	return strings.Join(lines, "\n")
}

const scoring = `stage { title = "A" }
on("Visit", function(customer, event) score(event.properties.n, { name = "heat" }) end)
on("Signup", function() score(10, { once = "signup" }) end)
on("Score Reached", function(customer, event) log("reached", event.properties.score, event.properties.threshold, event.properties.points) end)
on("Score Fell Below", function(customer, event) log("fell", event.properties.score, event.properties.threshold) end)
on("Ask", function(customer)
  score(60, { name = "heat" })
  log(customer.score, customer.scores.heat, customer.scores.cold)
end)`

// A threshold is told of when it is crossed, once, at the moment at which points have faded that far too, and both survive
// a new start.
func TestThresholdsAreEvents(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
	h.scores(`score { name = "heat", half_life = "10 days", cap = 100, thresholds = { 50, 20 } }
score { thresholds = { 10 } }`)
	h.track("ann", "Visit", "n", 40)
	h.track("ann", "Visit", "n", 5)
	h.track("ann", "Signup")
	h.track("ann", "Signup")
	h.track("ann", "Visit", "n", 200)
	if c := h.customer("ann"); !c.Scores.Due.Equal(start.Add(10*day24+time.Millisecond)) || !c.Due.Equal(c.Scores.Due) {
		t.Errorf("the next crossing is %v, the next timer %v", c.Scores.Due, c.Due)
	}
	h.restart()
	h.pass(40*day24, "ann")
	want := strings.TrimSpace(dedent(`
		0 entered j/a
		0 scored 40
		0 score heat reached 20
		0 log j/a reached heat 20 40
		0 scored 5
		0 scored 10
		0 score reached 10
		0 log j/a reached  10 10
		0 scored 0
		0 scored 55
		0 score heat reached 50
		0 log j/a reached heat 50 100
		10 score heat fell below 50
		10 log j/a fell heat 50
		23.2193 score heat fell below 20
		23.2193 log j/a fell heat 20`))
	if got := strings.ReplaceAll(h.lines("score", "log", "entered"), "score  ", "score "); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if c := h.customer("ann"); !c.Scores.Due.IsZero() || len(c.Scores.Beyond) != 1 {
		t.Errorf("%+v is still to come", c.Scores)
	}
}

// What a handler reads is what it has given by then, capped.
func TestAHandlerSeesWhatItGives(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
	h.scores(`score { name = "heat", cap = 100 }`)
	h.track("ann", "Ask")
	h.track("ann", "Ask")
	if got := h.lines("log"); got != "0 log j/a 0 60 0\n0 log j/a 0 100 0" {
		t.Error(got)
	}
}

// Who is beyond a new threshold already is not told of it; who crosses it from then on is.
func TestNewThresholdsTellNobody(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
	h.track("ann", "Visit", "n", 40)
	h.track("bob", "Visit", "n", 40)
	h.clock.Advance(time.Minute)
	h.scores(`score { name = "heat", thresholds = { 30, 50 } }`)
	h.eventually(func() bool { return len(h.customer("bob").Scores.Beyond) == 1 })
	h.track("ann", "Visit", "n", 10)
	h.track("bob", "Visit", "n", -20)
	if got := h.lines("reached", "fell"); strings.ReplaceAll(got, "0.0007 ", "") != "score heat reached 50\nlog j/a reached heat 50 50\nscore heat fell below 30\nlog j/a fell heat 30" {
		t.Error(got)
	}
	h.scores("")
	h.eventually(func() bool { return len(h.customer("ann").Scores.Beyond) == 0 })
}

// Each score is added by itself when two become one; what is crossed by it is written down, and is no event.
func TestMergedScores(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
	h.scores(`score { name = "heat", cap = 100, thresholds = { 50, 90 } }`)
	for _, user := range []string{"ann", "bob"} {
		h.track(user, "Visit", "n", 60)
		h.track(user, "Signup")
	}
	h.alias("bob", "ann", false)
	h.eventually(h.same("ann", "bob"))
	h.eventually(func() bool { return h.customer("bob").ScoreNamed("heat", h.clock.Now()) == 100 })
	if c := h.customer("bob"); c.Score(h.clock.Now()) != 10 || len(c.Scores.Beyond) != 2 {
		t.Errorf("%+v %+v", c.Points, c.Scores)
	}
	if got := h.lines("reached 90", "heat 90"); got != "0 score heat reached 90 merged" {
		t.Error(got)
	}
}

// An aborted import leaves no crossing behind that its past should have told; a closed one tells it, as history.
func TestScoresOfHistory(t *testing.T) {
	for _, abort := range []bool{true, false} {
		h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
		h.scores(`score { name = "heat", half_life = "1 day", thresholds = { 50 } }`)
		h.openImport("shop")
		h.history("shop", at(h.event("ann", "Visit", "n", 100), -5))
		h.closeImport("shop", abort)
		h.pass(day24)
		want := "-5 score heat reached 50"
		if !abort {
			want += "\n-4 score heat fell below 50"
		}
		if got := h.lines(" score heat"); got != want {
			t.Errorf("aborted %v: %s", abort, got)
		}
	}
}

// Everything that is an order counts once, whichever way it came; a recount of the timeline finds the same.
func TestRevenueIsCountedOnce(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Order Completed", function(customer) log(customer.orders, customer.revenue, customer.last_order) end)
on("Renewed", function() track("Order Completed", { value = 7 }) end)`, "b", `stage { title = "B" }`))
	h.openImport("shop")
	h.history("shop", at(h.event("ann", "Order Completed", "revenue", 10), -20), at(h.event("ann", "Order Completed", "total", "20.5"), -10))
	h.history("shop", at(h.event("ann", "Order Completed", "total", 3), -30)) // late
	h.closeImport("shop", false)
	order := h.event("ann", "Order Completed", "revenue", 100, "total", 999)
	h.receive(order)
	h.receive(order)
	h.track("ann", "Renewed")
	h.track("ann", "Order Refunded", "total", 40)
	h.track("ann", "Order Completed")
	h.track("ann", "Viewed", "revenue", 5)
	h.track("bob", "Order Completed", "total", 1)
	h.alias("ann", "bob", false)
	h.eventually(h.same("ann", "bob"))
	h.eventually(func() bool { return h.customer("ann").Revenue.Orders == 7 })
	c := h.customer("ann")
	if r := c.Revenue; r.Total != 10+20.5+3+100+7-40+1 || !r.First.Equal(start.Add(-30*day24)) || !r.Last.Equal(start) {
		t.Errorf("%+v", r)
	}
	orders, total := uint64(0), 0.0
	h.eventually(func() bool {
		orders, total = 0, 0
		entries, err := h.engine.Timeline(context.Background(), c.ID, 200)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Event == nil {
				continue
			}
			amount := 0.0
			for _, name := range []string{"value", "total", "revenue"} {
				if n := script.Amount(entry.Event.Properties, name); n != 0 {
					amount = n
				}
			}
			switch entry.Event.Name {
			case "Order Completed":
				orders, total = orders+1, total+amount
			case "Order Refunded":
				total -= amount
			}
		}
		return orders == c.Revenue.Orders
	})
	if total != c.Revenue.Total {
		t.Errorf("a recount finds %v, the record has %v", total, c.Revenue.Total)
	}
	if got := h.lines("log"); !strings.Contains(got, "0 log j/a 4 133.5 2026-03-01T12:00:00Z") {
		t.Error(got)
	}
}

// The ranks hold until the next ones; segments that ask for them follow within a walk, and an order changes them at once.
func TestRanks(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	members := func(segment string) string {
		names := strings.Fields(h.members(segment))
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	h.segments("best", `rfm { f = 5, m = 5 }`, "rest", `rfm { r = 1 } and not rfm { m = 4 }`)
	h.openImport("shop")
	for i, user := range []string{"a", "b", "c", "d", "e"} {
		for n := range i + 1 {
			h.history("shop", at(h.event(user, "Order Completed", "total", 10*(i+1)), float64(n-10)))
		}
	}
	h.closeImport("shop", false)
	h.track("nobody", "Visit")
	ranks, err := h.engine.Rank(context.Background())
	if err != nil || ranks.Customers != 5 {
		t.Fatal(ranks, err)
	}
	for i, user := range []string{"a", "b", "c", "d", "e"} {
		if got := ranks.Of(h.customer(user).Revenue); got != (lifecycle.RFM{Recency: i + 1, Frequency: i + 1, Monetary: i + 1}) {
			t.Errorf("%s has %+v by %+v", user, got, ranks)
		}
	}
	h.eventually(func() bool {
		state, err := h.engine.Segments(context.Background())
		return err == nil && !state.Walking
	})
	if members("best") != "e" || members("rest") != "a b c" {
		t.Error("the segments are", members("best"), "and", members("rest"))
	}
	h.track("a", "Order Completed", "total", 1000)
	if members("rest") != "b c" {
		t.Error("the segment is", members("rest"))
	}
	h.restart()
	if again, err := h.engine.Ranks(context.Background()); err != nil || !again.At.Equal(ranks.At) || again.Frequency != ranks.Frequency || again.Recency[0].Unix() != ranks.Recency[0].Unix() {
		t.Errorf("%+v became %+v: %v", ranks, again, err)
	}
	h.track("b", "Order Completed", "total", 1000)
	if members("rest") != "c" {
		t.Error("after a new start the segment is", members("rest"))
	}
}

// Orders that come with a key that anybody can read are events like others, and no revenue.
func TestPublicOrdersAreNoRevenue(t *testing.T) {
	h := newHarness(t)
	h.track("ada", "Order Completed", "revenue", 20)
	for _, name := range []string{"Order Completed", "Order Refunded"} {
		event := h.event("ada", name, "revenue", 1000)
		event.Public = true
		h.receive(event)
	}
	if r := h.customer("ada").Revenue; r.Orders != 1 || r.Total != 20 {
		t.Errorf("%+v", r)
	}
}

// Customers with large records are brought to new rules too: no input writes more than it may.
func TestNewRulesReachLargeRecords(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", scoring, "b", `stage { title = "B" }`))
	var large []string // of one partition
	for i := 0; len(large) < 20; i++ {
		user := fmt.Sprint("user-", i)
		if (lifecycle.Identity{Kind: lifecycle.UserID, Value: user}).Hash().Partition() == 7 {
			large = append(large, user)
		}
	}
	for _, user := range large {
		for part := range 6 {
			h.identify(user, "", fmt.Sprintf(`{"text%d":%q}`, part, strings.Repeat("x", 30<<10)))
		}
		h.track(user, "Visit", "n", 40)
	}
	h.scores(`score { name = "heat", thresholds = { 20 } }`)
	h.eventually(func() bool {
		for _, user := range large {
			if len(h.customer(user).Scores.Beyond) != 1 {
				return false
			}
		}
		return true
	})
}
