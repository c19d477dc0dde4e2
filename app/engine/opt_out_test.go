package engine_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// An earlier source is believed about opting out too, whenever it says it.
func TestAnEarlierSourceOptsOut(t *testing.T) {
	h := newHarness(t)
	h.order = []string{"crm", "shop"}
	h.restart()
	h.clock.Set(start.Add(12 * time.Hour))
	h.receive(says("shop", false, `{"unsubscribed":false}`, start.Add(12*time.Hour)))
	h.clock.Set(start.Add(24 * time.Hour))
	h.receive(says("crm", false, `{"unsubscribed":true}`, start.Add(11*time.Hour)))
	want := func(is bool) {
		t.Helper()
		c := h.customer("ada")
		if origin, _ := c.Origin(lifecycle.OptOutTrait); c.OptedOut() != is || origin.Source != "crm" {
			t.Errorf("%s by %s", c.Traits[lifecycle.OptOutTrait], origin.Source)
		}
	}
	want(true)
	h.receive(says("shop", false, `{"unsubscribed":false}`, start.Add(23*time.Hour)))
	want(true) // a later source says nothing against it
	h.receive(says("crm", false, `{"unsubscribed":false}`, start.Add(24*time.Hour)))
	want(false)
}

// What was known of opting out before times were kept gives way to an older refusal, and to nothing older that refuses
// nothing.
func TestALateOptOut(t *testing.T) {
	for known, is := range map[string]bool{"true": false, "false": true} {
		h := newHarness(t)
		h.receive(says("", false, `{"unsubscribed":`+known+`}`, start))
		copied, err := h.engine.CopyOf(t.Context(), h.customer("ada").ID)
		if err != nil {
			t.Fatal(err)
		}
		copied.Customer.Origins, copied.Customer.OptOuts = nil, nil
		if err = h.engine.Paste(t.Context(), copied); err != nil {
			t.Fatal(err)
		}
		late := h.event("ada", "")
		late.Type, late.Traits = lifecycle.Identify, fmt.Appendf(nil, `{"unsubscribed":%t}`, is)
		h.openImport("old")
		h.history("old", at(late, -1))
		if !h.customer("ada").OptedOut() {
			t.Errorf("%s, and %t before: not opted out", known, is)
		}
	}
}
