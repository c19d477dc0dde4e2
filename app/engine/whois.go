package engine

import (
	"context"

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
