package engine

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
)

// Of two words about a trait the later one holds, by the time at which it was said, and of two of the same time the one
// that is greater as text: so that the same words come to the same traits in whichever order they, and merges, come in.

// maxRemovals is how many removed traits are remembered as such.
const maxRemovals = 50

var null = []byte("null")

// outdated reports whether a word is older than the one by which the trait is what it is. A source that counts before the
// other's is believed whenever it says it.
func (s *session) outdated(origin, word lifecycle.Origin, before, value json.RawMessage) bool {
	if s.engine.rank(word) < s.engine.rank(origin) {
		return false
	}
	if !word.At.Equal(origin.At) {
		return word.At.Before(origin.At)
	}
	if before == nil {
		before = null
	}
	return bytes.Compare(value, before) < 0
}

// notAhead returns a time, or the present if that is earlier: no clock that is fast has the last word for ever.
func (s *session) notAhead(at time.Time) time.Time {
	if !s.at.IsZero() && at.After(s.at) {
		return s.at
	}
	return at
}

// forgetRemovals makes room for one more removed trait: the one removed first is forgotten.
func (s *session) forgetRemovals() {
	c := s.customer
	count, oldest := 0, lifecycle.Origin{}
	for _, origin := range c.Origins {
		if _, kept := c.Traits[origin.Trait]; kept {
			continue
		}
		if count++; count == 1 || origin.At.Before(oldest.At) {
			oldest = origin
		}
	}
	if count >= maxRemovals {
		c.DropOrigin(oldest.Trait)
	}
}

// takeTraits takes over the traits of a merged customer. What is known of whichever age gives way to nothing of unknown age.
func (s *session) takeTraits(loser *lifecycle.Customer) {
	names := make(map[string]json.RawMessage, len(loser.Traits))
	maps.Copy(names, loser.Traits)
	for _, origin := range loser.Origins {
		if _, kept := names[origin.Trait]; !kept {
			names[origin.Trait] = null
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		origin, dated := loser.Origin(name)
		if _, known := s.customer.Traits[name]; dated {
			s.takeTrait(origin, names[name])
		} else if !known {
			s.setTrait(name, names[name])
		}
	}
}
