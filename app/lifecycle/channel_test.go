package lifecycle_test

import (
	"encoding/json"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

func TestKinds(t *testing.T) {
	for channel, want := range map[string]string{
		"email": "email", "email-news": "email", "email-": "email-", "emails": "emails", "sms-vn-2": "sms", "push-app2": "push", "letter-a": "letter",
		"call-robot": "call", "social-telegram": "social", "inapp-vn": "inapp-vn", "webhook-x": "webhook-x", "fax": "fax", "fax-email": "fax-email", "": "", "-": "-", "-email": "-email",
	} {
		if got := lifecycle.KindOf(channel); got != want || lifecycle.IsFurther(channel) != (want != channel) {
			t.Errorf("%q is of the kind %q, not %q", channel, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = lifecycle.KindOf("email-news") }); n > 0 {
		t.Errorf("it allocates %g times", n)
	}
	if lifecycle.ChannelInEvents("email-news") != "Email" || lifecycle.ChannelInEvents("fax-x") != "Fax-x" {
		t.Error("events are not named by kind")
	}
}

func FuzzKindOf(f *testing.F) {
	for _, seed := range []string{"email", "email-news", "sms-", "fax"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, channel string) {
		kind := lifecycle.KindOf(channel)
		if lifecycle.KindOf(kind) != kind || kind != channel && !lifecycle.IsOwnChannel(kind) {
			t.Errorf("%q is of the kind %q", channel, kind)
		}
	})
}

// kinded is a customer with traits.
func kinded(t *testing.T, traits string) *lifecycle.Customer {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(traits), &all); err != nil {
		t.Fatal(err)
	}
	c := &lifecycle.Customer{}
	for name, value := range all {
		c.SetTrait(name, value)
	}
	return c
}

func TestAddressesByKind(t *testing.T) {
	c := kinded(t, `{"email": "ada@example.com", "email-news": "eve@example.com", "phone": "+84 90 123 45 67", "push": "token", "push-app2": {"endpoint": "https://push.example/2"},
		"zalo": "1", "telegram": "2", "social-viber": "3", "fax-two": "4"}`)
	for channel, want := range map[string]string{
		"email-news": "ada@example.com", "sms-vn": "+84901234567", "call-robot": "+84901234567", "push": "token", "push-other": "token", "push-app2": `{"endpoint": "https://push.example/2"}`,
		"social": "zalo:1", "social-two": "zalo:1", "social-telegram": "telegram:2", "social-viber": "3", "social-slack": "", "fax-two": "4", "inapp-two": "",
	} {
		if got, _ := c.Address(channel); got != want {
			t.Errorf("%s: %q, not %q", channel, got, want)
		}
	}
}

// A refusal of one channel is one of its kind, and what is allowed is allowed no further than it was said.
func TestConsentByKind(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	allows := func(c *lifecycle.Customer, channel, topic string) string {
		switch word, said := c.Consented(channel, topic); {
		case !said:
			return "?"
		case word.Granted:
			return "+"
		}
		return "-"
	}
	type word struct {
		channel, topic string
		granted        bool
	}
	for _, c := range []struct {
		name  string
		words []word
		want  string // of email, email-news, email-two, sms
	}{
		{"a grant of the kind", []word{{"email", "", true}}, "+++?"},
		{"a grant of one", []word{{"email-news", "", true}}, "?+??"},
		{"a refusal of the kind", []word{{"email-news", "", true}, {"email", "", false}}, "---?"},
		{"a refusal of one", []word{{"email", "", true}, {"email-news", "", false}}, "---?"},
		{"back by one", []word{{"email", "", true}, {"email-news", "", false}, {"email-news", "", true}}, "-+-?"},
		{"back by the kind", []word{{"email-news", "", false}, {"email", "", true}}, "+++?"},
		{"everything", []word{{"email-news", "", true}, {"", "", false}}, "----"},
		{"of another topic", []word{{"email", "", true}, {"email-news", "deals", false}}, "+++?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var ada lifecycle.Customer
			for i, said := range c.words {
				ada.Say(lifecycle.Consent{Channel: said.channel, Topic: said.topic, Granted: said.granted, At: at.Add(time.Duration(i) * time.Second)})
			}
			got := ""
			for _, channel := range []string{"email", "email-news", "email-two", "sms"} {
				got += allows(&ada, channel, "")
			}
			if got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
	var stored lifecycle.Customer // as an earlier version kept it, when such a name was a channel of others
	stored.Consents = []lifecycle.Consent{{Channel: "email-news", At: at}}
	stored.Suppressions = []lifecycle.Suppression{{Channel: "email-news", Address: "ada@example.com", Reason: lifecycle.SuppressedBounce}}
	if _, is := stored.Suppressed("email", "ADA@example.com"); allows(&stored, "email", "") != "-" || !is {
		t.Error("what was stored before does not hold for the kind")
	}

	// Merged, what either refuses of the kind is refused.
	one, other := &lifecycle.Customer{}, &lifecycle.Customer{}
	one.Say(lifecycle.Consent{Channel: "email-news", Granted: true, At: at.Add(time.Hour)})
	other.Say(lifecycle.Consent{Channel: "email-two", At: at})
	for _, pair := range [][2]*lifecycle.Customer{{one.Clone(), other}, {other.Clone(), one}} {
		pair[0].TakeConsents(pair[1])
		if got := allows(pair[0], "email", "") + allows(pair[0], "email-news", ""); got != "--" {
			t.Errorf("merged: %s", got)
		}
	}
}

func TestSuppressionsByKind(t *testing.T) {
	var c lifecycle.Customer
	if !c.Suppress(lifecycle.Suppression{Channel: "email-news", Address: "ada@example.com", Reason: lifecycle.SuppressedBounce}) {
		t.Fatal("it is not new")
	}
	if c.Suppress(lifecycle.Suppression{Channel: "email", Address: "Ada@example.com", Reason: lifecycle.SuppressedComplaint}) {
		t.Error("the same address twice")
	}
	if _, is := c.Suppressed("email-two", "ada@example.com"); !is || !c.SuppressedAt("email", "ada@example.com") || c.Suppressions[0].Channel != "email" {
		t.Errorf("it is not suppressed for the kind: %+v", c.Suppressions)
	}
	if _, is := c.Suppressed("sms-vn", "ada@example.com"); is {
		t.Error("it is for another kind")
	}
	if !c.Unsuppress("email-two", "ada@example.com") || len(c.Suppressions) > 0 {
		t.Error("it cannot be lifted by another channel of the kind")
	}
}

func TestPreferredByKind(t *testing.T) {
	c := kinded(t, `{"channels": ["sms", "email-news"]}`)
	got, _ := json.Marshal(c.Preferred([]string{"email", "email-news", "email-two", "fax", "push", "sms-vn"}))
	if string(got) != `["sms-vn","email-news","email","email-two","push","fax"]` {
		t.Errorf("%s", got)
	}
}
