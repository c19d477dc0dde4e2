package engine_test

import (
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// Whoever says START at an address that bounced is there: messages leave for it again, for everybody who has it or gets it later.
// What they complained of stands.
func TestABouncedAddressSpeaks(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{"phone":"+84901234567"}`)
	h.identify("bob", "", `{"phone":"+84901234568"}`)
	suppressed := func(user string) string {
		c := h.customer(user)
		s, _ := c.Suppressed("sms", c.Trait("phone").(string))
		return s.Reason
	}
	hear := func(from, event string, data map[string]string) {
		h.clock.Advance(time.Minute)
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "sms", From: from, Event: event, Data: data}})
	}
	becomes := func(user, reason string) {
		t.Helper()
		h.eventually(func() bool { return suppressed(user) == reason })
	}
	hear("+84901234567", "bounced", map[string]string{"kind": "hard"})
	hear("+84901234568", "complained", nil)
	becomes("ada", lifecycle.SuppressedBounce)
	becomes("bob", lifecycle.SuppressedComplaint)
	hear("+84901234567", "replied", map[string]string{"text": "Hello?"})
	hear("+84901234568", "subscribed", nil)
	h.quiet()
	if suppressed("ada") != lifecycle.SuppressedBounce || suppressed("bob") != lifecycle.SuppressedComplaint {
		t.Errorf("ada %q, bob %q", suppressed("ada"), suppressed("bob"))
	}
	hear("+84901234567", "subscribed", nil)
	becomes("ada", "")
	h.identify("eve", "", `{"phone":"+84901234567"}`)
	h.quiet()
	becomes("eve", "")
	hear("+84901234567", "bounced", map[string]string{"kind": "hard"})
	becomes("ada", lifecycle.SuppressedBounce)
}
