package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

// TestWordsSettleInAnyOrder lets several users who are one person in the end say words before, between and after what made one
// of them: words and joins may be met in any order.
func TestWordsSettleInAnyOrder(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		minute := func() time.Time { return at.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "minute")) * time.Minute) }
		var names []lifecycle.Identity
		for i := range rapid.IntRange(2, 5).Draw(t, "names") {
			names = append(names, lifecycle.Identity{Kind: lifecycle.UserID, Value: fmt.Sprint("p", i)})
		}
		var joins []lifecycle.Join
		var pairs [][2]lifecycle.ID
		for i := 1; i < len(names); i++ {
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				other := rapid.IntRange(0, i-1).Draw(t, "with")
				pairs, joins = append(pairs, [2]lifecycle.ID{names[i].Hash(), names[other].Hash()}), append(joins, lifecycle.Join{At: minute()})
			}
		}
		var words []lifecycle.Word
		for range rapid.IntRange(0, 8).Draw(t, "words") {
			words = append(words, lifecycle.Word{By: rapid.SampledFrom(names).Draw(t, "who").Hash(), Consent: lifecycle.Consent{At: minute(), Source: "api",
				Channel: rapid.SampledFrom([]string{"", "email", "sms"}).Draw(t, "channel"), Topic: rapid.SampledFrom([]string{"", "news"}).Draw(t, "topic"),
				Granted: rapid.Bool().Draw(t, "granted")}})
		}
		settled := func() *lifecycle.Customer {
			c := &lifecycle.Customer{ID: names[0].Hash(), Identities: rapid.Permutation(names).Draw(t, "identities")}
			for _, i := range rapid.Permutation(upTo(len(pairs))).Draw(t, "joins") {
				c.Join(pairs[i][0], pairs[i][1], joins[i].At)
			}
			var met []lifecycle.Word
			for _, i := range rapid.Permutation(upTo(len(words))).Draw(t, "words") {
				met = append(met, words[i])
			}
			c.Settle(met)
			return c
		}
		first, second := settled(), settled()
		if len(first.Joins) != len(names)-1 {
			t.Fatalf("%d joins make one of %d names", len(first.Joins), len(names))
		}
		if d := diff(first.Consents, second.Consents); d != "" {
			t.Fatalf("another order ends in other words: %s\n%+v", d, words)
		}
	})
}

// TestOneWhoSaysAllThemselves says words to a customer of one name in any order: that is what Settle makes of them.
func TestOneWhoSaysAllThemselves(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		c, settled := &lifecycle.Customer{ID: lifecycle.HashID("c")}, &lifecycle.Customer{ID: lifecycle.HashID("c")}
		var words []lifecycle.Word
		for range rapid.IntRange(0, 8).Draw(t, "words") {
			word := lifecycle.Consent{At: at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minute")) * time.Minute), Source: "api",
				Channel: rapid.SampledFrom([]string{"", "email", "sms"}).Draw(t, "channel"), Topic: rapid.SampledFrom([]string{"", "news"}).Draw(t, "topic"),
				Granted: rapid.Bool().Draw(t, "granted")}
			c.Say(word)
			words = append(words, lifecycle.Word{Consent: word, By: c.ID})
		}
		settled.Settle(words)
		if d := diff(settled.Consents, c.Consents); d != "" {
			t.Fatal(d)
		}
	})
}

// Words before the two became one count for whoever said them, and the stricter for both; a later word counts for both.
func TestALaterWordCountsForBoth(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	ada, eve := lifecycle.HashID("ada"), lifecycle.HashID("eve")
	c := &lifecycle.Customer{ID: ada}
	c.Join(ada, eve, at(5))
	word := func(by lifecycle.ID, minute int, granted bool) lifecycle.Word {
		return lifecycle.Word{By: by, Consent: lifecycle.Consent{Channel: "sms", Granted: granted, At: at(minute), Source: "api"}}
	}
	for _, test := range []struct {
		words []lifecycle.Word
		want  bool
	}{
		{[]lifecycle.Word{word(ada, 1, false), word(eve, 2, true)}, false},
		{[]lifecycle.Word{word(ada, 1, false), word(ada, 2, true), word(eve, 3, true)}, true},
		{[]lifecycle.Word{word(ada, 1, false), word(eve, 5, true)}, false},
		{[]lifecycle.Word{word(ada, 1, false), word(eve, 6, true)}, true},
		{[]lifecycle.Word{word(eve, 7, false), word(ada, 6, true)}, false},
		{[]lifecycle.Word{word(lifecycle.HashID("before names were kept"), 7, false), word(ada, 6, true)}, false},
	} {
		c.Settle(test.words)
		if got, _ := c.Consented("sms", ""); got.Granted != test.want {
			t.Errorf("%+v: %v", test.words, got.Granted)
		}
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}
