package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What a provider reports of somebody again, by the same ID, is taken once, whatever was answered meanwhile; two messages of one
// moment with IDs of their own are two.
func TestWhatIsReportedAgainIsTakenOnce(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{}`)
	hear := func(event, id string, at time.Time) {
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "sms", From: "ada", Event: event, At: at,
			Data: map[string]string{"text": "Hello", "id": id}}})
	}
	heard := func(name string) int { return times(h.timelineOf("ada"), name) }
	for range 3 {
		h.clock.Advance(time.Minute)
		hear("replied", "SM1", h.clock.Now())
		hear("unsubscribed", "SM2", h.clock.Now())
	}
	same := h.clock.Now()
	hear("replied", "SM3", same)
	hear("replied", "SM4", same)
	if heard("Sms Replied") != 3 || heard("Unsubscribed") != 1 {
		t.Errorf("%d answers and %d refusals were heard, want 3 and 1", heard("Sms Replied"), heard("Unsubscribed"))
	}
	var ids []string
	for _, entry := range h.timelineOf("ada") {
		if entry.Event != nil && entry.Event.Name == "Sms Replied" {
			ids = append(ids, string(lifecycle.Property(entry.Event.Properties, "id")))
		}
	}
	if len(ids) != 3 {
		t.Errorf("the events have the IDs %v", ids)
	}
	for _, id := range ids {
		if id == "" {
			t.Errorf("the events have the IDs %v", ids)
		}
	}
}

// An answer is the same one where it is reported again, and taken as one to a message that has left since.
func TestARepeatedAnswerToAMessage(t *testing.T) {
	h := newHarness(t, journey("j", `journey { title = "J", stages = { "a" } }`, "a", `stage { title = "A" }
on("Order", function() send "hello" end)`))
	for range 2 {
		h.clock.Advance(time.Minute)
		h.track("ada", "Order")
		m := h.book.message("hello")
		h.book.settle(m.ID, lifecycle.Accepted, h.clock.Now())
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "email", Message: m.Ref(), From: "ada@example.com", Event: "replied", Data: map[string]string{"id": "1"}}})
	}
	if n := times(h.timelineOf("ada"), "Email Replied"); n != 1 || len(h.book.messages) != 2 {
		t.Errorf("it was heard %d times, of %d messages", n, len(h.book.messages))
	}
}
