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

// listed reads the list page by page, as "customer event".
func (h *harness) listed(f engine.EventFilter, limit int) (all []string) {
	h.t.Helper()
	var place []byte
	for range 10_000 {
		page, err := h.engine.Events(h.t.Context(), f, place, limit)
		if err != nil {
			h.t.Fatal(err)
		}
		for i := range page.Events {
			one := &page.Events[i]
			all = append(all, one.UserID+" "+one.Event.Name)
		}
		if place = page.Next; place == nil {
			return all
		}
		if len(page.Events) > limit || !engine.IsEventsPlace(place) {
			h.t.Fatalf("a page of %d has %d events and the next place %x", limit, len(page.Events), place)
		}
	}
	h.t.Fatal("the list does not end")
	return nil
}

// Events of everybody are listed in the order in which they came in, the newest first, whatever the size of the pages, and
// also behind a restart.
func TestEventsOfEverybody(t *testing.T) {
	h := newHarness(t)
	var want []string
	for n := range 700 {
		h.clock.Advance(time.Second)
		user, name := fmt.Sprintf("user%d", n%7), []string{"Seen", "Bought"}[n%2]
		h.track(user, name)
		want = append([]string{user + " " + name}, want...)
	}
	for _, limit := range []int{1, 7, 100, 500} {
		if limit == 100 {
			h.restart()
		}
		if got := h.listed(engine.EventFilter{}, limit); !slices.Equal(got, want) {
			t.Fatalf("pages of %d: %d events, want %d: %.20q …", limit, len(got), len(want), got)
		}
	}
	only := func(f engine.EventFilter, keep func(n int, text string) bool) {
		t.Helper()
		var some []string
		for i, text := range want {
			if keep(len(want)-1-i, text) {
				some = append(some, text)
			}
		}
		if got := h.listed(f, 50); !slices.Equal(got, some) {
			t.Errorf("%+v: %d events, want %d", f, len(got), len(some))
		}
	}
	no := false
	only(engine.EventFilter{Name: "Bought"}, func(_ int, text string) bool { return strings.HasSuffix(text, " Bought") })
	only(engine.EventFilter{Name: "Sold"}, func(int, string) bool { return false })
	only(engine.EventFilter{Type: lifecycle.Identify}, func(int, string) bool { return false })
	only(engine.EventFilter{Customer: h.customer("user3").ID}, func(_ int, text string) bool { return strings.HasPrefix(text, "user3 ") })
	only(engine.EventFilter{Test: &no, History: &no, Type: lifecycle.Track}, func(int, string) bool { return true })
	only(engine.EventFilter{From: start.Add(101 * time.Second), Until: start.Add(301 * time.Second)}, func(n int, _ string) bool { return n >= 100 && n < 300 })
}

// Events that came in at one moment are all there, and so are those of a commit that many inputs share.
func TestEventsOfOneMoment(t *testing.T) {
	h := newHarness(t)
	var batch []lifecycle.Event
	for n := range 1000 {
		batch = append(batch, h.event(fmt.Sprintf("user%d", n%5), fmt.Sprintf("Event %d", n)))
	}
	h.receive(batch...)
	for _, limit := range []int{9, 500} {
		got := h.listed(engine.EventFilter{}, limit)
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != 1000 {
			t.Errorf("pages of %d: %d different events", limit, n)
		}
	}
}

// What came with a merged customer stays where it was in the list, under the name of the one they became.
func TestMergedEventsKeepTheirPlace(t *testing.T) {
	h := newHarness(t)
	anonymous := lifecycle.Event{Type: lifecycle.Track, Name: "Seen", AnonymousID: "browser"}
	send := func(event lifecycle.Event) {
		h.clock.Advance(time.Minute)
		h.n++
		event.MessageID = fmt.Sprint("merged", h.n)
		h.receive(event)
	}
	for range 40 {
		send(anonymous)
		h.clock.Advance(time.Minute)
		h.track("ada", "Bought")
	}
	send(lifecycle.Event{Type: lifecycle.Identify, AnonymousID: "browser", UserID: "ada"})
	h.quiet()
	var got []string
	h.eventually(func() bool { got = h.listed(engine.EventFilter{}, 9); return len(got) == 81 })
	for i, text := range got {
		want := []string{"ada Bought", "ada Seen"}[(i+1)%2]
		if i == 0 {
			want = "ada "
		}
		if text != want {
			t.Fatalf("event %d is %q, want %q", i, text, want)
		}
	}
	if own := h.listed(engine.EventFilter{Customer: h.customer("ada").ID}, 50); len(own) != 81 {
		t.Errorf("ada has %d events in the list", len(own))
	}
}

// Who is forgotten is not in the list any more, nor is what is older than it may be.
func TestListedEventsGo(t *testing.T) {
	h := newHarness(t)
	for n := range 200 {
		h.clock.Advance(time.Hour)
		h.track(fmt.Sprintf("user%d", n%4), "Seen")
	}
	if _, err := h.engine.Retain(t.Context(), engine.Retention{Events: 100 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	if got := h.listed(engine.EventFilter{}, 30); len(got) < 100 || len(got) > 101 {
		t.Errorf("%d events are listed after 100 hours", len(got))
	}
}

// Whether the server ended in order or was killed, every event is in the list once behind it, with all that came after.
func TestTheListOutlivesTheServer(t *testing.T) {
	h := newHarness(t)
	total := 0
	send := func(n int, apart time.Duration) {
		for range n {
			h.clock.Advance(apart)
			h.track(fmt.Sprintf("user%d", total%150), fmt.Sprintf("Event %d", total))
			total++
		}
	}
	check := func(when string) {
		t.Helper()
		got := h.listed(engine.EventFilter{}, 100)
		if len(got) != total {
			t.Fatalf("%s: %d events are listed, %d came in", when, len(got), total)
		}
		seen := map[string]bool{}
		for _, text := range got {
			seen[text] = true
		}
		if len(seen) != total {
			t.Fatalf("%s: %d of %d listed events are different ones", when, len(seen), total)
		}
	}
	send(500, time.Millisecond)
	check("before anything")
	h.restart()
	check("after a kill")
	send(40, 0) // at one moment
	h.restart()
	send(40, 0)
	check("after a kill in the middle of a moment")
	h.engine.KeepLists(t.Context())
	h.restart()
	check("after an end in order")
	send(1, time.Second)
	h.engine.KeepLists(t.Context())
	send(7, time.Second) // they come after all
	h.restart()
	check("after an end that was none")
	send(2000, time.Microsecond)
	var batch []lifecycle.Event
	for range 5000 {
		batch = append(batch, h.event("busy", fmt.Sprintf("Event %d", total)))
		total++
	}
	h.receive(batch...)
	h.restart()
	h.restart()
	check("at the end")
}
