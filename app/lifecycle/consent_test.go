package lifecycle_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

func TestTheNewestWordCounts(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	word := func(channel, topic string, granted bool, day int) lifecycle.Consent {
		return lifecycle.Consent{Channel: channel, Topic: topic, Granted: granted, At: at(day), Source: "test"}
	}
	for _, c := range []struct {
		name           string
		words          []lifecycle.Consent
		channel, topic string
		granted, said  bool
	}{
		{"nothing was said", nil, "email", "news", false, false},
		{"a word about something else", []lifecycle.Consent{word("sms", "", false, 1)}, "email", "news", false, false},
		{"no to one topic", []lifecycle.Consent{word("", "", true, 1), word("email", "news", false, 2)}, "email", "news", false, true},
		{"the other topics go on", []lifecycle.Consent{word("", "", true, 1), word("email", "news", false, 2)}, "email", "offers", true, true},
		{"no to everything after a yes", []lifecycle.Consent{word("email", "news", true, 1), word("", "", false, 2)}, "email", "news", false, true},
		{"a yes after no to everything", []lifecycle.Consent{word("", "", false, 1), word("email", "news", true, 2)}, "email", "news", true, true},
		{"and only that", []lifecycle.Consent{word("", "", false, 1), word("email", "news", true, 2)}, "email", "offers", false, true},
		{"both at once: the stricter", []lifecycle.Consent{word("email", "", true, 1), word("", "news", false, 1)}, "email", "news", false, true},
		{"an old word that comes late", []lifecycle.Consent{word("email", "", false, 2), word("email", "", true, 1)}, "email", "x", false, true},
		{"an old word about everything does not undo a newer one", []lifecycle.Consent{word("email", "news", true, 2), word("", "", false, 1)}, "email", "news", true, true},
	} {
		customer := &lifecycle.Customer{}
		for _, w := range c.words {
			customer.Say(w)
		}
		if got, said := customer.Consented(c.channel, c.topic); got.Granted != c.granted || said != c.said {
			t.Errorf("%s: granted %v, said %v", c.name, got.Granted, said)
		}
	}
}

func TestOfMergedWordsTheStricterHolds(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	keeper, merged := &lifecycle.Customer{}, &lifecycle.Customer{}
	keeper.Say(lifecycle.Consent{Channel: "email", Granted: true, At: at(9)})
	keeper.Say(lifecycle.Consent{Channel: "sms", At: at(1)})
	merged.Say(lifecycle.Consent{Channel: "email", Topic: "news", At: at(2)})
	merged.Say(lifecycle.Consent{Channel: "sms", Granted: true, At: at(5)})
	merged.Say(lifecycle.Consent{Channel: "push", Granted: true, At: at(5)})
	merged.Suppress(lifecycle.Suppression{Channel: "email", Address: "old@example.com", Reason: lifecycle.SuppressedBounce, At: at(3)})
	keeper.TakeConsents(merged)
	keeper.TakeSuppressions(merged)
	for channel, want := range map[string]bool{"email": false, "sms": false, "push": true} {
		if word, said := keeper.Consented(channel, "news"); !said || word.Granted != want {
			t.Errorf("%s: granted %v, said %v", channel, word.Granted, said)
		}
	}
	if word, _ := keeper.Consented("email", "offers"); !word.Granted {
		t.Error("the other topics are refused too")
	}
	if _, suppressed := keeper.Suppressed("email", "old@example.com"); !suppressed {
		t.Error("the suppression is lost")
	}
}

