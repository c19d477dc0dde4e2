package engine_test

import (
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// faxes lets the harness have a channel of others once it is set up.
func (h *harness) faxes() (set *atomic.Bool) {
	set = &atomic.Bool{}
	h.engine.SetChannels(func(name string) bool { return name == "fax" && set.Load() })
	return set
}

// erasedAt reports whether an address was erased, for whoever gets it.
func (h *harness) erasedAt(channel, address string) bool {
	h.t.Helper()
	barred, err := h.engine.Barred(h.t.Context(), channel, address)
	if err != nil {
		h.t.Fatal(err)
	}
	return barred != nil && barred.Reason == lifecycle.SuppressedErased
}

// Whoever said where a channel reaches them before it was set up, and was never written to there, is remembered like everybody.
func TestAnErasureIsRememberedWhereNobodyWasWrittenTo(t *testing.T) {
	h := newHarness(t)
	set := h.faxes()
	h.receive(h.says("ada", "", map[string]any{"fax": "555-ADA"}))
	h.quiet()
	set.Store(true)
	h.clock.Advance(time.Minute)
	h.eraseUser("ada")
	h.quiet()
	if !h.erasedAt("fax", " 555-ADA") {
		t.Error("the erasure is not remembered")
	}
}
