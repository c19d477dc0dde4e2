package engine_test

import (
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/engine"
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
	var set *atomic.Bool
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
		"who said so before the channel was taken away": {func(h *harness) {
			h.receive(h.says("ben", "", map[string]any{"fax": fax}))
			h.quiet()
			h.asksAbout("ada", "fax", fax)
			set.Store(false)
		}, false, true},
		"who is called the same in the same house": {func(h *harness) {
			h.receive(h.says("an2", "", an))
			h.quiet()
			h.asksAbout("an2", "letter", letter)
		}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.inspected()
			set = h.faxes()
			set.Store(true)
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

// Who had an address of a channel of others before it was set up, by a word that is to be believed, and was known before somebody else who
// had it too was erased, is written to there. Whoever else has it, or gets it later, is not.
func TestWhoSharedAPlaceBeforeTheChannelWasSetUp(t *testing.T) {
	const fax = "555-OFFICE"
	at := map[string]any{"name": "An Lê", "address": map[string]any{"street": "7 Main", "city": "Hanoi", "country": "VN"}, "fax": fax}
	h := newHarness(t)
	h.inspected()
	set := h.faxes()
	page := h.says("page", "", map[string]any{"fax": fax})
	page.Public = true
	h.receive(h.says("ada", "", at), h.says("twin", "", at), h.says("ben", "", map[string]any{"fax": "555-OFFICE "}), h.says("eva", "", map[string]any{"fax": "555 -OFFICE"}),
		h.says("kim", "", map[string]any{"fax": fax}), h.says("guest", "guest's browser", map[string]any{"fax": fax}), page, h.says("later", "", map[string]any{"a": 1}))
	h.quiet()
	set.Store(true)
	h.clock.Advance(time.Minute)
	h.eraseUser("ada")
	h.quiet()
	h.clock.Advance(time.Minute)
	back := h.says("back", "", map[string]any{"fax": fax})
	back.Timestamp = start // it says itself that this was before
	h.receive(back, h.says("later", "", map[string]any{"fax": fax}), h.says("kim", "", map[string]any{"fax": fax, "said": "again"}))
	old := h.says("old", "", map[string]any{"fax": fax})
	old.Timestamp = start
	h.openImport("old")
	h.history("old", old)
	h.closeImport("old", false)
	set.Store(false)
	h.receive(h.says("away", "", map[string]any{"fax": fax}))
	set.Store(true)
	h.quiet()
	for user, erased := range map[string]bool{"ben": false, "eva": false, "kim": false, "page": true, "back": true, "later": true, "old": true, "away": true} {
		if _, suppressed := h.asksAbout(user, "fax", fax).Suppressed("fax", fax); suppressed != erased {
			t.Errorf("the erasure holds for %s: %v, want %v", user, suppressed, erased)
		}
	}
	if s, _ := h.asksAbout("twin", "letter", `{"name":"An Lê","street":"7 Main","city":"Hanoi"}`).Suppressed("letter", `{"name":"An Lê","street":"7 Main","city":"Hanoi"}`); s.Reason != lifecycle.SuppressedErased {
		t.Error("who is called the same in the same house gets letters")
	}
	h.asksAbout("guest", "fax", fax)
	h.alias("ben", "guest", false)
	h.eventually(h.same("ben", "guest"))
	h.quiet()
	if _, suppressed := h.customer("ben").Suppressed("fax", fax); suppressed {
		t.Error("of two who had the address and have become one it is suppressed")
	}
	if !h.erasedAt("fax", fax) {
		t.Error("the erasure is not remembered")
	}
}

// asksAbout lets the first message of a customer ask what speaks against writing to a place.
func (h *harness) asksAbout(user, channel, address string) *lifecycle.Customer {
	h.t.Helper()
	id := h.customer(user).ID
	place, _ := lifecycle.AddressIdentity(channel, address)
	h.inspect(id.Partition(), func(tx store.Tx) {
		if err := h.engine.AskAddress(tx, id, place, lifecycle.ID{}, h.clock.Now()); err != nil {
			h.t.Error(err)
		}
	})
	h.quiet()
	c := h.customer(user)
	if !c.AskedAbout(place, lifecycle.ID{}) {
		h.t.Errorf("nobody answered %s of %s", channel, user)
	}
	return c
}

// What came from an address itself outlasts a visitor who was kept only so long: that they typed it proves nothing.
func TestARefusalOutlastsAVisitorWhoTypedTheAddress(t *testing.T) {
	for _, known := range []bool{false, true} { // the channel of others was set up when the visitor came
		h := newHarness(t)
		h.inspected()
		set := h.faxes()
		set.Store(known)
		visitor := h.says("", "visitor", map[string]any{"telegram": "41", "fax": "555-BEN"})
		visitor.Public = true
		h.receive(visitor)
		h.quiet()
		set.Store(true)
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "social", From: "telegram:41", Event: "unsubscribed"}, {Channel: "fax", From: "555-BEN", Event: "unsubscribed"}})
		h.quiet()
		h.clock.Advance(60 * 24 * time.Hour)
		if kept, err := h.engine.Retain(t.Context(), engine.Retention{Anonymous: 7 * 24 * time.Hour}); err != nil || kept.Anonymous != 1 {
			t.Fatal(kept, err)
		}
		h.eventually(func() bool { return h.gone("visitor") })
		h.quiet()
		h.receive(h.says("ben", "", map[string]any{"telegram": "41", "fax": "555-BEN"}))
		h.quiet()
		ben := h.asksAbout("ben", "fax", "555-BEN")
		for _, channel := range []string{"social", "fax"} {
			if word, said := ben.Consented(channel, ""); !said || word.Granted {
				t.Errorf("channel of others known %v: whoever has the address next may be written to by %s", known, channel)
			}
		}
	}
}

// What was kept of a place before case told addresses apart, and companies from people, holds still: it lies under what is written in
// small letters, and under what a person of the company's name would have.
func TestWhatWasKeptOfAPlaceBefore(t *testing.T) {
	h := newHarness(t)
	h.inspected()
	h.faxes().Store(true)
	at := func(who string) map[string]any {
		return map[string]any{who: "Sen", "address": map[string]any{"street": "1 Main", "city": "Hue", "country": "VN"}}
	}
	h.receive(h.says("old", "", map[string]any{"fax": "token-a"}), h.says("gone", "", at("name")), h.event("gone", "Letter Bounced"))
	h.quiet()
	h.clock.Advance(time.Minute)
	h.eraseUser("old")
	h.quiet()
	h.receive(h.says("ada", "", at("company")), h.says("ada", "", map[string]any{"fax": "Token-A"}), h.says("ben", "", map[string]any{"fax": "Token-B"}))
	h.quiet()
	suppressed := func(user, channel string) string {
		address, problem := h.customer(user).Address(channel)
		if problem != "" {
			t.Fatal(user, channel, problem)
		}
		s, _ := h.asksAbout(user, channel, address).Suppressed(channel, address)
		return s.Reason
	}
	for _, c := range []struct{ user, channel, want string }{
		{"ada", "fax", lifecycle.SuppressedErased}, {"ada", "letter", lifecycle.SuppressedBounce}, {"ben", "fax", ""},
	} {
		if got := suppressed(c.user, c.channel); got != c.want {
			t.Errorf("%s of %s is suppressed because %q, want %q", c.channel, c.user, got, c.want)
		}
	}
	if !h.erasedAt("fax", "Token-A") || h.erasedAt("fax", "Token-B") {
		t.Error("what is said of the address is not so")
	}
}
