package engine

import (
	"encoding/json"
	"maps"
	"slices"

	"stagecraft/app/lifecycle"
)

// An alias call says that another name is the customer's too. That name may be an anonymous ID or a user ID; nobody says
// which, so both of these identities lead to the customer from then on. It is the only call that joins two who were both
// known by user IDs, and one that came with a public key joins none of those.

// joins numbers the instruction of an alias call that may join two known customers.
const joins = 4

// alias takes over the other name.
func (s *session) alias(event *lifecycle.Event) {
	previous := event.PreviousID()
	if previous == "" || len(previous) > lifecycle.MaxNameBytes {
		return
	}
	s.alsoKnownAs(event, lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: previous}, 3)
	if !event.Public {
		s.alsoKnownAs(event, lifecycle.Identity{Kind: lifecycle.UserID, Value: previous}, joins)
	}
}

// alsoKnownAs notes one more identity of the customer, and tells its partition. n tells the instructions of one cause apart.
func (s *session) alsoKnownAs(event *lifecycle.Event, identity lifecycle.Identity, n byte) {
	if identity.Value == "" {
		return
	}
	if s.customer.Knows(identity) {
		s.joinAgain(identity, event)
		if n == joins && s.customer.Named() && identity.Hash() != s.customer.ID { // they may know it from a list, which joins no two users
			s.claimUnasked(identity, n, false)
		}
		return
	}
	if !s.mayGrow() {
		return
	}
	s.customer.Identities = append(s.customer.Identities, identity)
	s.join(identity, event)
	if identity.Hash() != s.customer.ID && identity != event.Identity() {
		s.claim(identity, n, false)
	}
}

// claim tells the partition of an identity that it is said to be the customer's, and asks what speaks against writing there.
func (s *session) claim(identity lifecycle.Identity, n byte, hearsay bool) {
	s.customer.Ask(identity, true)
	s.claimUnasked(identity, n, hearsay)
}

// claimUnasked claims an identity without a question: nothing waits for the answer.
func (s *session) claimUnasked(identity lifecycle.Identity, n byte, hearsay bool) {
	at, cause := s.customer.Real(s.now), s.cause
	if s.tx.Has(instructionKey(at, cause, n)) { // the event, or a script, has said another one already
		cause = lifecycle.HashID("claim", cause.Part(), identity.Hash().Part())
	}
	s.engine.instruct(s.tx, at, cause, n, instruction{Link: &link{Identity: identity, Customer: s.customer.ID, Named: s.customer.Named(),
		At: at, Join: n == joins, Hearsay: hearsay}})
}

// mayGrow reports whether the customer may have one more identity. Who is called like nobody, or has too many identities
// already, has none, and is shown as suspicious.
func (s *session) mayGrow() bool {
	c := s.customer
	switch {
	case len(c.Identities) == 0:
		return true
	case len(c.Identities) >= maxIdentities:
		s.suspectCustomer("more identities than one customer has")
		return false
	case c.Identities[0].Meaningless():
		s.suspectCustomer("a name that programs send when they know nobody")
		return false
	}
	return true
}

// Instructions of what an event says in passing are numbered from here on: addresses first, then IDs of other systems.
const (
	claimsAddresses = 40
	claimsPlace     = 58
	claimsSocial    = 59
	claimsExternals = 60
	maxExternals    = 20 // of one event
)

// addressTraits are the traits that hold addresses by which a customer is known.
var addressTraits = [...]struct{ trait, channel string }{{"email", "email"}, {"phone", "sms"}, {"push", "push"}}

// socialIdentity returns the address of chat that a trait holds.
func socialIdentity(trait string, value json.RawMessage) (lifecycle.Identity, bool) {
	var text string
	if !lifecycle.IsAddressTrait(trait) || json.Unmarshal(value, &text) != nil {
		return lifecycle.Identity{}, false
	}
	address, ok := lifecycle.SocialAddress(trait, text)
	if !ok {
		return lifecycle.Identity{}, false
	}
	return lifecycle.AddressIdentity("social", address)
}

// socialIdentities returns all of them, in alphabetical order of the traits.
func socialIdentities(traits map[string]json.RawMessage) (list []lifecycle.Identity) {
	for _, name := range slices.Sorted(maps.Keys(traits)) {
		if identity, ok := socialIdentity(name, traits[name]); ok {
			list = append(list, identity)
		}
	}
	return list
}

