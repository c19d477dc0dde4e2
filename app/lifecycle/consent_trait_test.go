package lifecycle_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stagecraft/app/lifecycle"
)

// What names say by the trait unsubscribed, and what makes one of them, may come in in any order, in one record or in several
// that become one.
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
		for i := 1; i < len(names); i++ {
			other, when := rapid.IntRange(0, i-1).Draw(t, "with"), minute()
			steps = append(steps, func(c *lifecycle.Customer) { c.Join(names[i].Hash(), names[other].Hash(), when) })
		}
		for range rapid.IntRange(1, 8).Draw(t, "words") {
			by, when, is := rapid.IntRange(0, len(names)-1).Draw(t, "who"), minute(), rapid.Bool().Draw(t, "out")
			steps = append(steps, func(c *lifecycle.Customer) { c.SayOptOut(names[by].Hash(), when, is) })
		}
		settled := func() string {
			parts := []*lifecycle.Customer{{ID: names[0].Hash(), Identities: names}, {ID: names[1].Hash(), Identities: names}}
			for _, i := range rapid.Permutation(upTo(len(steps))).Draw(t, "order") {
				steps[i](parts[rapid.IntRange(0, 1).Draw(t, "where")])
			}
			parts[0].TakeOptOuts(parts[1])
			parts[0].TakeJoins(parts[1], at)
			is, _, said := parts[0].SettleOptOut()
			return fmt.Sprint(is, said)
		}
		if first, second := settled(), settled(); first != second {
			t.Fatalf("%s in one order, %s in another", first, second)
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
		"one refuses before": {func(c *lifecycle.Customer) { c.SayOptOut(eve, at(1), true); c.SayOptOut(ada, at(2), false) }, true},
		"they take it back themselves": {func(c *lifecycle.Customer) {
			c.SayOptOut(eve, at(1), true)
			c.SayOptOut(eve, at(2), false)
			c.SayOptOut(ada, at(0), false)
		}, false},
		"the other takes it back": {func(c *lifecycle.Customer) { c.SayOptOut(eve, at(1), true); c.SayOptOut(ada, at(6), false) }, false},
		"at the same time":        {func(c *lifecycle.Customer) { c.SayOptOut(eve, at(7), false); c.SayOptOut(ada, at(7), true) }, true},
		"a record from before that was noted": {func(c *lifecycle.Customer) {
			c.SetTrait(lifecycle.OptOutTrait, json.RawMessage("true"))
			c.SetOrigin(lifecycle.Origin{Trait: lifecycle.OptOutTrait, At: at(3)})
			c.SayOptOut(eve, at(4), false)
		}, true},
	} {
		c := &lifecycle.Customer{ID: ada}
		c.Join(ada, eve, at(5))
		test.say(c)
		if is, _, said := c.SettleOptOut(); !said || is != test.want {
			t.Errorf("%s: %v, want %v", name, is, test.want)
		}
	}
	if _, _, said := (&lifecycle.Customer{ID: ada}).SettleOptOut(); said {
		t.Error("who has said nothing has said something")
	}
}
