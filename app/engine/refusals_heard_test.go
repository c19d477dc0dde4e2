package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// A refusal is heard from everybody, also where an earlier source has said that there is none; whoever is not earlier lifts none.
func TestARefusalIsHeardFromAnybody(t *testing.T) {
	for name, refusing := range map[string]lifecycle.Event{
		"a key that is not named": {Source: "shopA", Keyed: true},
		"the write key":           {},
		"the browser key":         {Public: true},
		"another source":          {Source: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.order = []string{"crm", "api"}
			h.restart()
			n := 0
			say := func(by lifecycle.Event, traits string) *lifecycle.Customer {
				n++
				h.clock.Advance(time.Hour)
				event := says(by.Source, by.Public, traits, h.clock.Now())
				event.Keyed, event.MessageID = by.Keyed, fmt.Sprint("said", n)
				h.receive(event)
				return h.customer("ada")
			}
			crm := lifecycle.Event{Source: "crm"}
			say(crm, `{"unsubscribed":false,"plan":"pro"}`)
			c := say(refusing, `{"unsubscribed":true,"plan":"free"}`)
			if origin, _ := c.Origin(lifecycle.OptOutTrait); !c.OptedOut() || origin.Source != refusing.Teller() || origin.Keyed != refusing.Keyed {
				t.Errorf("%s by %+v", c.Traits[lifecycle.OptOutTrait], origin)
			}
			if c.Trait("plan") != "pro" {
				t.Error("it is believed about other things too")
			}
			if say(crm, `{"unsubscribed":false}`).OptedOut() {
				t.Error("an earlier source does not lift it")
			}
			say(crm, `{"unsubscribed":true}`)
			if !say(refusing, `{"unsubscribed":false}`).OptedOut() {
				t.Error("a later source lifts what an earlier one refuses")
			}
		})
	}
}

// A key of its own that the order does not name counts as the write key does, for what was said before keys had names too.
func TestAKeyCountsAsTheWriteKey(t *testing.T) {
	h := newHarness(t)
	h.order = []string{"crm", "api", "shop"}
	h.restart()
	for i, step := range []struct {
		source string
		keyed  bool
		plan   string
		want   string
	}{
		{"", false, "a", "a"},
		{"shopA", true, "b", "b"},
		{"shop", false, "c", "b"},
		{"shopA", false, "d", "b"}, // an import of the same name comes last
		{"", false, "e", "e"},
		{"crm", false, "f", "f"},
		{"shopA", true, "g", "f"},
	} {
		h.clock.Advance(time.Minute)
		event := says(step.source, false, fmt.Sprintf(`{"plan":%q}`, step.plan), h.clock.Now())
		event.Keyed = step.keyed
		h.receive(event)
		if got := h.customer("ada").Trait("plan"); got != step.want {
			t.Errorf("step %d: %v, not %s", i+1, got, step.want)
		}
	}
}

// Whoever knows a user ID cannot have somebody's messages sent to themselves, by whichever channel they go.
func TestPagesReplaceNoAddress(t *testing.T) {
	h := newHarness(t)
	h.engine.SetChannels(func(name string) bool { return name == "pigeon" })
	for _, trait := range []string{"email", "phone", "push", "push-app2", "address", "telegram", "zalo", "whatsapp", "messenger", "slack", "social-shop", "pigeon", "plan"} {
		value := map[string]string{
			"email": `"%d@example.com"`, "phone": `"+8490123456%d"`, "address": `{"street":"%d Rue"}`, "social-shop": `"telegram:%d"`,
		}[trait]
		if value == "" {
			value = `"%d"`
		}
		say := func(n int, public bool) {
			h.clock.Advance(time.Minute)
			h.receive(says("", public, fmt.Sprintf(`{%q:`+value+`}`, trait, n), h.clock.Now()))
		}
		say(1, false)
		say(2, true)
		h.clock.Advance(time.Minute)
		h.receive(says("", true, fmt.Sprintf(`{%q:null}`, trait), h.clock.Now()))
		want := json.RawMessage(fmt.Sprintf(value, 1))
		if got := h.customer("ada").Traits[trait]; string(got) != string(want) && trait != "plan" {
			t.Errorf("a page made %s %s", trait, got)
		} else if trait == "plan" && got != nil {
			t.Errorf("what is no address stayed %s", got)
		}
	}
}