// SetChannels says which channels are set up: those of others read their address from the trait of their name. It is called
// before anything happens.
func (e *Engine) SetChannels(isSet func(name string) bool) { e.channels = isSet }

// isAddress reports whether a trait holds an address to which messages go.
func (e *Engine) isAddress(trait string) bool {
	return lifecycle.IsAddressTrait(trait) || e.channels != nil && !lifecycle.IsOwnChannel(trait) && e.channels(trait)
}

// isPlace reports whether a trait holds an address of a channel of others.
func (e *Engine) isPlace(trait string) bool {
	return !lifecycle.IsAddressTrait(trait) && lifecycle.HasPlaces(trait) && e.isAddress(trait)
}

// placeIdentity returns the address of a channel of others that a trait holds.
func (e *Engine) placeIdentity(trait string, value json.RawMessage) (lifecycle.Identity, bool) {
	var text string
	if !e.isPlace(trait) || json.Unmarshal(value, &text) != nil {
		return lifecycle.Identity{}, false
	}
	return lifecycle.AddressIdentity(trait, text)
}

// provesNot reports whether an address that an event says in a trait may be anybody's: anybody can type anybody's into a
// page. Of a form that was confirmed its mail address is proved, and nothing else that was typed into it.
func provesNot(event *lifecycle.Event, trait string) bool {
	return event.Public || event.Name == FormSubmitted && trait != "email"
}

// claimAddress looks at a trait that was just said: the address that it holds is one of the customer's identities if
// whoever says so is to be believed. If not, its partition learns that they have it: what comes back from there concerns
// them too. An ID at a social provider joins nobody.
func (s *session) claimAddress(trait string, value, before json.RawMessage, hearsay bool) {
	if identity, ok := socialIdentity(trait, value); ok && string(value) != string(before) {
		s.claim(identity, claimsSocial, true)
		return
	}
	if string(value) != string(before) {
		if identity, ok := s.engine.placeIdentity(trait, value); ok { // nothing waits: delivery asks before the first message
			s.claimUnasked(identity, claimsPlace, true)
			return
		}
	}
	for i, known := range addressTraits {
		if known.trait != trait {
			continue
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			if text = string(value); len(text) == 0 || text[0] != '{' { // a push subscription is an object
				return
			}
		}
		identity, ok := lifecycle.AddressIdentity(known.channel, text)
		if !ok {
			return
		}
		if s.customer.Knows(identity) {
			if !hearsay {
				s.joinAgain(identity, s.event)
			}
			return
		}
		if hearsay = hearsay || !s.mayGrow(); hearsay && string(value) == string(before) {
			return
		}
		if !hearsay {
			s.customer.Identities = append(s.customer.Identities, identity)
			s.join(identity, s.event)
		}
		n := claimsAddresses + byte(2*i)
		if hearsay {
			n++
		}
		s.claim(identity, n, hearsay)
	}
}

// externalID is an ID of another system as the Segment API writes it.
type externalID struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Collection string `json:"collection"` // "users", or empty
}

// claimExternals takes the IDs of other systems that an event names, and the token of the device that sent it.
func (s *session) claimExternals(event *lifecycle.Event) {
	if event.Public || !namesOthers(event.Context) && !namesOthers(event.Properties) {
		return // most events name none, and are not read for it
	}
	var object struct {
		ExternalIDs []externalID `json:"externalIds"`
		Device      struct {
			Token string `json:"token"`
		} `json:"device"`
	}
	n := byte(claimsExternals)
	take := func(kind lifecycle.IdentityKind, value string) {
		identity, ok := lifecycle.ParseIdentity(kind, value)
		switch {
		case !ok:
		case s.customer.Knows(identity):
			s.joinAgain(identity, event)
		case n < claimsExternals+maxExternals && s.mayGrow():
			s.customer.Identities = append(s.customer.Identities, identity)
			s.join(identity, event)
			s.claim(identity, n, false)
			n++
		}
	}
	for _, raw := range [...]json.RawMessage{event.Context, event.Properties} {
		object.ExternalIDs, object.Device.Token = nil, ""
		if !namesOthers(raw) || json.Unmarshal(raw, &object) != nil {
			continue
		}
		for _, other := range object.ExternalIDs {
			if other.Collection == "" || other.Collection == "users" {
				take(lifecycle.ExternalIdentity(other.Type), other.ID)
			}
		}
		take(lifecycle.DeviceIdentity, object.Device.Token)
	}
}
