package engine_test

import (
	"strings"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func (h *harness) setTest(user string, on bool) {
	h.t.Helper()
	if err := h.engine.SetTest(h.t.Context(), h.customer(user).ID, on); err != nil {
		h.t.Fatal(err)
	}
}

func TestForATestPersonADayIsAMinute(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function(customer, event)
  local began = now()
  wait "1 day" send "hello"
  wait "6 days" send "reminder"
  wait_until "09:00" send "bye"
  log(now() - began, count "Start", count("Start", "2 days"))
end)
idle("Start", "30 days", function() send "hello" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	h.clock.Advance(time.Hour)
	h.setTest("ada", true)
	h.book.clear()
	began := h.clock.Now()
	h.track("ada", "Start")
	sent := func(name string, after time.Duration) {
		t.Helper()
		h.clock.Set(began.Add(after - time.Millisecond))
		if m := h.book.message(name); m != nil {
			t.Errorf("%s was sent early, at %v", name, m.Decided.Sub(began))
		}
		h.clock.Set(began.Add(after))
		h.eventually(func() bool { return h.book.message(name) != nil })
		if m := h.book.message(name); !m.Test || m.Decided.Sub(began).Round(time.Second) != after.Round(time.Second) || m.State != lifecycle.Queued {
			t.Errorf("%s is %+v, %v after the start", name, m, m.Decided.Sub(began))
		}
	}
	sent("hello", time.Minute)
	h.restart()
	sent("reminder", 7*time.Minute)
	sent("bye", 7*time.Minute+20*time.Hour/1440) // from 13:00 to 09:00
	h.book.mu.Lock()
	h.book.messages = nil
	h.book.mu.Unlock()
	sent("hello", 30*time.Minute)
	if h.book.text() != "" {
		t.Errorf("no figure counts a test person, but there is\n%s", h.book.text())
	}
	var timeline []engine.TimelineEntry
	h.eventually(func() bool { // the timeline is in real time
		timeline, _ = h.engine.Timeline(t.Context(), h.customer("ada").ID, 50)
		return timeline[0].At.Sub(began).Round(time.Second) == 30*time.Minute
	})
	found := false
	for _, entry := range timeline {
		for _, fact := range entry.Facts {
			found = found || fact.Kind == lifecycle.FactLogged && strings.HasSuffix(fact.Reason, " 1 0") && strings.HasPrefix(fact.Reason, "676")
		}
	}
	if !found { // 7 days and 20 hours later, in seconds
		t.Errorf("what the script saw of its time is not in %+v", timeline)
	}
}

// Becoming a test person and ceasing to be one is seen by the figures as going and coming.
func TestATestPersonIsCountedNoLonger(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait "10 days" log "ten days later" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	h.setTest("ada", true)
	if h.book.gauges() != "" {
		t.Errorf("a test person's run is counted: %s", h.book.gauges())
	}
	h.clock.Advance(4 * time.Minute)
	h.setTest("ada", true) // again: nothing
	h.setTest("ada", false)
	if h.book.gauges() != "j/a.lua:2=1" {
		t.Errorf("afterwards there wait %q", h.book.gauges())
	}
	h.restart()
	h.clock.Advance(6 * day24)
	h.want(`
		0 event Page
		0 entered j/a
		0 merged j/a
		0 merged /
		0.0028 placed j/>a
		6.0028 log j/a ten days later`)
}

// A test visitor who becomes a known customer makes them a test person: rather nobody is mailed than somebody by mistake.
func TestMergingATestPerson(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function() send "hello" end)
idle("Start", "30 days", function() send "reminder" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	device := h.event("", "Start")
	device.AnonymousID = "device"
	h.receive(device)
	visitor, err := h.engine.FindCustomer(t.Context(), "device")
	if err != nil {
		t.Fatal(err)
	}
	if err = h.engine.SetTest(t.Context(), visitor.ID, true); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(10 * time.Minute)
	both := h.event("ada", "Page")
	both.AnonymousID = "device"
	h.receive(both)
	h.eventually(func() bool { return h.customer("ada").Test() })
	h.track("ada", "Start")
	if m := h.book.message("hello"); !m.Test || m.Customer != h.customer("ada").ID {
		t.Errorf("the message is %+v", m)
	}
	h.clock.Advance(31 * time.Minute)
	h.eventually(func() bool { return h.book.message("reminder") != nil })
}

// After 200 years a test person's time stands still; nothing spins.
func TestATestPersonsTimeEnds(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
on("Start", function() wait "3000 days" log "woke" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Page")
	h.setTest("ada", true)
	h.clock.Advance(50 * day24)
	h.track("ada", "Start")
	if due := h.customer("ada").Due; !due.IsZero() {
		t.Errorf("a timer behind the end of time is due at %v", due)
	}
	h.clock.Advance(50 * day24)
	h.track("ada", "Page")
	h.setTest("ada", false)
	if due := h.customer("ada").Due; due.IsZero() {
		t.Error("back in real time, the run goes on some day")
	}
}

func TestFindCustomer(t *testing.T) {
	h := newHarness(t)
	event := h.event("ada", "Page")
	event.AnonymousID = "device"
	h.receive(event)
	h.eventually(func() bool { _, err := h.engine.FindCustomer(t.Context(), "device"); return err == nil })
	id := h.customer("ada").ID
	for _, user := range []string{"ada", "device", id.String()} {
		if found, err := h.engine.FindCustomer(t.Context(), user); err != nil || found.ID != id {
			t.Errorf("%s: %+v, %v", user, found, err)
		}
	}
	for _, user := range []string{"", "bob", strings.Repeat("0", 32)} {
		if _, err := h.engine.FindCustomer(t.Context(), user); lifecycle.CodeOf(err) != lifecycle.NotFound {
			t.Errorf("%q: %v", user, err)
		}
	}
	if err := h.engine.SetTest(t.Context(), lifecycle.HashID("nobody"), true); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Errorf("nobody as a test person: %v", err)
	}
}
