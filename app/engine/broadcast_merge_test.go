package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// all counts the messages of a journey, whoever got them.
func (h *harness) all(journey string) (n int) {
	h.book.mu.Lock()
	defer h.book.mu.Unlock()
	for _, m := range h.book.messages {
		if m.Journey == journey {
			n++
		}
	}
	return n
}

// list puts users on the list of a draft, each with a row.
func (h *harness) list(name string, users ...string) {
	h.t.Helper()
	var members []engine.Member
	for _, user := range users {
		members = append(members, engine.Member{UserID: user, Row: json.RawMessage(fmt.Sprintf(`{"code":%q}`, user))})
	}
	added, err := h.engine.AddToBroadcast(context.Background(), name, members)
	if err != nil || added.Added != len(users) {
		h.t.Fatalf("%+v %v", added, err)
	}
}

// Two who become one while they wait for their morning get one message, whichever of them stays and whichever was meant.
func TestAMergeWhileABroadcastWaits(t *testing.T) {
	for i := range 4 { // either one stays in some of these
		for _, meant := range []string{"old", "now", "both"} {
			t.Run(fmt.Sprint(meant, i), func(t *testing.T) {
				h := newHarness(t)
				old, now := fmt.Sprint("old-", i), fmt.Sprint("now-", i)
				h.track(old, "Seen")
				h.track(now, "Seen")
				b := draft("morning")
				b.Audience, b.Local = engine.Audience{List: true}, "09:00"
				h.save(b)
				switch meant {
				case "old":
					h.list("morning", old)
				case "now":
					h.list("morning", now)
				default:
					h.list("morning", old, now)
				}
				if _, err := h.engine.StartBroadcast(context.Background(), "morning", ""); err != nil {
					t.Fatal(err)
				}
				h.done("morning")
				h.alias(now, old, false)
				h.eventually(h.same(old, now))
				h.eventually(func() bool {
					visit := h.customer(now).Visit("broadcast.morning")
					return visit != nil && len(visit.Runs) == 1
				})
				h.clock.Advance(25 * time.Hour)
				h.eventually(func() bool { return h.all("broadcast.morning") == 1 })
				if m := h.book.message("message"); !strings.Contains(string(m.Event.Properties), `"code":"`) {
					t.Errorf("what the list says was lost: %s", m.Event.Properties)
				}
				h.eventually(func() bool { return h.book.gauges() == "" })
			})
		}
	}
}

// Who has had the message does not get it again with somebody who still waited for it.
func TestAMergeWithSomebodyWhoHadTheBroadcast(t *testing.T) {
	for i := range 4 {
		h := newHarness(t)
		east, west := fmt.Sprint("east-", i), fmt.Sprint("west-", i)
		h.track(east, "Seen")
		h.track(west, "Seen")
		for user, zone := range map[string]string{east: "Asia/Ho_Chi_Minh", west: "America/Los_Angeles"} {
			event := h.event(user, "")
			event.Type, event.Traits = lifecycle.Identify, json.RawMessage(fmt.Sprintf(`{"timezone":%q}`, zone))
			h.receive(event)
		}
		b := draft("morning")
		b.On, b.Local = "2026-03-03", "09:00"
		h.begin(b)
		h.clock.Set(time.Date(2026, 3, 3, 2, 0, 1, 0, time.UTC)) // the east has had its 09:00
		h.done("morning")
		h.eventually(func() bool { return h.all("broadcast.morning") == 1 })
		h.alias(west, east, false)
		h.eventually(h.same(east, west))
		h.eventually(func() bool {
			visit := h.customer(west).Visit("broadcast.morning")
			return visit != nil && len(visit.Runs) == 0
		})
		h.clock.Advance(24 * time.Hour)
		h.eventually(func() bool { return h.book.gauges() == "" })
		if n := h.all("broadcast.morning"); n != 1 {
			t.Errorf("%d messages", n)
		}
	}
}

