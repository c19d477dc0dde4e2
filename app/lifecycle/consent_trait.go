package lifecycle

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// OptOutTrait is the trait by which other programs say that a customer wants no marketing at all. Its value true refuses all of
// it, and so does each yes, which OptOutValue makes true; any other value, and none, refuses nothing, and allows nothing either.
const OptOutTrait = "unsubscribed"

// OptOut is what a source said last by that trait under one of a customer's names. Like words of consent, what was said under a
// name counts for that name until it became one with others; then what any of them refuses is refused until a later word lifts
// it, which only a source that does not come behind the refusal's own can do. So the trait does not depend on the order in which
// events and merges come in. It is enough to keep the last word of each source under each name: what the source said there
// before counts for nobody any more.
type OptOut struct {
	By     uint64    `msgpack:"b"` // the voice of the name
	At     time.Time `msgpack:"t"`
	Is     bool      `msgpack:"o"` // it refuses
	Source string    `msgpack:"s,omitempty"`
	Keyed  bool      `msgpack:"k,omitempty"` // as in an Origin
	Above  bool      `msgpack:"a,omitempty"` // the customer's own word, or the business's own rule: it lifts whatever any source said
}

// Origin returns where the word came from.
func (o OptOut) Origin() Origin {
	return Origin{Trait: OptOutTrait, Source: o.Source, Keyed: o.Keyed, At: o.At}
}

// OptedOut reports whether the customer has opted out by the trait.
func (c *Customer) OptedOut() bool { return c.Trait(OptOutTrait) == true }

// OptedOutAt returns when the newest refusal was said by the trait, by whichever source; zero if none was.
func (c *Customer) OptedOutAt() (at time.Time) {
	for _, word := range c.optOuts() {
		if word.Is && word.At.After(at) {
			at = word.At
		}
	}
	return at
}

// SayOptOut notes what is said by the trait. Of two words of a source under a name the later one holds, of the same time the
// refusal. It does not change the trait.
func (c *Customer) SayOptOut(word OptOut) {
	c.keepOptOuts(append(slices.Clone(c.optOuts()), word))
}

// TakeOptOuts takes over what was said of a merged customer. It is called before their traits are.
func (c *Customer) TakeOptOuts(merged *Customer) {
	if all := slices.Concat(c.optOuts(), merged.optOuts()); len(all) > 0 {
		c.keepOptOuts(all)
	}
}

// SettleOptOut works out from all that was said, and from when the names became one, what holds: it returns the refusal that
// stands, of several that of the first source in order, or else the last word of all. rank tells the sources' order, the first
// one by the smallest number. said is false if nobody has said anything.
func (c *Customer) SettleOptOut(rank func(Origin) int) (holds OptOut, said bool) {
	if len(c.OptOuts) == 0 {
		return OptOut{}, false
	}
	words := slices.SortedFunc(slices.Values(c.OptOuts), func(a, b OptOut) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(truth(a.Is), truth(b.Is)), a.compare(b))
	})
	last := words[len(words)-1]
	if !slices.ContainsFunc(words, func(word OptOut) bool { return word.Is }) { // as with nearly everybody
		return last, true
	}
	voices, refused := c.voices(), map[uint64]OptOut{} // by the voice of a group
	for _, join := range c.Joins {
		voices.of(join.A)
		voices.of(join.B)
	}
	refuse := func(group uint64, word OptOut) {
		if was, is := refused[group]; !is || rank(word.Origin()) < rank(was.Origin()) {
			refused[group] = word
		}
	}
	say := func(until *time.Time) {
		for len(words) > 0 && (until == nil || !words[0].At.After(*until)) {
			word := words[0]
			words = words[1:]
			group := voices.of(voices.speaker(word.By))
			if word.Is {
				refuse(group, word)
			} else if was, is := refused[group]; is && (word.Above || rank(word.Origin()) <= rank(was.Origin())) {
				delete(refused, group)
			}
		}
	}
	for _, join := range c.Joins {
		say(&join.At)
		a, b := voices.of(join.A), voices.of(join.B)
		if !voices.unite(join) {
			continue
		}
		if word, is := refused[b]; is {
			refuse(a, word)
		}
	}
	say(nil)
	for _, voice := range voices.order { // those whom nothing made one in time are the customer's own, too
		word, is := refused[voices.of(voice)]
		if is && (!holds.Is || cmp.Or(cmp.Compare(rank(word.Origin()), rank(holds.Origin())), word.At.Compare(holds.At), word.compare(holds)) < 0) {
			holds = word
		}
	}
	if !holds.Is {
		return last, true
	}
	return holds, true
}

// optOuts returns what is noted. Where the trait is older than that, it was said by the customer's first name.
func (c *Customer) optOuts() []OptOut {
	if _, has := c.Traits[OptOutTrait]; !has || len(c.OptOuts) > 0 {
		return c.OptOuts
	}
	origin, _ := c.Origin(OptOutTrait)
	return []OptOut{{By: Voice(c.ID), At: origin.At, Is: c.OptedOut(), Source: origin.Source, Keyed: origin.Keyed}}
}

// readOptOut takes the trait of a record in which it stands as it was written: a yes refuses, though it was not known as one.
func (c *Customer) readOptOut() {
	was, has := c.Traits[OptOutTrait]
	if !has {
		return
	}
	if is := OptOutValue(was); !bytes.Equal(is, was) {
		c.SetTrait(OptOutTrait, is)
		if origin, _ := c.Origin(OptOutTrait); c.OptedOut() && len(c.OptOuts) > 0 {
			c.SayOptOut(OptOut{By: Voice(c.ID), At: origin.At, Is: true, Source: origin.Source, Keyed: origin.Keyed})
		}
	}
}

// keepOptOuts keeps of all words the last one of each source under each name.
func (c *Customer) keepOptOuts(all []OptOut) {
	slices.SortFunc(all, OptOut.compare)
	c.OptOuts = all[:0]
	for i, one := range all {
		if i+1 == len(all) || !one.replacedBy(all[i+1]) {
			c.OptOuts = append(c.OptOuts, one)
		}
	}
	for len(c.OptOuts) > MaxConsents {
		oldest := 0
		for i, one := range c.OptOuts {
			if was := c.OptOuts[oldest]; one.Is == was.Is && one.At.Before(was.At) || was.Is && !one.Is {
				oldest = i // a refusal goes last
			}
		}
		c.OptOuts = slices.Delete(c.OptOuts, oldest, oldest+1)
	}
}

// compare puts words in the order of names and sources, and those of one in the order in which they count.
func (o OptOut) compare(other OptOut) int {
	return cmp.Or(cmp.Compare(o.By, other.By), cmp.Compare(o.Source, other.Source), cmp.Compare(truth(o.Keyed), truth(other.Keyed)), cmp.Compare(truth(o.Above), truth(other.Above)),
		o.At.Compare(other.At), cmp.Compare(truth(o.Is), truth(other.Is)))
}

// replacedBy reports whether another word is of the same source under the same name.
func (o OptOut) replacedBy(other OptOut) bool {
	return o.By == other.By && o.Source == other.Source && o.Keyed == other.Keyed && o.Above == other.Above
}
