package engine_test

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

const looks = `stage { title = "A" }
on("Look", function()
  local newest = last "Order"
  log("all", count "Order", "month", count("Order", "30 days"), "sum", sum("Order", "total", "30 days"), "last", newest and newest.properties.n)
end)`

func TestLooksGoByTheClientsTimestamp(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", looks, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	h.clock.Advance(50 * day24)
	order := func(n int, days float64, total any) {
		h.receive(at(h.event("ada", "Order", "n", n, "total", total), days))
	}
	order(1, 50, 10)
	order(2, 10, 100)  // came in today, happened 40 days ago
	order(3, 45, "20") // a number in a text counts
	order(4, 99, 40)   // a clock that is ahead: never later than the receipt
	order(5, 30, "much")
	h.track("ada", "Look")
	h.openImport("orders")
	h.history("orders", at(h.event("ada", "Order", "n", 6, "total", 1), 49)) // late: stored and counted
	h.closeImport("orders", false)
	h.track("ada", "Look")
	h.clock.Advance(5 * day24)
	h.track("ada", "Look")
	h.clock.Advance(16 * day24)
	h.track("ada", "Look")
	lines := strings.Split(h.book.text(), "\n")
	var got []string
	for _, line := range lines {
		if strings.Contains(line, "log j/a") {
			got = append(got, line)
		}
	}
	want := dedent(`50 log j/a all 5 month 4 sum 70 last 4
		50 log j/a all 6 month 5 sum 71 last 4
		55 log j/a all 6 month 5 sum 71 last 4
		71 log j/a all 6 month 4 sum 71 last 4`)
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestTheEventBeingHandledCounts(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A", goal = function(customer) return count "Order" == 3 end }
on("Order", function(customer, event) log(count "Order", sum("Order", "n"), last("Order").properties.n) end)`, "b", `stage { title = "B" }`))
	for n := range 3 {
		h.track("ada", "Order", "n", n+1)
	}
	h.want(`
		0 event Order
		0 entered j/a
		0 log j/a 1 1 1
		0 event Order
		0 log j/a 2 3 2
		0 event Order
		0 log j/a 3 6 3
		0 converted j/a`)
}

func TestLooksAfterAMerge(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", looks, "b", `stage { title = "B" }`))
	order := func(n int, user, device string) {
		event := h.event(user, "Order", "n", n, "total", 1)
		event.AnonymousID = device
		h.receive(event)
		h.clock.Advance(day24)
	}
	order(1, "ada", "")
	order(2, "", "device")
	order(3, "ada", "")
	order(4, "ada", "device")
	h.eventually(func() bool {
		h.clock.Advance(time.Second)
		h.track("ada", "Look")
		return strings.Contains(h.book.text(), "all 4 month 4 sum 4 last 4")
	})
}

func TestALookHasABound(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", looks, "b", `stage { title = "B" }`))
	for range 21 {
		var pages []lifecycle.Event
		for range 500 {
			pages = append(pages, h.event("ada", "Page"))
		}
		h.receive(pages...)
	}
	h.track("ada", "Look")
	letters := h.letters()
	if len(letters) != 1 || letters[0].Line != 3 || !strings.Contains(letters[0].Message, "more than 10000 entries") {
		t.Errorf("dead letters: %+v", letters)
	}
}

// Whatever senders write as timestamps, and however much of the past comes late: looks are right, and newest first.
func TestLooksAgainstAPlainList(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", looks, "b", `stage { title = "B" }`))
	h.openImport("past")
	users := 0
	rapid.Check(t, func(rt *rapid.T) {
		users++
		user := fmt.Sprint("user", users)
		type order struct {
			at time.Time
			n  int
		}
		var orders []order
		h.track(user, "Page")
		clock := h.clock.Now()
		for n := range rapid.IntRange(0, 12).Draw(rt, "orders") {
			event := h.event(user, "Order", "n", n, "total", 1)
			event.Timestamp = h.clock.Now().Add(time.Duration(rapid.IntRange(-60, 10).Draw(rt, "days")) * day24)
			if rapid.IntRange(0, 3).Draw(rt, "late") == 0 && event.Timestamp.Before(clock) {
				if !h.history("past", event)[0].Late {
					rt.Fatal("it is not late")
				}
			} else {
				h.receive(event)
				clock = h.clock.Now()
			}
			if event.Timestamp.After(h.clock.Now()) {
				event.Timestamp = h.clock.Now()
			}
			orders = append(orders, order{event.Timestamp, n})
			if rapid.Bool().Draw(rt, "page") {
				h.track(user, "Page")
				clock = h.clock.Now()
			}
			h.clock.Advance(time.Duration(rapid.IntRange(1, 20).Draw(rt, "pause")) * day24)
		}
		now := h.clock.Now()
		month := 0
		for _, o := range orders {
			if o.at.After(now.Add(-30 * day24)) {
				month++
			}
		}
		newest := "nil"
		sort.SliceStable(orders, func(i, j int) bool { return orders[i].at.Before(orders[j].at) })
		if len(orders) > 0 {
			newest = fmt.Sprint(orders[len(orders)-1].n)
		}
		h.book.clear()
		h.track(user, "Look")
		if want := fmt.Sprintf("log j/a all %d month %d sum %d last %s", len(orders), month, month, newest); !strings.HasSuffix(h.book.text(), want) {
			rt.Fatalf("got %s\nwant %s", h.book.text(), want)
		}
	})
}
