package engine

import (
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Whoever became one of two customers may have more identities than a record takes. Those beyond it still lead to the customer;
// they are kept beside the record, at most maxIdentities of them, so that they are forgotten with it.

func surplusKey(customer lifecycle.ID) []byte { return append([]byte{'Z'}, customer[:]...) }

func surplus(tx store.Reader, customer lifecycle.ID) (list []lifecycle.Identity, err error) {
	if data := tx.Get(surplusKey(customer)); data != nil {
		if err = store.Decode(data, &list); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "further identities of a customer cannot be read")
		}
	}
	return list, nil
}

// takeSurplus returns them, and keeps them no longer.
func takeSurplus(tx store.Tx, customer lifecycle.ID) ([]lifecycle.Identity, error) {
	list, err := surplus(tx, customer)
	if len(list) > 0 {
		tx.Delete(surplusKey(customer))
	}
	return list, err
}

// keepSurplus keeps those of a merged customer's identities for which there was no room.
func (s *session) keepSurplus(theirs ...lifecycle.Identity) error {
	list, err := surplus(s.tx, s.customer.ID)
	before := len(list)
	for _, identity := range theirs {
		if !s.customer.Knows(identity) && !slices.Contains(list, identity) && len(list) < maxIdentities {
			list = append(list, identity)
		}
	}
	if err == nil && len(list) > before {
		s.tx.Set(surplusKey(s.customer.ID), store.Encode(list))
	}
	return err
}

// surplusOf asks for the identities of a customer that are not in their record.
type surplusOf struct{ Customer lifecycle.ID }

// identitiesOf returns all identities of a customer.
func (e *Engine) identitiesOf(ctx context.Context, c *lifecycle.Customer) ([]lifecycle.Identity, error) {
	answer, err := e.store.Ask(ctx, c.ID.Partition(), surplusOf{c.ID})
	if err != nil {
		return nil, err
	}
	return slices.Concat(c.Identities, answer.([]lifecycle.Identity)), nil
}