// Whose number of WhatsApp is written as Meta does is found by the STOP that comes from there.
func TestAStopFromWhatsApp(t *testing.T) {
	h := newHarness(t)
	h.identify("ada", "", `{"whatsapp":"84950000007"}`)
	h.engine.Keep(t.Context(), []engine.Report{{Channel: "social", From: "whatsapp:+84950000007", Event: "unsubscribed"}})
	h.eventually(func() bool {
		word, said := h.customer("ada").Consented("social", "")
		return said && !word.Granted
	})
}

// Who began a chat on a further channel is found by it when they say STOP there, though nothing was ever sent.
func TestAStopWhereNothingWasSent(t *testing.T) {
	h := newHarness(t)
	h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: "ada", MessageID: "begun", Traits: json.RawMessage(`{"social-shop":"telegram:41"}`), Source: "channel social-shop"})
	h.engine.Keep(t.Context(), []engine.Report{{Channel: "social-shop", From: "telegram:41", Event: "unsubscribed"}})
	h.eventually(func() bool {
		word, said := h.customer("ada").Consented("social-shop", "")
		return said && !word.Granted
	})
}

// A yes that a network delivers late counts from when it was said: it lifts nothing that was refused since, neither of the
// customer nor of whoever gets the address later. One that is newer lifts the refusal, though it too was said before it came.
func TestAYesThatComesLate(t *testing.T) {
	h := newHarness(t)
	const chat = "telegram:41"
	owns := func(user string) {
		h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: user, MessageID: "owns " + user, Traits: json.RawMessage(`{"telegram":"41"}`)})
	}
	report := func(event string, ago time.Duration) {
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "social", From: chat, Event: event, At: h.clock.Now().Add(-ago)}})
	}
	want := func(user string, granted bool) {
		t.Helper()
		h.eventually(func() bool {
			c := h.customer(user)
			if c == nil {
				return false
			}
			word, said := c.Consented("social", "")
			return said && word.Granted == granted
		})
	}
	words := func(n int) func() bool {
		return func() bool {
			said, err := h.engine.ConsentHistory(t.Context(), h.customer("ada").ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(said) >= n
		}
	}
	lifted := func() bool { return !h.customer("ada").OptedOut() }
	owns("ada")
	h.clock.Advance(2 * time.Hour)
	report("unsubscribed", 0)
	want("ada", false)
	h.clock.Advance(time.Minute)
	report("subscribed", time.Hour)
	h.eventually(words(2))
	want("ada", false)
	owns("eve")
	want("eve", false)

	h.clock.Advance(time.Minute)
	report("subscribed", time.Second)
	want("ada", true)
	want("eve", true)

	// The no to everything that another program said by a trait is lifted by a yes that is newer, and by no older one.
	h.clock.Advance(time.Hour)
	h.receive(says("", false, `{"unsubscribed":true}`, h.clock.Now()))
	h.clock.Advance(time.Minute)
	report("subscribed", 30*time.Minute)
	h.eventually(words(4))
	if lifted() {
		t.Error("an older yes lifted the trait")
	}
	report("subscribed", time.Second)
	h.eventually(lifted)
}

// Words that come in late, all at once, count in the order in which they were said; a refusal holds against whatever was allowed
// before it came.
func TestWordsThatComeLateTogether(t *testing.T) {
	h := newHarness(t)
	for user, chat := range map[string]string{"ada": "41", "bea": "42"} {
		h.receive(lifecycle.Event{Type: lifecycle.Identify, UserID: user, MessageID: user, Traits: json.RawMessage(`{"telegram":"` + chat + `"}`)})
	}
	h.clock.Advance(2 * time.Hour)
	report := func(chat, event string, ago time.Duration) {
		h.engine.Keep(t.Context(), []engine.Report{{Channel: "social", From: "telegram:" + chat, Event: event, At: h.clock.Now().Add(-ago)}})
	}
	want := func(user string, granted bool, n int) {
		t.Helper()
		h.eventually(func() bool {
			said, err := h.engine.ConsentHistory(t.Context(), h.customer(user).ID)
			return err == nil && len(said) == n
		})
		if word, said := h.customer(user).Consented("social", ""); !said || word.Granted != granted {
			t.Errorf("%s: %+v", user, word)
		}
	}
	report("41", "unsubscribed", 29*time.Minute)
	want("ada", false, 1)
	report("41", "subscribed", 25*time.Minute)
	want("ada", true, 2)

	if err := h.engine.SayOf(t.Context(), lifecycle.Event{UserID: "bea", Timestamp: h.clock.Now().Add(-time.Minute)}, lifecycle.Consent{Channel: "social", Granted: true}); err != nil {
		t.Fatal(err)
	}
	report("42", "unsubscribed", time.Hour)
	want("bea", false, 2)
}
