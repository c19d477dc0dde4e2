package engine

import (
	"context"
	"encoding/json"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who is known may come by a name that is not: an order that another system reports, a new device. If the very
// event says an address or an ID of another system that is a user's, it happens to that user. Else it would happen to a
// stranger, who enters every journey from its beginning, is written to, and becomes part of the user a moment later.

// recognise returns the user whom an event without a user ID is about; zero if it does not say. It reads before anything is
// decided: what it finds is part of the input.
func (e *Engine) recognise(ctx context.Context, event *lifecycle.Event) lifecycle.ID {
	if event.UserID != "" || event.Public || len(event.Traits) == 0 && len(event.Context) == 0 {
		return lifecycle.ID{}
	}
	for _, identity := range said(event) {
		who, err := e.WhoHas(ctx, identity)
		if err != nil || who.Customer.IsZero() || who.Suspicion != nil {
			continue // then it is as if nobody had asked: they meet afterwards
		}
		c, err := e.Record(ctx, who.Customer)
		if err == nil && c.UserID() != "" && c.Named() && c.Knows(identity) && len(c.Identities) < maxIdentities {
			return c.ID
		}
	}
	return lifecycle.ID{}
}

// said returns the identities that an event proves beside its own name.
func said(event *lifecycle.Event) (list []lifecycle.Identity) {
	for _, traits := range [...]json.RawMessage{event.Traits, lifecycle.Property(event.Context, "traits")} {
		for _, address := range addressTraits {
			var text string
			value := lifecycle.Property(traits, address.trait)
			if provesNot(event, address.trait) || len(value) == 0 || json.Unmarshal(value, &text) != nil {
				continue
			}
			if identity, ok := lifecycle.AddressIdentity(address.channel, text); ok && !identity.Meaningless() {
				list = append(list, identity)
			}
		}
	}
	var object struct {
		ExternalIDs []externalID `json:"externalIds"`
	}
	if !namesOthers(event.Context) || json.Unmarshal(event.Context, &object) != nil {
		return list
	}
	for i, other := range object.ExternalIDs {
		if i == maxExternals {
			break
		}
		identity, ok := lifecycle.ParseIdentity(lifecycle.ExternalIdentity(other.Type), other.ID)
		if ok && (other.Collection == "" || other.Collection == "users") && !identity.Meaningless() {
			list = append(list, identity)
		}
	}
	return list
}

// recognised gives an event of a name that nobody has yet to the user whom it is about.
func (e *Engine) recognised(tx store.Tx, in Receive, id lifecycle.ID) bool {
	if in.Owner.IsZero() || in.Owner == id || !in.Target.IsZero() {
		return false
	}
	tx.Set(identityKey(id), in.Owner[:])
	in.Target = in.Owner
	in.Hops++
	e.instruct(tx, in.At, in.Mark, 0, instruction{Receive: &in})
	return true
}
