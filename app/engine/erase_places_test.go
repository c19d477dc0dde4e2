package engine_test

import (
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
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

// Somebody else keeps such an address from an erasure only as long as it is theirs, by a word that is to be believed: neither what
// anybody can say with the key of a page nor a mistake that was put right lifts one.
func TestWhoKeepsAPlaceFromAnErasure(t *testing.T) {
	const fax = "555-ADA"
	an := map[string]any{"name": "An Lê", "address": map[string]any{"street": "7 Main", "city": "Hanoi", "country": "VN"}}
	letter := `{"name":"An Lê","street":"7 Main","city":"Hanoi"}`
	for name, c := range map[string]struct {
		others      func(h *harness)
		fax, letter bool // the erasure holds there
	}{
		"nobody": {func(*harness) {}, true, true},
		"a stranger on a page": {func(h *harness) {
			stranger := h.says("", "stranger", map[string]any{"fax": fax})
			stranger.Public = true
			h.receive(stranger)
			h.quiet()
		}, true, true},
		"who was mistaken": {func(h *harness) {
			h.receive(h.says("ben", "", map[string]any{"fax": fax}))
			h.quiet()
			h.clock.Advance(time.Minute)
			h.receive(h.says("ben", "", map[string]any{"fax": "777-BEN"}))
			h.quiet()
		}, true, true},
		"who was erased before": {func(h *harness) {
			h.receive(h.says("ben", "", map[string]any{"fax": fax}))
			h.quiet()
			h.clock.Advance(time.Minute)
			h.eraseUser("ben")
			h.quiet()
		}, true, true},
		"one of several": {func(h *harness) {
			for _, who := range []string{"ben", "eva", "kim"} {
				h.receive(h.says(who, "", map[string]any{"fax": fax}))
			}
			h.quiet()
			h.clock.Advance(time.Minute)
			h.receive(h.says("ben", "", map[string]any{"fax": "777-BEN"}), h.says("eva", "", map[string]any{"fax": nil}))
			h.quiet()
		}, false, true},
		"who has become somebody else": {func(h *harness) {
			h.receive(h.says("", "ben's browser", map[string]any{"fax": fax}))
			h.quiet()
			h.clock.Advance(time.Minute)
			h.receive(h.says("ben", "ben's browser", map[string]any{"a": 1}))
			h.quiet()
		}, false, true},
		"who is called the same in the same house": {func(h *harness) {
			h.receive(h.says("an2", "", an))
			h.quiet()
			an2 := h.customer("an2").ID
			place, _ := lifecycle.AddressIdentity("letter", letter)
			h.inspect(an2.Partition(), func(tx store.Tx) {
				if err := h.engine.AskAddress(tx, an2, place, h.clock.Now()); err != nil {
					t.Error(err)
				}
			})
			h.quiet()
		}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.inspected()
			h.faxes().Store(true)
			said := map[string]any{"fax": fax}
			maps.Copy(said, an)
			h.receive(h.says("ada", "", said))
			h.quiet()
			c.others(h)
			h.clock.Advance(time.Minute)
			h.eraseUser("ada")
			h.quiet()
			if fax, letter := h.erasedAt("fax", fax), h.erasedAt("letter", letter); fax != c.fax || letter != c.letter {
				t.Errorf("the erasure holds for faxes: %v, for letters: %v", fax, letter)
			}
		})
	}
}
