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

// Whoever knows a user ID can refuse marketing for them with the key that stands in pages, and cannot allow it again: neither by a
// value, nor by taking the trait away, nor in passing, nor as a visitor who turns out to be them.
func TestPagesLiftNoRefusal(t *testing.T) {
	h := newHarness(t)
	h.receive(says("", false, `{"unsubscribed":true,"plan":"free"}`, start))
	for i, traits := range []string{`{"unsubscribed":false}`, `{"unsubscribed":null}`, `{"unsubscribed":"no","plan":"pro"}`} {
		for k, kind := range []lifecycle.EventType{lifecycle.Identify, lifecycle.Page, lifecycle.Screen, lifecycle.Track, lifecycle.Alias} {
			h.clock.Set(start.Add(time.Duration(10*i+k+1) * time.Hour))
			for _, passing := range []bool{false, true} {
				event := says("", true, traits, h.clock.Now())
				if event.Type, event.Name = kind, "Seen"; kind == lifecycle.Alias {
					event.Properties = []byte(`{"previousId":"visitor"}`)
				}
				if passing {
					event.Traits, event.Context = nil, fmt.Appendf(nil, `{"traits":%s}`, traits)
				}
				event.MessageID = fmt.Sprint(i, k, passing)
				h.receive(event)
				if !h.customer("ada").OptedOut() {
					t.Fatalf("a %s lifted the refusal by %s, in passing: %t", kind, traits, passing)
				}
			}
		}
	}
	visitor := says("", true, `{"unsubscribed":false}`, h.clock.Now())
	visitor.UserID, visitor.AnonymousID = "", "another"
	h.receive(visitor)
	login := says("", true, `{}`, h.clock.Now())
	login.AnonymousID, login.MessageID = "another", "login"
	h.receive(login)
	if c := h.customer("ada"); !c.OptedOut() || c.Trait("plan") != "pro" {
		t.Errorf("%s, %v", c.Traits[lifecycle.OptOutTrait], c.Traits)
	}
	h.receive(says("", false, `{"unsubscribed":false}`, h.clock.Now().Add(time.Hour)))
	h.clock.Advance(2 * time.Hour)
	h.receive(says("", false, `{"unsubscribed":false}`, h.clock.Now()))
	if h.customer("ada").OptedOut() {
		t.Error("the business itself cannot lift it")
	}
	h.clock.Advance(time.Hour)
	h.receive(says("", true, `{"unsubscribed":true}`, h.clock.Now()))
	if !h.customer("ada").OptedOut() {
		t.Error("a page cannot refuse")
	}
}

// A yes is a yes however another program writes it, by whichever way it comes in; it is kept as true.
func TestAYesInWordsOptsOut(t *testing.T) {
	for _, yes := range []string{`"yes"`, `"1"`, `1`, `"true"`, `"Y"`, `"on"`} {
		h := newHarness(t)
		h.receive(says("crm", false, `{"unsubscribed":"no"}`, start))
		if h.customer("ada").Trait("unsubscribed") != false {
			t.Errorf("a no: %s", h.customer("ada").Traits["unsubscribed"])
		}
		h.clock.Advance(time.Hour)
		said := says("crm", false, `{"unsubscribed":`+yes+`}`, h.clock.Now())
		said.Public = yes == `"on"` // a page may refuse
		h.receive(said)
		if c := h.customer("ada"); !c.OptedOut() || c.Trait("unsubscribed") != true {
			t.Errorf("%s: %s", yes, c.Traits["unsubscribed"])
		}
		h.clock.Advance(time.Hour)
		passing := lifecycle.Event{Type: lifecycle.Track, Name: "Seen", UserID: "bob", Context: []byte(`{"traits":{"unsubscribed":` + yes + `}}`), Timestamp: h.clock.Now()}
		h.receive(passing)
		if !h.customer("bob").OptedOut() {
			t.Errorf("%s in passing: %s", yes, h.customer("bob").Traits["unsubscribed"])
		}
	}
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
