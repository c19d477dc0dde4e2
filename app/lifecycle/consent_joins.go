package lifecycle

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

// Join says that two names are one person's, and since when: the time at which somebody said so.
type Join struct {
	A  uint64    `msgpack:"a"` // the smaller one of both voices
	B  uint64    `msgpack:"b"`
	At time.Time `msgpack:"t"`
}

// Voice is how joins name who speaks, by the hash of an identity. Of the at most 64 of one customer no two are alike.
func Voice(id ID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// Word is a word of consent and the name under which it was said.
type Word struct {
	Consent
	By ID
}

// Join notes that two names are one person's since a moment. What follows from earlier joins is not kept. It reports whether
// anything changed.
func (c *Customer) Join(a, b ID, at time.Time) bool {
	join := Join{min(Voice(a), Voice(b)), max(Voice(a), Voice(b)), at}
	if join.A == join.B || slices.ContainsFunc(c.Joins, func(known Join) bool {
		return known.A == join.A && known.B == join.B && !at.Before(known.At)
	}) {
		return false
	}
	before := c.Joins
	c.keepJoins(append(slices.Clone(before), join))
	return !slices.EqualFunc(before, c.Joins, func(a, b Join) bool { return a.A == b.A && a.B == b.B && a.At.Equal(b.At) })
}

// TakeJoins takes over the joins of a merged customer, whose identities are this one's already. If they do not tell since
// when both are one, it is since at.
func (c *Customer) TakeJoins(merged *Customer, at time.Time) {
	c.keepJoins(slices.Concat(c.Joins, merged.Joins))
	voices := c.voices()
	for _, join := range c.Joins {
		voices.unite(join)
	}
	if voices.of(Voice(c.ID)) != voices.of(Voice(merged.ID)) {
		c.Join(c.ID, merged.ID, at)
	}
}

// keepJoins keeps of joins those that make one of two, earliest first: at most one fewer than there are names.
func (c *Customer) keepJoins(joins []Join) {
	slices.SortFunc(joins, func(a, b Join) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	voices := c.voices()
	c.Joins = slices.DeleteFunc(joins, func(join Join) bool { return !voices.unite(join) })
}

// Settle works out from all words of those who became this customer what holds, whatever came in first: as if each word had
// come at its time and each two had become one at theirs. Until then each name has its own say, then what either refuses is
// refused, and what any of them says after that counts for all. A word at the very time of a join was said before it.
// Names that no join tells of are the customer's own.
func (c *Customer) Settle(words []Word) {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b Word) int { return a.compare(b.Consent) })
	voices := c.voices()
	for _, join := range c.Joins {
		voices.of(join.A)
		voices.of(join.B)
	}
	say := func(until *time.Time) {
		for len(words) > 0 && (until == nil || !words[0].At.After(*until)) {
			voices.said(voices.speaker(Voice(words[0].By))).Say(words[0].Consent)
			words = words[1:]
		}
	}
	for _, join := range c.Joins {
		say(&join.At)
		voices.unite(join)
	}
	say(nil)
	all := voices.said(Voice(c.ID))
	for _, voice := range voices.order { // those whom nothing made one in time
		if other := voices.said(voice); other != all {
			all.TakeConsents(other)
		}
	}
	c.Consents = all.Consents
}

// voices tells which names speak as one.
type voices struct {
	self   uint64 // the customer's own name
	parent map[uint64]uint64
	order  []uint64             // all of them, as they were met
	named  map[uint64]bool      // names that are user IDs
	users  map[uint64]bool      // groups that have one
	words  map[uint64]*Customer // of each group
}

func (c *Customer) voices() *voices {
	v := &voices{self: Voice(c.ID), parent: map[uint64]uint64{}, named: map[uint64]bool{}, users: map[uint64]bool{}, words: map[uint64]*Customer{}}
	for _, identity := range c.Identities {
		if identity.Kind == UserID {
			voice := Voice(identity.Hash())
			v.named[voice], v.users[voice] = true, true
		}
	}
	v.of(v.self)
	return v
}

// of returns the voice that speaks for a group.
func (v *voices) of(voice uint64) uint64 {
	parent, known := v.parent[voice]
	if !known {
		v.parent[voice], v.order = voice, append(v.order, voice)
		return voice
	}
	if parent != voice {
		parent = v.of(parent)
		v.parent[voice] = parent
	}
	return parent
}

// speaker returns the name under which something was said; what no join tells of is the customer's own.
func (v *voices) speaker(voice uint64) uint64 {
	if _, known := v.parent[voice]; !known {
		return v.self
	}
	return voice
}

// said returns what a voice's group has said.
func (v *voices) said(voice uint64) *Customer {
	voice = v.of(voice)
	if v.words[voice] == nil {
		v.words[voice] = &Customer{}
	}
	return v.words[voice]
}

// unite lets two groups speak as one. Two that have user IDs do only by a join of user IDs, which an alias call makes: what
// they have in common else joins nobody. It reports whether they did not before.
func (v *voices) unite(join Join) bool {
	a, b := v.of(join.A), v.of(join.B)
	if a == b || v.users[a] && v.users[b] && !(v.named[join.A] && v.named[join.B]) {
		return false
	}
	one, other := v.said(a), v.said(b)
	one.TakeConsents(other)
	delete(v.words, b)
	v.parent[b] = a
	v.users[a] = v.users[a] || v.users[b]
	return true
}
