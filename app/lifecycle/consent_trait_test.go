package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

// byRank ranks sources by their names: "1" comes before "2".
func byRank(origin lifecycle.Origin) int { return int(origin.Source[0]) }

func optOut(by lifecycle.ID, source string, at time.Time, is bool) lifecycle.OptOut {
	return lifecycle.OptOut{By: lifecycle.Voice(by), Source: source, At: at, Is: is}
}

// What sources say by the trait unsubscribed of several names, and what makes one of those, may come in in any order, in one
// record or in several that become one; and it is enough to keep the last word of each source under each name.
func TestOptingOutSettlesInAnyOrder(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		minute := func() time.Time { return at.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "minute")) * time.Minute) }
		var names []lifecycle.Identity
		for i := range rapid.IntRange(2, 4).Draw(t, "names") {
			names = append(names, lifecycle.Identity{Kind: lifecycle.UserID, Value: fmt.Sprint("p", i)})
		}
		type step func(c *lifecycle.Customer)
		var steps []step
		var all []lifecycle.OptOut
		for i := 1; i < len(names); i++ {
			other, when := rapid.IntRange(0, i-1).Draw(t, "with"), minute()
			steps = append(steps, func(c *lifecycle.Customer) { c.Join(names[i].Hash(), names[other].Hash(), when) })
		}
		for range rapid.IntRange(1, 8).Draw(t, "words") {
			word := optOut(names[rapid.IntRange(0, len(names)-1).Draw(t, "who")].Hash(), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "source"), minute(), rapid.Bool().Draw(t, "out"))
			word.Above = !word.Is && rapid.IntRange(0, 4).Draw(t, "own") == 0
			all = append(all, word)
			steps = append(steps, func(c *lifecycle.Customer) { c.SayOptOut(word) })
		}
		everything := lifecycle.Customer{ID: names[0].Hash(), Identities: names, OptOuts: all}
		for _, step := range steps[:len(names)-1] {
			step(&everything)
		}
		holds, _ := everything.SettleOptOut(byRank)
		settled := func() string {
			parts := []*lifecycle.Customer{{ID: names[0].Hash(), Identities: names}, {ID: names[1].Hash(), Identities: names}}
			for _, i := range rapid.Permutation(upTo(len(steps))).Draw(t, "order") {
				steps[i](parts[rapid.IntRange(0, 1).Draw(t, "where")])
			}
			parts[0].TakeOptOuts(parts[1])
			parts[0].TakeJoins(parts[1], at)
			holds, said := parts[0].SettleOptOut(byRank)
			return fmt.Sprint(holds.Is, said)
		}
		if first, second := settled(), settled(); first != second || first != fmt.Sprint(holds.Is, true) {
			t.Fatalf("%s in one order, %s in another, %t by all that was ever said", first, second, holds.Is)
		}
	})
}

// Before two become one each has their own say, and the refusal holds for both; a later word counts for both.
func TestALaterOptOutCountsForBoth(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	ada, eve := lifecycle.HashID("ada"), lifecycle.HashID("eve")
	for name, test := range map[string]struct {
		say  func(c *lifecycle.Customer)
		want bool
	}{
		"one refuses before": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(1), true))
			c.SayOptOut(optOut(ada, "1", at(2), false))
		}, true},
		"they take it back themselves": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(1), true))
			c.SayOptOut(optOut(eve, "1", at(2), false))
			c.SayOptOut(optOut(ada, "1", at(0), false))
		}, false},
		"the other takes it back": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(1), true))
			c.SayOptOut(optOut(ada, "1", at(6), false))
		}, false},
		"at the same time": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(7), false))
			c.SayOptOut(optOut(ada, "1", at(7), true))
		}, true},
		"the other, by a later source": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(1), true))
			c.SayOptOut(optOut(ada, "2", at(6), false))
		}, true},
		"the other, by an earlier source": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "2", at(1), true))
			c.SayOptOut(optOut(ada, "1", at(6), false))
		}, false},
		"an earlier source before": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "2", at(7), true))
			c.SayOptOut(optOut(ada, "1", at(6), false))
		}, true},
		"their own word": {func(c *lifecycle.Customer) {
			c.SayOptOut(optOut(eve, "1", at(1), true))
			c.SayOptOut(lifecycle.OptOut{By: lifecycle.Voice(ada), At: at(6), Above: true})
		}, false},
		"a record from before that was noted": {func(c *lifecycle.Customer) {
			c.SetTrait(lifecycle.OptOutTrait, json.RawMessage("true"))
			c.SetOrigin(lifecycle.Origin{Trait: lifecycle.OptOutTrait, Source: "1", At: at(3)})
			c.SayOptOut(optOut(eve, "1", at(4), false))
		}, true},
	} {
		c := &lifecycle.Customer{ID: ada}
		c.Join(ada, eve, at(5))
		test.say(c)
		if holds, said := c.SettleOptOut(byRank); !said || holds.Is != test.want {
			t.Errorf("%s: %v, want %v", name, holds.Is, test.want)
		}
	}
	if _, said := (&lifecycle.Customer{ID: ada}).SettleOptOut(byRank); said {
		t.Error("who has said nothing has said something")
	}
}
