package engine

import (
	"context"
	"encoding/json"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Somebody who is known may come by a name that is not: a visitor who logs in for the first time, an order that another system
// reports, a new device. If the very event says whom it is about, it happens to that customer. Else it would happen to a
// stranger, who enters every journey from its beginning, is written to, and becomes part of the customer a moment later.
//
// It is read before anything is decided, and only of events by a name that nobody has yet which say more than that name.

// recognise notes with an input that comes by a name which nobody has yet whom it is about, if it says so. A user ID is given to
// that customer before the event is, which then goes to them at once: two who have user IDs never become one by it. It reports
// whether the name and others that the event says begin somebody new.
func (e *Engine) recognise(ctx context.Context, in *Receive) (begins bool) {
	name := in.Event.Identity()
	list := namesOf(&in.Event)
	several := len(list) > 0
	if !several {
		if list = proved(in); len(list) == 0 {
			return false
		}
	}
	if name.Meaningless() || e.isKnown(ctx, name) {
		return false
	}
	if several {
		list = append(list, proved(in)...)
	}
	for _, identity := range list {
		who, err := e.WhoHas(ctx, identity)
		if err != nil || who.Customer.IsZero() || who.Suspicion != nil {
			continue // then it is as if nobody had asked: they meet afterwards
		}
		c, err := e.Record(ctx, who.Customer)
		switch {
		case err != nil || !c.Knows(identity) || c.Applicant() || c.Identities[0].Meaningless() || len(c.Identities) >= maxIdentities:
		case name.Kind != lifecycle.UserID:
			in.Owner = c.ID
			if !identity.Kind.ByName() {
				in.By = identity
			}
			return false
		case e.giveName(ctx, callBy{Customer: c.ID, User: name, At: in.At, Join: identity.Kind == lifecycle.UserID}):
			// Lines of imports are known by where their names are. Any other event goes as if the name had passed it on, as a
			// repeat will come: within one partition nothing is passed on.
			if in.Source == "" && c.ID.Partition() != name.Hash().Partition() {
				in.Target, in.Hops = c.ID, 1
			}
			return false
		}
	}
	return several
}

// namesOf returns the other names that an event by a user ID says, with whatever key it came: the visitor's, and what an alias
// call says the user was called before.
func namesOf(event *lifecycle.Event) (list []lifecycle.Identity) {
	if event.UserID == "" || event.AnonymousID == "" && event.Type != lifecycle.Alias {
		return nil
	}
	add := func(kind lifecycle.IdentityKind, value string) {
		if name := (lifecycle.Identity{Kind: kind, Value: value}); value != "" && !name.Meaningless() {
			list = append(list, name)
		}
	}
	add(lifecycle.AnonymousID, event.AnonymousID)
	if event.Type == lifecycle.Alias {
		if !event.Public {
			add(lifecycle.UserID, event.PreviousID())
		}
		add(lifecycle.AnonymousID, event.PreviousID())
	}
	return list
}

// proved returns the identities besides names that an input proves.
func proved(in *Receive) (list []lifecycle.Identity) {
	event := &in.Event
	if event.Public {
		return nil
	}
	if len(event.Traits)+len(event.Context)+len(event.Properties) > 0 {
		list = said(event)
	}
	if in.Row != nil {
		for _, identity := range in.Row.Identities {
			if !identity.Kind.ByName() && !identity.Meaningless() {
				list = append(list, identity)
			}
		}
	}
	if address, is := lifecycle.NamedAddress(event.AnonymousID); is && event.UserID == "" {
		list = append(list, lifecycle.Identity{Kind: lifecycle.UserID, Value: address.Value}) // of whoever uses addresses as user IDs
	}
	return list
}

// nameKnown asks whether a name leads to anybody.
type nameKnown struct{ ID lifecycle.ID }

func (e *Engine) nameKnown(tx store.Reader, q nameKnown) bool {
	return tx.Has(customerKey(q.ID)) || tx.Has(identityKey(q.ID))
}

// isKnown reports whether a name leads to anybody; where that cannot be read, it does.
func (e *Engine) isKnown(ctx context.Context, name lifecycle.Identity) bool {
	id := name.Hash()
	known, err := e.store.Ask(ctx, id.Partition(), nameKnown{id})
	return err != nil || known.(bool)
}

// callBy is the input "this user ID is the customer's", who has none yet.
type callBy struct {
	Customer lifecycle.ID
	User     lifecycle.Identity
	At       time.Time
	Join     bool // by an alias call: they may have others
}

// giveName gives a user ID that nobody has to a customer who has none, and reports whether it is theirs now. That is on disk
// then; should the program end in between, the name finds them when it starts again.
func (e *Engine) giveName(ctx context.Context, in callBy) bool {
	given, err := e.store.Do(ctx, in.Customer.Partition(), in)
	if err != nil || !given.(bool) {
		return false
	}
	_, err = e.store.Do(ctx, in.User.Hash().Partition(), link{Identity: in.User, Customer: in.Customer, Named: true, At: in.At, Join: true})
	return err == nil
}

func (e *Engine) callBy(tx store.Tx, in callBy) (bool, error) {
	id, record, here := e.find(tx, in.Customer)
	if !here || record == nil {
		return false, nil // they became part of somebody meanwhile
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return false, err
	}
	c := s.customer
	if c.Named() && !in.Join {
		return false, nil
	}
	s.at, s.event = in.At, nil
	s.now = later(c.Lapsed(in.At), c.Clock)
	s.cause = lifecycle.HashID("called", id.Part(), in.User.Value)
	if !c.Knows(in.User) {
		if !s.mayGrow() {
			return false, nil
		}
		c.Identities = append(c.Identities, in.User)
	}
	c.Called = c.Called || !c.Named()
	s.claim(in.User, joins, false) // whoever has come under the name meanwhile is the same one
	return true, s.save()
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
	for _, raw := range [...]json.RawMessage{event.Context, event.Properties} {
		object.ExternalIDs = nil
		if !namesOthers(raw) || json.Unmarshal(raw, &object) != nil {
			continue
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
	}
	return list
}

// recognised gives an event of a name that nobody has yet to the customer whom it is about.
func (e *Engine) recognised(tx store.Tx, in Receive, id lifecycle.ID) bool {
	if in.Owner.IsZero() || in.Owner == id || !in.Target.IsZero() {
		return false
	}
	tx.Set(identityKey(id), in.Owner[:])
	if in.By.Kind != "" {
		e.instruct(tx, in.At, lifecycle.HashID("recognised", id.Part()), 27, instruction{Link: &link{Identity: in.By, Customer: in.Owner, At: in.At, Recognised: true}})
	}
	in.Target = in.Owner
	in.Hops++
	e.instruct(tx, in.At, in.turn(), 0, instruction{Receive: &in})
	return true
}
