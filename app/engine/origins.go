package engine

import (
	"bytes"
	"encoding/json"

	"stagecraft/app/lifecycle"
)

// takeTrait keeps a trait as an event says it, if the event's source may say it: a source that comes later in the order of
// precedence never overwrites, nor removes, nor brings back, what an earlier one said or removed. Where a trait came from is
// noted when its value changes, and when a source with a name confirms what another one said.
func (s *session) takeTrait(word lifecycle.Origin, value json.RawMessage) {
	before, known := s.customer.Traits[word.Trait]
	origin, noted := s.origin(word.Trait)
	if (known || noted) && s.engine.rank(word) > s.engine.rank(origin) {
		return
	}
	if word.At = s.notAhead(word.At); noted && s.outdated(origin, word, before, value) {
		return
	}
	same := known && bytes.Equal(before, value)
	if same && noted && (word.Source == "" || lifecycle.IsUnproved(word.Source) || word.Source == origin.Source) {
		word.Source, word.Keyed = origin.Source, origin.Keyed
		s.originate(word)
		return
	}
	s.setTrait(word.Trait, value)
	if same || !bytes.Equal(before, s.customer.Traits[word.Trait]) || !known && bytes.Equal(value, null) { // else there was no room for it
		s.originate(word)
	}
}

// origin returns where a trait came from; where that was not noted it counts as the write key's.
func (s *session) origin(trait string) (origin lifecycle.Origin, noted bool) {
	if origin, noted = s.customer.Origin(trait); !noted {
		origin.Trait = trait
	}
	return origin, noted
}

// assign sets a trait as a script of our own says. It is the business's own rule, and above the sources.
func (s *session) assign(name string, value json.RawMessage) {
	if name == lifecycle.OptOutTrait {
		value = lifecycle.OptOutValue(value)
	}
	before := s.customer.Traits[name]
	same := bytes.Equal(before, value)
	s.customer.SetTrait(name, value)
	if name == lifecycle.OptOutTrait {
		refuses := string(value) == "true"
		s.customer.SayOptOut(lifecycle.OptOut{By: lifecycle.Voice(s.customer.ID), At: s.customer.Real(s.now), Is: refuses, Above: !refuses})
		s.settleOptOut()
	}
	if !same {
		s.claimAddress(name, value, before, true) // a script joins nobody, but the address may be dead
		s.originate(lifecycle.Origin{Trait: name, At: s.customer.Real(s.now)})
	}
}

// originate notes where a trait came from that was just set. Of one that was just removed it is noted too, so that an older
// word that comes in later does not bring it back.
func (s *session) originate(word lifecycle.Origin) {
	if _, kept := s.customer.Traits[word.Trait]; !kept {
		s.forgetRemovals()
	}
	s.customer.SetOrigin(word)
}

// rank says whose word about a trait counts: no source changes what one of a smaller rank said. Those that the order does
// not name come last, and are equals: of equals the latest word holds. A key of its own that it does not name counts as the
// write key does. An address that anybody could have typed comes behind all others, or whoever knows a user ID could have
// somebody's messages sent to themselves.
func (e *Engine) rank(word lifecycle.Origin) int {
	source := word.Source
	at, named := e.precedence[source]
	if !named && (source == "" || word.Keyed) {
		at, named = e.precedence[lifecycle.ByKey]
	}
	if named {
		return at
	}
	if lifecycle.IsUnproved(source) && e.isAddress(word.Trait) {
		return len(e.precedence) + 1
	}
	return len(e.precedence)
}

// ranks numbers sources by their order.
func ranks(order []string) map[string]int {
	by := make(map[string]int, len(order))
	for i, source := range order {
		if _, twice := by[source]; !twice {
			by[source] = i
		}
	}
	return by
}