// By the customers' clocks on the day on which some of them are put forward: a time that a clock skips is the end of the gap.
func TestABroadcastWhenClocksChange(t *testing.T) {
	h := newHarness(t)
	zones := []string{"Asia/Ho_Chi_Minh", "Europe/Berlin", "America/New_York"}
	h.people(3, func(i int) string { return fmt.Sprintf(`{"timezone":%q}`, zones[i]) })
	b := draft("gap")
	b.On, b.Local = "2026-03-29", "02:30"
	h.begin(b)
	every := draft("nine")
	every.At, every.Local = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), "09:00"
	h.begin(every)
	for n, step := range []struct{ at, name string }{
		{"2026-03-28T13:00:00Z", "nine"}, // New York, whose clocks were put forward before
		{"2026-03-28T19:30:00Z", "gap"}, {"2026-03-29T01:00:00Z", "gap"},
		{"2026-03-29T02:00:00Z", "nine"},
		{"2026-03-29T06:30:00Z", "gap"}, {"2026-03-29T07:00:00Z", "nine"},
	} {
		at, _ := time.Parse(time.RFC3339, step.at)
		h.clock.Set(at.Add(-time.Second))
		h.done("nine")
		h.eventually(func() bool { return h.all("broadcast.gap")+h.all("broadcast.nine") == n })
		before := h.all("broadcast." + step.name)
		h.clock.Set(at)
		h.eventually(func() bool { return h.all("broadcast."+step.name) == before+1 })
	}
}

// What is stopped leaves nothing with customers, also if something happens to them before their morning comes.
func TestAStoppedBroadcastAndAnEvent(t *testing.T) {
	h := newHarness(t)
	h.people(5, plain)
	b := draft("never")
	b.Local = "09:00"
	h.begin(b)
	h.done("never")
	h.set("never", engine.BroadcastStopped)
	h.eventually(func() bool { return h.progress("never").Over })
	for i := range 5 {
		h.track(fmt.Sprint("u", i), "Seen")
		if visit := h.customer(fmt.Sprint("u", i)).Visit("broadcast.never"); visit != nil {
			t.Errorf("still there: %+v", visit)
		}
	}
	if got := h.book.gauges(); got != "" {
		t.Errorf("still waiting: %s", got)
	}
}

// A broadcast whose name was used before reaches those whom the former one has reached.
func TestABroadcastOfAFormerName(t *testing.T) {
	h := newHarness(t)
	h.people(20, plain)
	for n := 1; n <= 2; n++ {
		h.begin(draft("again"))
		h.done("again")
		if got := h.all("broadcast.again"); got != n*20 {
			t.Errorf("%d were sent, want %d", got, n*20)
		}
		h.set("again", engine.BroadcastStopped)
		if err := h.engine.DropBroadcast(context.Background(), "again"); err != nil {
			t.Fatal(err)
		}
		h.eventually(func() bool { return h.progress("again") == engine.BroadcastProgress{} })
		h.clock.Advance(time.Minute)
	}
}

// A stop that was broken off before all had heard of it is finished at the next start, also if the first partition was done
// long before.
func TestABrokenStopOfABroadcast(t *testing.T) {
	h := newHarness(t)
	h.busyElsewhere("slow", 100)
	if h.progress("slow").Over {
		t.Fatal("it is over already")
	}
	if err := h.engine.BreakStop("slow", h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	h.restart()
	h.eventually(func() bool { return h.progress("slow").Over })
}

// What a broadcast is about is offered to customers, as long as it is kept.
func TestTopicsOfBroadcastsAreOffered(t *testing.T) {
	shop := journey("shop", `journey { title = "S", stages = { "new" }, moves = {} }`, "new", `stage { title = "N" }`)
	shop.Files["messages/hello.email.liquid"] = []byte("---\nsubject: Hello\ntopic: news\n---\nHello\n")
	h := newHarness(t, shop)
	h.people(1, plain)
	topics := func() string {
		p, err := h.engine.Preferences(context.Background(), h.customer("u0").ID)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(p.Offered)
	}
	b := draft("sale")
	b.Parts[0].Texts = map[string]string{"email": "---\nsubject: Sale\ntopic: bargains\n---\nHi\n"}
	h.save(b)
	if got := topics(); got != "[{email [email] [news]}]" {
		t.Errorf("with a draft: %s", got)
	}
	h.begin(b)
	h.done("sale")
	h.clock.Advance(130 * time.Hour)
	h.eventually(func() bool { return h.progress("sale").Over })
	if got := topics(); got != "[{email [email] [bargains news]}]" {
		t.Errorf("of one that is over: %s", got)
	}
	if err := h.engine.DropBroadcast(context.Background(), "sale"); err != nil {
		t.Fatal(err)
	}
	h.eventually(func() bool { return topics() == "[{email [email] [news]}]" })
}
