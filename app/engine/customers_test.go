package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func usersOf(list []*lifecycle.Customer) (users []string) {
	for _, c := range list {
		users = append(users, c.UserID())
	}
	return users
}

// The newest customers are those who came last, before and after a restart, however many there are; one who was merged
// stands there once.
func TestNewestCustomers(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	for i := range 120 {
		h.clock.Advance(time.Second)
		h.track(fmt.Sprint("u", i), "Page")
	}
	want := []string{"u119", "u118", "u117", "u116", "u115"}
	check := func(when string, want ...string) {
		t.Helper()
		list, err := h.engine.NewestCustomers(t.Context(), len(want))
		if err != nil || !slices.Equal(usersOf(list), want) {
			t.Errorf("%s: %v %v, not %v", when, usersOf(list), err, want)
		}
	}
	check("as they came", want...)
	h.restart()
	h.clock.Advance(time.Second)
	h.track("late", "Page")
	h.track("u3", "Page") // is not new
	check("after a restart", append([]string{"late"}, want[:4]...)...)
	h.clock.Advance(time.Second)
	h.track("later", "Page")
	h.alias("later", "u0", false)
	h.eventually(func() bool {
		list, err := h.engine.NewestCustomers(t.Context(), 50)
		return err == nil && len(list) == 50 && !slices.Contains(usersOf(list), "later")
	})
}

// Pages of everybody have each customer once.
func TestCustomersInPages(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	for i := range 150 {
		h.track(fmt.Sprint("u", i), "Page")
	}
	seen := map[string]int{}
	var from engine.MemberCursor
	for from.Partition < lifecycle.Partitions {
		list, next, err := h.engine.Customers(t.Context(), from, 7)
		if err != nil || len(list) > 7 {
			t.Fatal(len(list), err)
		}
		for _, user := range usersOf(list) {
			seen[user]++
		}
		from = next
	}
	if len(seen) != 150 {
		t.Errorf("%d customers were listed, not 150", len(seen))
	}
	for user, times := range seen {
		if times != 1 {
			t.Errorf("%s was listed %d times", user, times)
		}
	}
}

// A timeline in pages is the timeline: each entry once, in order of time, also where two became one.
func TestTimelineInPages(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Buy", function() move "b" end)`, "b", `stage { title = "B" }`))
	for i := range 30 { // in turns
		h.clock.Advance(time.Minute)
		h.track("ada", fmt.Sprint("Mine ", i))
		h.clock.Advance(time.Minute)
		h.track("guest", fmt.Sprint("Theirs ", i))
	}
	h.clock.Advance(time.Minute)
	h.alias("guest", "ada", false)
	h.quiet()
	h.clock.Advance(time.Minute)
	h.track("ada", "Buy")
	id := h.customer("ada").ID
	var all []engine.TimelineEntry
	h.eventually(func() bool {
		var err error
		all, err = h.engine.Timeline(t.Context(), id, 1000)
		names := 0
		for _, entry := range all {
			if entry.Event != nil && entry.Event.Type == lifecycle.Track {
				names++
			}
		}
		return err == nil && names == 61
	})
	for _, limit := range []int{1, 7, 1000} {
		var got []engine.LifeEntry
		var place engine.LivedPlace
		for {
			page, err := h.engine.Lived(t.Context(), id, place, limit)
			if err != nil || len(page.Entries) > limit {
				t.Fatal(len(page.Entries), err)
			}
			got = append(got, page.Entries...)
			if !page.More {
				break
			}
			last := got[len(got)-1]
			place = engine.LivedPlace{At: last.At, Seq: last.Seq}
		}
		if len(got) != len(all) {
			t.Fatalf("in pages of %d there are %d entries, not %d", limit, len(got), len(all))
		}
		for i := 1; i < len(got); i++ {
			if got[i].At.After(got[i-1].At) {
				t.Errorf("in pages of %d the entry %d is newer than the one before", limit, i)
			}
		}
	}
	history, err := h.engine.StageHistory(t.Context(), id)
	if err != nil || len(history) == 0 || history[0].Kind != lifecycle.FactMoved || history[0].To != "b" {
		t.Errorf("the stages: %+v %v", history, err)
	}
}

// A search finds whoever has an identity, those first to whom it leads.
func TestSearchCustomers(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }`, "b", `stage { title = "B" }`))
	for _, user := range []string{"ada", "bob"} {
		event := h.event(user, "Page")
		event.Traits = []byte(`{"email": "Desk@example.com", "phone": "+84 901 234 567"}`)
		h.receive(event)
	}
	h.quiet()
	found, err := h.engine.SearchCustomers(t.Context(), "desk@EXAMPLE.com", engine.MaxMatches)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	if found[0].Customer.UserID() != "ada" || !found[0].Leads || found[1].Customer.UserID() != "bob" || found[1].Leads || found[0].By.Kind != lifecycle.EmailIdentity {
		t.Errorf("the address: %+v", found)
	}
	for text, want := range map[string]int{"bob": 1, "nobody": 0, "+84901234567": 2, h.customer("bob").ID.String(): 1, "": 0} {
		if found, err := h.engine.SearchCustomers(t.Context(), text, engine.MaxMatches); err != nil || len(found) != want {
			t.Errorf("%q finds %d, %v", text, len(found), err)
		}
	}
}

// History that comes late stands in the timeline where it was written down; no page of the timeline leaves out what is newer.
func TestLivedWithLateHistory(t *testing.T) {
	h := newHarness(t)
	for range 5 {
		h.track("ada", "New")
		h.clock.Advance(time.Minute)
	}
	h.openImport("shop")
	for i := range 6 {
		h.history("shop", at(h.event("ada", "Old"), -30-float64(i)))
	}
	h.closeImport("shop", false)
	id := h.customer("ada").ID
	var names []string
	for place, more := (engine.LivedPlace{}), true; more; {
		page, err := h.engine.Lived(t.Context(), id, place, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Entries {
			if entry.Event != nil {
				names = append(names, entry.Event.Name)
			}
			place = engine.LivedPlace{At: entry.At, Seq: entry.Seq}
		}
		more = page.More
	}
	if want := strings.Fields(strings.Repeat("New ", 5) + strings.Repeat("Old ", 6)); !slices.Equal(names, want) {
		t.Errorf("the pages have %v", names)
	}
}
