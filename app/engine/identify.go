package engine

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"

	"stagecraft/app/lifecycle"
)

// identify takes over what the event says about the customer: further identities and traits. Of two words about a
// trait the later one holds, whichever comes in first.
func (s *session) identify(event *lifecycle.Event, late bool) {
	s.alsoKnownAs(event, lifecycle.Identity{Kind: lifecycle.UserID, Value: event.UserID}, 1)
	s.alsoKnownAs(event, lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: event.AnonymousID}, 2)
	if s.accepted && event.UserID != "" && !s.customer.Named() {
		s.customer.Called = true // it comes by the user ID that they were given
	}
	if event.Type == lifecycle.Alias {
		s.alias(event)
	}
	s.claimExternals(event)
	if len(event.Context) == 0 && len(event.Traits) == 0 {
		return
	}
	// Many senders repeat the same context with every event: nothing is to be done for it. Traits that are repeated still
	// hold at a later time.
	hash := fnv.New64a()
	hash.Write(event.Traits)
	hash.Write([]byte{0})
	hash.Write(event.Context)
	source := event.Teller()
	if source != "" { // another source may say the same, and another one may not say it
		hash.Write([]byte{0})
		hash.Write([]byte(source))
	}
	sum := hash.Sum64()
	if sum == s.customer.TraitsHash && len(event.Traits) == 0 {
		return
	}
	s.customer.TraitsHash = sum
	if late {
		s.customer.TraitsHash = 0 // it may have left something out
	}
	s.acquire(event, late)
	passing, zone := contextTraits(event.Context)
	for _, raw := range []json.RawMessage{passing, event.Traits} {
		if len(raw) == 0 {
			continue
		}
		var traits map[string]json.RawMessage
		if json.Unmarshal(raw, &traits) != nil {
			continue // validated where it came in
		}
		if said, is := traits[lifecycle.OptOutTrait]; is {
			traits[lifecycle.OptOutTrait] = lifecycle.OptOutValue(said)
		}
		for _, name := range slices.Sorted(maps.Keys(traits)) {
			before, known := s.customer.Traits[name]
			word, hearsay := event.Says(name), provesNot(event, name)
			s.claimAddress(name, traits[name], before, hearsay)
			if hearsay && s.engine.isAddress(name) {
				word.Source, word.Keyed = lifecycle.Unproved(source), false
			}
			_, dated := s.customer.Origin(name)
			older := late && known && !dated // what is known may be newer
			switch {
			case name == lifecycle.OptOutTrait && !event.MayLift() && string(traits[name]) != "true":
				continue
			case name == lifecycle.OptOutTrait && (!older || string(traits[name]) == "true"): // it refuses in any case
				s.sayOptOut(event, word, traits[name])
				continue
			case older:
				continue
			}
			s.takeTrait(word, traits[name])
			if name == zoneTrait {
				s.engine.zones.Of(s.customer) // the log hears of it if it is none
			}
		}
	}
	if _, known := s.customer.Traits[zoneTrait]; len(zone) > 0 && !known && s.engine.zones.Read(zone) != nil {
		s.takeTrait(event.Says(zoneTrait), zone) // what the browser says, as long as nobody says it of the customer
	}
}

// setTrait keeps a trait if there is room for it. Where there is none, an event at its first partition is refused; one
// that was accepted elsewhere, and a merge, go on without the trait and say so.
func (s *session) setTrait(name string, value json.RawMessage) {
	size := s.traitBytes(name) + len(name) + len(value)
	switch {
	case size <= maxTraitBytes || string(value) == "null":
		s.customer.SetTrait(name, value)
		s.touchTrait(name)
	case s.accepted:
		s.note(lifecycle.Fact{Kind: lifecycle.FactTrimmed, Name: name})
	case s.failed == nil:
		err := lifecycle.Errorf(lifecycle.TooLarge, "the customer would have %d bytes of traits; the limit is %d", size, maxTraitBytes)
		err.Field = "traits." + name
		s.failed = err
	}
}

// traitBytes returns how many bytes all traits but one have.
func (s *session) traitBytes(but string) int {
	size := 0
	for name, value := range s.customer.Traits {
		if name != but {
			size += len(name) + len(value)
		}
	}
	return size
}

// contextTraits returns context.traits, with which a track call may describe the customer in passing, and
// context.timezone.
func contextTraits(context json.RawMessage) (traits, zone json.RawMessage) {
	traits, zone = lifecycle.Property(context, "traits"), lifecycle.Property(context, "timezone")
	if len(traits) == 0 || traits[0] != '{' {
		traits = nil
	}
	return traits, zone
}
