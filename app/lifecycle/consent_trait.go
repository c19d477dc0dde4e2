package lifecycle

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// OptOutTrait is the trait by which other programs say that a customer wants no marketing at all. Its value true refuses all of
// it; any other value, and none, refuses nothing, and allows nothing either.
const OptOutTrait = "unsubscribed"

// OptOut is what one of a customer's names said last by that trait. Like words of consent, what each name said counts for that
// name until it became one with others; then what any of them refuses is refused until one of them says otherwise. So the trait
// does not depend on the order in which events and merges come in. It is enough to keep the last one of each name: what a name
// said before counts for nobody any more once it has said another thing.
type OptOut struct {
	By uint64    `msgpack:"b"` // the voice of the name
	At time.Time `msgpack:"t"`
	Is bool      `msgpack:"o"` // it refuses
}

// OptedOut reports whether the customer has opted out by the trait.
func (c *Customer) OptedOut() bool { return c.Trait(OptOutTrait) == true }

// SayOptOut notes what a name says of the trait. Of two words of a name the later one holds, of the same time the refusal. It
// does not change the trait.
func (c *Customer) SayOptOut(by ID, at time.Time, is bool) {
	c.keepOptOuts(append(slices.Clone(c.optOuts()), OptOut{Voice(by), at, is}))
}

// TakeOptOuts takes over what the names of a merged customer said. It is called before their traits are.
func (c *Customer) TakeOptOuts(merged *Customer) {
	if all := slices.Concat(c.optOuts(), merged.optOuts()); len(all) > 0 {
		c.keepOptOuts(all)
	}
}

// SettleOptOut works out from what all names said, and from when they became one, whether the customer has opted out, and by a
// word of when. said is false if none has said anything.
func (c *Customer) SettleOptOut() (is bool, at time.Time, said bool) {
	if !slices.ContainsFunc(c.OptOuts, func(one OptOut) bool { return one.Is }) { // as with nearly everybody
		for _, one := range c.OptOuts {
			if one.At.After(at) {
				at = one.At
			}
		}
		return false, at, len(c.OptOuts) > 0
	}
	words := make([]Word, len(c.OptOuts))
	for i, one := range c.OptOuts {
		words[i] = Word{Consent: Consent{Granted: !one.Is, At: one.At}}
		binary.BigEndian.PutUint64(words[i].By[:], one.By)
	}
	settled := Customer{ID: c.ID, Identities: c.Identities, Joins: c.Joins}
	settled.Settle(words)
	word, said := settled.Consented("", "")
	return said && !word.Granted, word.At, said
}

// optOuts returns what is noted. Where the trait is older than that, it was said by the customer's first name.
func (c *Customer) optOuts() []OptOut {
	if _, has := c.Traits[OptOutTrait]; !has || len(c.OptOuts) > 0 {
		return c.OptOuts
	}
	origin, _ := c.Origin(OptOutTrait)
	return []OptOut{{Voice(c.ID), origin.At, c.OptedOut()}}
}

// keepOptOuts keeps of all words the last one of each name.
func (c *Customer) keepOptOuts(all []OptOut) {
	slices.SortFunc(all, OptOut.compare)
	c.OptOuts = all[:0]
	for i, one := range all {
		if i+1 == len(all) || all[i+1].By != one.By {
			c.OptOuts = append(c.OptOuts, one)
		}
	}
	for len(c.OptOuts) > MaxConsents { // more than a customer has names
		oldest := 0
		for i, one := range c.OptOuts {
			if was := c.OptOuts[oldest]; one.Is == was.Is && one.At.Before(was.At) || was.Is && !one.Is {
				oldest = i // a refusal goes last
			}
		}
		c.OptOuts = slices.Delete(c.OptOuts, oldest, oldest+1)
	}
}

// compare puts words in the order of their names, and those of one in the order in which they count.
func (o OptOut) compare(other OptOut) int {
	return cmp.Or(cmp.Compare(o.By, other.By), o.At.Compare(other.At), cmp.Compare(o.rank(), other.rank()))
}

func (o OptOut) rank() int {
	if o.Is {
		return 1
	}
	return 0
}
