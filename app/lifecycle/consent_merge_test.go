package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

// standing tells what holds for every kind of message.
func standing(c *lifecycle.Customer) map[string]string {
	all := map[string]string{}
	for _, channel := range []string{"email", "sms"} {
		for _, topic := range []string{"", "news", "offers"} {
			word, said := c.Consented(channel, topic)
			all[channel+" "+topic] = map[bool]string{true: fmt.Sprint(word.Granted), false: "nothing"}[said]
		}
	}
	return all
}

// TestTheStricterHoldsInAnyOrderOfMerges lets three and more people say words, each of them alone, and become one in chains and
// stars, in any order and direction: what any of them refuses is refused, only what one allows and none refuses is
// allowed, and the order makes no difference.
func TestTheStricterHoldsInAnyOrderOfMerges(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 5).Draw(t, "people")
		people := make([]*lifecycle.Customer, n)
		want := map[string]string{}
		for i := range people {
			people[i] = &lifecycle.Customer{}
			for range rapid.IntRange(0, 4).Draw(t, "words") {
				people[i].Say(lifecycle.Consent{
					Channel: rapid.SampledFrom([]string{"", "email", "sms"}).Draw(t, "channel"), Topic: rapid.SampledFrom([]string{"", "news", "offers"}).Draw(t, "topic"),
					Granted: rapid.Bool().Draw(t, "granted"), At: at.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "minute")) * time.Minute), Source: "api"})
			}
			for about, word := range standing(people[i]) {
				if word == "false" || want[about] == "" || want[about] == "nothing" {
					want[about] = word
				}
			}
		}
		first, second := joinedBy(t, people), joinedBy(t, people)
		for about, got := range standing(first) {
			if word := want[about]; got != word {
				t.Fatalf("%s: %s, but one by one they said %s: %+v", about, got, word, first.Consents)
			}
			if other := standing(second)[about]; got != other {
				t.Fatalf("%s: %s in one order, %s in another\n%+v\n%+v", about, got, other, first.Consents, second.Consents)
			}
		}
	})
}

// joinedBy lets copies of people become one, in an order that is drawn.
func joinedBy(t *rapid.T, people []*lifecycle.Customer) *lifecycle.Customer {
	var left []*lifecycle.Customer
	for _, c := range people {
		left = append(left, c.Clone())
	}
	for len(left) > 1 {
		into, from := rapid.IntRange(0, len(left)-1).Draw(t, "into"), rapid.IntRange(0, len(left)-2).Draw(t, "from")
		if from >= into {
			from++
		}
		left[into].TakeConsents(left[from])
		left = append(left[:from:from], left[from+1:]...)
	}
	return left[0]
}
