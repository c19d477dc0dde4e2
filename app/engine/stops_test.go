package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A STOP that names a message that is gone holds for whoever was written to at its address, once; and so does anything else that
// comes back of such a message.
func TestWhatNamesAMessageThatIsGone(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{}`)
	customer := h.customer("ada").ID
	gone := lifecycle.Ref{Partition: customer.Partition(), Decided: start, ID: lifecycle.HashID("gone")}
	heard := func(name string) int { return times(h.timelineOf("ada"), name) }
	h.clock.Advance(time.Minute)
	h.engine.Keep(t.Context(), []engine.Report{
		{Channel: "sms", Message: gone, From: "ada", Event: "unsubscribed"},
		{Channel: "sms", Message: gone, From: "ada", Event: "replied", Data: map[string]string{"text": "why?"}},
		{Channel: "sms", Message: gone, Event: "delivered"},
	})
	if word, said := h.customer("ada").Consented("sms", ""); !said || word.Granted || heard("Unsubscribed") != 1 || heard("Sms Replied") != 1 || heard("Sms Delivered") != 0 {
		t.Errorf("%+v %t, heard %d, %d and %d times", word, said, heard("Unsubscribed"), heard("Sms Replied"), heard("Sms Delivered"))
	}
}

// A STOP that names a message is heard by its customer once, although the address leads to them too, and by who shares the address.
func TestAStopIsHeardOnce(t *testing.T) {
	h, m := seen(t)
	h.identify("bob", "", `{}`)
	for _, from := range []string{"ada", "bob"} {
		h.clock.Advance(time.Minute)
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "sms", Message: m, From: from, Event: "unsubscribed"}})
	}
	for user, want := range map[string]int{"ada": 2, "bob": 1} {
		if n := times(h.timelineOf(user), "Unsubscribed"); n != want {
			t.Errorf("%s has heard %d times, want %d", user, n, want)
		}
	}
}
