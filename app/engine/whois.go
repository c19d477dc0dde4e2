package engine

import (
	"context"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// idsOf asks under which IDs lies what belongs to a customer who has logged in. A redirect is answered with the ID to ask
// for next.
type idsOf struct{ ID lifecycle.ID }

type idsAnswer struct {
	IDs      []lifecycle.ID
	Redirect lifecycle.ID
}

func (e *Engine) idsOf(tx store.Reader, q idsOf) (idsAnswer, error) {
	id, here := e.follow(tx, q.ID)
	if !here {
		return idsAnswer{Redirect: id}, nil
	}
	ids := []lifecycle.ID{id}
	data := tx.Get(customerKey(id))
	if data == nil {
		return idsAnswer{IDs: ids}, nil
	}
	var c lifecycle.Customer
	if err := store.Decode(data, &c); err != nil {
		return idsAnswer{}, lifecycle.Wrap(lifecycle.Internal, err, "a customer's record cannot be read")
	}
	for _, identity := range c.Identities {
		if other := identity.Hash(); identity.Kind == lifecycle.UserID && other != id {
			ids = append(ids, other)
		}
	}
	return idsAnswer{IDs: ids}, nil
}

// IDsOf returns the ID that a customer has, and those that they had under other user IDs before a merge. The customer need
// not be there yet: then it is the ID that they will have if this identity is the first one seen of them.
func (e *Engine) IDsOf(ctx context.Context, identity lifecycle.Identity) ([]lifecycle.ID, error) {
	id := identity.Hash()
	for range 8 {
		answer, err := e.store.Ask(ctx, id.Partition(), idsOf{id})
		if err != nil {
			return nil, err
		}
		found := answer.(idsAnswer)
		if found.Redirect.IsZero() {
			return found.IDs, nil
		}
		id = found.Redirect
	}
	return nil, lifecycle.Errorf(lifecycle.Internal, "the identity leads in a circle")
}

// identitiesIn returns what a text may be the identity of, the likeliest first. Anonymous IDs come behind what was proved:
// a page may call its visitor whatever it likes, even by somebody's mail address.
func identitiesIn(text string) []lifecycle.Identity {
	list := []lifecycle.Identity{{Kind: lifecycle.UserID, Value: text}}
	add := func(kind lifecycle.IdentityKind, value string) {
		if identity, ok := lifecycle.ParseIdentity(kind, value); ok {
			list = append(list, identity)
		}
	}
	add(lifecycle.EmailIdentity, text)
	add(lifecycle.PhoneIdentity, text)
	if system, value, found := strings.Cut(text, ":"); found {
		add(lifecycle.ExternalIdentity(system), value)
	}
	add(lifecycle.AnonymousID, text)
	add(lifecycle.DeviceIdentity, text)
	return list
}

// claimedOf asks what the partition of an identity remembers of it.
type claimedOf struct{ Identity lifecycle.Identity }

// WhoHas is what is known of one identity.
type WhoHas struct {
	Identity   lifecycle.Identity      `json:"identity"`
	Customer   lifecycle.ID            `json:"customer,omitzero"` // whom it leads to
	Others     []lifecycle.ID          `json:"others,omitempty"`  // who else has said that it is theirs, the latest last; at most 64
	Unproven   []lifecycle.ID          `json:"unproven,omitempty"`
	Suppressed []lifecycle.Suppression `json:"suppressed,omitempty"` // what nothing goes to, whoever has it
	Suspicion  *Suspicion              `json:"suspicion,omitempty"`
}

func (e *Engine) whoHas(tx store.Reader, q claimedOf) (WhoHas, error) {
	id := q.Identity.Hash()
	answer := WhoHas{Identity: q.Identity}
	if tx.Has(identityKey(id)) || tx.Has(customerKey(id)) {
		answer.Customer, _ = e.follow(tx, id)
	}
	known, err := readClaimed(tx, q.Identity)
	if err != nil {
		return answer, err
	}
	answer.Suppressed = known.Suppressed
	for _, by := range known.By {
		switch {
		case by.Customer == answer.Customer:
		case by.Hearsay:
			answer.Unproven = append(answer.Unproven, by.Customer)
		default:
			answer.Others = append(answer.Others, by.Customer)
		}
	}
	if data := tx.Get(suspicionKey(id)); data != nil {
		answer.Suspicion = &Suspicion{}
		err = store.Decode(data, answer.Suspicion)
	}
	return answer, err
}

// WhoHas returns what is known of an identity, also where it leads to nobody.
func (e *Engine) WhoHas(ctx context.Context, identity lifecycle.Identity) (WhoHas, error) {
	answer, err := e.store.Ask(ctx, identity.Hash().Partition(), claimedOf{identity})
	if err != nil {
		return WhoHas{}, err
	}
	who := answer.(WhoHas)
	if !who.Customer.IsZero() { // it may lead on from there
		if found, err := e.Record(ctx, who.Customer); err == nil {
			who.Customer = found.ID
			mine := func(id lifecycle.ID) bool { return id == found.ID }
			who.Others, who.Unproven = slices.DeleteFunc(who.Others, mine), slices.DeleteFunc(who.Unproven, mine)
		}
	}
	return who, nil
}
