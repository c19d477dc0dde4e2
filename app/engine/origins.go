package engine

import (
	"bytes"
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
)

// takeTrait keeps a trait as an event says it, if the event's source may say it: a source that comes later in the order of
// precedence never overwrites, nor removes, what an earlier one said. Where a trait came from is noted when its value
// changes, and when a source with a name confirms what another one said.
func (s *session) takeTrait(name string, value json.RawMessage, source string, at time.Time) {
	c := s.customer
	before, known := c.Traits[name]
	origin, noted := c.Origin(name)
	if known && s.engine.rank(name, source) > s.engine.rank(name, origin.Source) {
		return
	}
	if at = s.notAhead(at); noted && s.outdated(origin, source, before, value, at) {
		return
	}
	same := known && bytes.Equal(before, value)
	if same && noted && (source == "" || lifecycle.IsUnproved(source) || source == origin.Source) {
		s.originate(name, origin.Source, at)
		return
	}
	s.setTrait(name, value)
	if same || !bytes.Equal(before, s.customer.Traits[name]) || !known && bytes.Equal(value, null) { // else there was no room for it
		s.originate(name, source, at)
	}
}

// assign sets a trait as a script of our own says. It is the business's own rule, and above the sources.
func (s *session) assign(name string, value json.RawMessage) {
	before := s.customer.Traits[name]
	same := bytes.Equal(before, value)
	s.customer.SetTrait(name, value)
	if name == lifecycle.OptOutTrait {
		s.customer.SayOptOut(s.customer.ID, s.customer.Real(s.now), string(value) == "true")
		s.settleOptOut()
	}
	if !same {
		s.claimAddress(name, value, before, true) // a script joins nobody, but the address may be dead
		s.originate(name, "", s.customer.Real(s.now))
	}
}

// originate notes where a trait came from that was just set. Of one that was just removed it is noted too, so that an older
// word that comes in later does not bring it back.
func (s *session) originate(name, source string, at time.Time) {
	if _, kept := s.customer.Traits[name]; !kept {
		s.forgetRemovals()
	}
	s.customer.SetOrigin(lifecycle.Origin{Trait: name, Source: source, At: at})
}

// rank says whose word about a trait counts: no source changes what one of a smaller rank said. Those that the order does
// not name come last, and are equals: of equals the latest word holds. An address that anybody could have typed comes behind
// all others, or whoever knows a user ID could have somebody's messages sent to themselves.
func (e *Engine) rank(trait, source string) int {
	if source == "" {
		source = lifecycle.ByKey
	}
	if at, named := e.precedence[source]; named {
		return at
	}
	if lifecycle.IsUnproved(source) && isAddress(trait) {
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
