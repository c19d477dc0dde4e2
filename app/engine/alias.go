package engine

import (
	"bytes"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
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
	if identity.Value == "" || s.customer.Knows(identity) || len(s.customer.Identities) >= maxIdentities {
		return
	}
	s.customer.Identities = append(s.customer.Identities, identity)
	if identity.Hash() != s.customer.ID && identity != event.Identity() {
		at := s.customer.Real(s.now)
		s.engine.instruct(s.tx, at, s.cause, n, instruction{Link: &link{Identity: identity, Customer: s.customer.ID, At: at, Join: n == joins}})
	}
}

// joinUsers links two customers whom a user ID each led to first, and reports whether that is settled: then there is
// nothing left to do here. Of two who are there the one with the smaller ID stays. That is what keeps links from leading
// in a circle when two alias calls cross on their way.
func (e *Engine) joinUsers(tx store.Tx, in link, id lifecycle.ID) (settled bool) {
	next, n := in, byte(15)
	switch {
	case tx.Has(identityKey(id)):
		target, _ := e.follow(tx, id)
		if target == in.Customer || target == id {
			return true
		}
		next.From = target
	case tx.Has(customerKey(id)) && bytes.Compare(id[:], in.Customer[:]) < 0:
		next.From, next.Customer, n = in.Customer, id, 16
	default:
		return false
	}
	e.instruct(tx, in.At, lifecycle.HashID("join", next.From.Part(), next.Customer.Part()), n, instruction{Link: &next})
	return true
}