// TestMergedWordsAreNeverLaxer joins any two customers: it does not matter who becomes part of whom, and what one of them
// refuses stays refused.
func TestMergedWordsAreNeverLaxer(t *testing.T) {
	channels, topics := []string{"", "email", "sms"}, []string{"", "news", "offers"}
	rapid.Check(t, func(t *rapid.T) {
		someone := func(name string) *lifecycle.Customer {
			c := &lifecycle.Customer{}
			for range rapid.IntRange(0, 4).Draw(t, name) {
				c.Say(lifecycle.Consent{Channel: rapid.SampledFrom(channels).Draw(t, "channel"), Topic: rapid.SampledFrom(topics).Draw(t, "topic"),
					Granted: rapid.Bool().Draw(t, "granted"), At: time.Unix(int64(rapid.IntRange(1, 9).Draw(t, "at")), 0)})
			}
			return c
		}
		a, b := someone("a"), someone("b")
		one, other := a.Clone(), b.Clone()
		one.TakeConsents(b)
		other.TakeConsents(a)
		if !slices.Equal(one.Consents, other.Consents) {
			t.Fatalf("%v, the other way round %v", one.Consents, other.Consents)
		}
		for _, channel := range []string{"email", "sms", "push"} {
			for _, topic := range []string{"news", "offers", "others"} {
				saidA, isA := a.Consented(channel, topic)
				saidB, isB := b.Consented(channel, topic)
				got, is := one.Consented(channel, topic)
				if refused := isA && !saidA.Granted || isB && !saidB.Granted; refused && (!is || got.Granted) {
					t.Fatalf("%s %s was refused: of %v and %v comes %v", channel, topic, a.Consents, b.Consents, one.Consents)
				}
				if is && got.Granted && !(isA && saidA.Granted || isB && saidB.Granted) {
					t.Fatalf("%s %s was never granted: of %v and %v comes %v", channel, topic, a.Consents, b.Consents, one.Consents)
				}
			}
		}
	})
}

