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
