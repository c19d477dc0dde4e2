package engine

import (
	"context"
	"slices"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What was decided for a customer stays under the ID that they had then, in its partition, when they become part of another one.

// tookOver asks whether a customer of the partition has taken another one over, and whom they have become part of in turn.
type tookOver struct{ Customer, From lifecycle.ID }

type tookOverAnswer struct {
	Took bool
	Next lifecycle.ID // zero: they are nobody else
}

func (e *Engine) tookOver(tx store.Reader, q tookOver) (a tookOverAnswer) {
	a.Took = e.Adopted(tx, q.Customer, q.From)
	if next := tx.Get(identityKey(q.Customer)); len(next) == len(a.Next) {
		a.Next = lifecycle.ID(next)
	}
	return a
}

// IDsWithAbsorbed returns a customer's ID, and those of all customers who have become part of them.
func (e *Engine) IDsWithAbsorbed(ctx context.Context, c *lifecycle.Customer) ([]lifecycle.ID, error) {
	ids := []lifecycle.ID{c.ID}
	for _, identity := range c.Identities { // the first one of whoever was absorbed gave them their ID
		candidates := []lifecycle.ID{identity.Hash()}
		if applicant, is := e.applicant(identity); is {
			candidates = append(candidates, applicant.Hash())
		}
		for _, id := range candidates {
			if slices.Contains(ids, id) {
				continue
			}
			was, err := e.wasAbsorbed(ctx, id)
			if err != nil {
				return nil, err
			}
			if was {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// wasAbsorbed reports whether an ID was a customer's who has become part of the one to whom it leads now. Most were nobody's.
func (e *Engine) wasAbsorbed(ctx context.Context, id lifecycle.ID) (bool, error) {
	at := id
	for range 8 {
		answer, err := e.store.Ask(ctx, at.Partition(), tookOver{at, id})
		if err != nil {
			return false, err
		}
		here := answer.(tookOverAnswer)
		if here.Took || here.Next.IsZero() {
			return here.Took, nil
		}
		at = here.Next
	}
	return false, nil
}