func TestWordsAreBounded(t *testing.T) {
	customer := &lifecycle.Customer{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	customer.Say(lifecycle.Consent{Channel: "email", Topic: "kept", At: start})
	for n := range 2 * lifecycle.MaxConsents {
		customer.Say(lifecycle.Consent{Channel: "sms", Topic: string(rune('a' + n)), Granted: true, At: start.Add(time.Duration(n) * time.Hour)})
	}
	if len(customer.Consents) != lifecycle.MaxConsents {
		t.Errorf("%d words", len(customer.Consents))
	}
	if word, said := customer.Consented("email", "kept"); word.Granted || !said {
		t.Error("the refusal was forgotten")
	}
	if !customer.Say(lifecycle.Consent{At: start.AddDate(1, 0, 0)}) || len(customer.Consents) != 1 {
		t.Errorf("a no to everything leaves %d words", len(customer.Consents))
	}
	if customer.Say(lifecycle.Consent{At: start.AddDate(1, 0, 0)}) {
		t.Error("the same word again changed something")
	}
}

func TestSuppressionsAreOfAnAddress(t *testing.T) {
	customer := &lifecycle.Customer{}
	bounce := lifecycle.Suppression{Channel: "email", Address: "ada@example.com", Reason: lifecycle.SuppressedBounce}
	if !customer.Suppress(bounce) || customer.Suppress(bounce) {
		t.Error("it is new once")
	}
	if s, ok := customer.Suppressed("email", "ada@example.com"); !ok || s.Reason != lifecycle.SuppressedBounce {
		t.Errorf("suppressed %v, %v", s, ok)
	}
	if _, ok := customer.Suppressed("email", "ada@example.org"); ok {
		t.Error("another address is suppressed too")
	}
	customer.Suppress(lifecycle.Suppression{Channel: "sms", Reason: lifecycle.SuppressedErased})
	if _, ok := customer.Suppressed("sms", "+4470"); !ok {
		t.Error("no address of the channel is free")
	}
	if !customer.Unsuppress("email", "") || customer.Unsuppress("email", "") {
		t.Error("it is let go once")
	}
	if _, ok := customer.Suppressed("email", "ada@example.com"); ok {
		t.Error("it is suppressed still")
	}
}

// However much a customer refuses, nothing of it is forgotten, the no to everything least of all.
func TestNoRefusalIsForgotten(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	topics := func(customer *lifecycle.Customer, channels ...string) {
		for n := range 2 * lifecycle.MaxConsents {
			customer.Say(lifecycle.Consent{Channel: channels[n%len(channels)], Topic: fmt.Sprintf("topic-%d", n), At: start.Add(time.Duration(n+1) * time.Hour)})
			if len(customer.Consents) > lifecycle.MaxConsents {
				t.Fatalf("%d words", len(customer.Consents))
			}
		}
		for n := range 2 * lifecycle.MaxConsents {
			channel, topic := channels[n%len(channels)], fmt.Sprintf("topic-%d", n)
			if word, said := customer.Consented(channel, topic); !said || word.Granted {
				t.Fatalf("the refusal of %s on %s was forgotten", topic, channel)
			}
		}
	}
	everything := &lifecycle.Customer{}
	everything.Say(lifecycle.Consent{At: start})
	topics(everything, "email")
	if word, said := everything.Consented("sms", ""); !said || word.Granted {
		t.Error("the no to everything was forgotten")
	}
	one := &lifecycle.Customer{}
	topics(one, "email")
	if _, said := one.Consented("sms", ""); said {
		t.Error("a channel was refused about which nothing was said")
	}
	topics(&lifecycle.Customer{}, "email", "sms", "push")
}

// Tokens of devices go by dozens. They do not push out that somebody complained.
func TestNoComplaintIsForgotten(t *testing.T) {
	customer := &lifecycle.Customer{}
	customer.Suppress(lifecycle.Suppression{Channel: "email", Address: "ada@example.com", Reason: lifecycle.SuppressedComplaint})
	customer.Suppress(lifecycle.Suppression{Channel: "sms", Address: "+4470", Reason: lifecycle.SuppressedBounce})
	for n := range 3 * lifecycle.MaxSuppressions {
		customer.Suppress(lifecycle.Suppression{Channel: "push", Address: fmt.Sprint("token ", n), Reason: lifecycle.SuppressedBounce})
	}
	for channel, address := range map[string]string{"email": "ada@example.com", "sms": "+4470", "push": fmt.Sprint("token ", 3*lifecycle.MaxSuppressions-1)} {
		if _, suppressed := customer.Suppressed(channel, address); !suppressed {
			t.Errorf("%s on %s was forgotten", address, channel)
		}
	}
	for n := range 2 * lifecycle.MaxSuppressions {
		customer.Suppress(lifecycle.Suppression{Channel: "email", Address: fmt.Sprintf("%d@example.com", n), Reason: lifecycle.SuppressedComplaint})
	}
	if _, suppressed := customer.Suppressed("email", "0@example.com"); !suppressed || len(customer.Suppressions) > lifecycle.MaxSuppressions {
		t.Errorf("a complaint was forgotten; there are %d suppressions", len(customer.Suppressions))
	}
}

// A mailbox that bounced or complained stays suppressed however its address is written.
func TestASuppressedMailboxInCapitals(t *testing.T) {
	customer := &lifecycle.Customer{}
	customer.Suppress(lifecycle.Suppression{Channel: "email", Address: "Ada@example.com", Reason: lifecycle.SuppressedComplaint})
	customer.Suppress(lifecycle.Suppression{Channel: "push", Address: "Token", Reason: lifecycle.SuppressedBounce})
	if _, suppressed := customer.Suppressed("email", "ada@EXAMPLE.com"); !suppressed {
		t.Error("capitals make the address free")
	}
	if _, suppressed := customer.Suppressed("push", "token"); suppressed {
		t.Error("another token is suppressed")
	}
}

// Addresses that cannot be read are not all the same one, and IDs of others' channels may differ by case alone.
func TestOnePlaceIsNotAnother(t *testing.T) {
	for _, c := range []struct{ channel, suppressed, other, same string }{
		{"letter", `{"name`, `{"street`, `{"name`},
		{"letter", `{}`, ` `, `{}`},
		{"fax", "tokenA", "tokena", " token A"},
	} {
		ada := lifecycle.Customer{}
		ada.Suppress(lifecycle.Suppression{Channel: c.channel, Address: c.suppressed, Reason: lifecycle.SuppressedBounce})
		if ada.SuppressedAt(c.channel, c.other) || !ada.SuppressedAt(c.channel, c.same) {
			t.Errorf("%s: %q and %q are one, or %q and %q are not", c.channel, c.suppressed, c.other, c.suppressed, c.same)
		}
	}
}
