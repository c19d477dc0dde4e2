package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// sweep is the input "forget the message IDs of epochs that ended long ago".
type sweep struct {
	At    time.Time
	From  []byte // where the sweep before ended; behind it there are no tombstones to wade through
	Limit int
}

// sweep returns where the next one goes on; nil when there is no more.
func (e *Engine) sweep(tx store.Tx, in sweep) (next []byte, err error) {
	current := epoch(in.At)
	if current < 2 {
		return nil, nil
	}
	if in.From == nil {
		in.From = markKey(1, lifecycle.ID{})
	}
	var keys [][]byte
	tx.Scan(in.From, markKey(current-1, lifecycle.ID{}), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < in.Limit
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	if len(keys) == in.Limit {
		next = keys[len(keys)-1]
	}
	return next, nil
}

func (e *Engine) sweepMarks(ctx context.Context, p int, now time.Time) error {
	var from []byte
	for {
		next, err := e.store.Do(ctx, p, sweep{now, from, 1000})
		if err != nil {
			return err
		}
		if from = next.([]byte); from == nil {
			return nil
		}
	}
}

// CustomerByIdentity asks for a customer's record in the partition of the identity; a redirect is answered with the
// ID to ask for next.
type CustomerByIdentity struct{ ID lifecycle.ID }

// CustomerAnswer is the record, or the ID to which the identity leads.
type CustomerAnswer struct {
	Customer *lifecycle.Customer
	Redirect lifecycle.ID
	Timeline []TimelineEntry // newest first, at most 200
}

func (e *Engine) customerByIdentity(tx store.Reader, q CustomerByIdentity) (CustomerAnswer, error) {
	id, here := e.follow(tx, q.ID)
	if !here {
		return CustomerAnswer{Redirect: id}, nil
	}
	data := tx.Get(customerKey(id))
	if data == nil {
		return CustomerAnswer{}, lifecycle.Errorf(lifecycle.NotFound, "there is no such customer")
	}
	answer := CustomerAnswer{Customer: &lifecycle.Customer{}}
	if err := store.Decode(data, answer.Customer); err != nil {
		return CustomerAnswer{}, err
	}
	prefix := timelinePrefix(id)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var entry TimelineEntry
		if store.Decode(value, &entry) == nil {
			answer.Timeline = append(answer.Timeline, entry)
		}
		return len(answer.Timeline) < 200
	})
	return answer, nil
}

// Customer finds a customer by an identity, following redirects.
func (e *Engine) Customer(ctx context.Context, identity lifecycle.Identity) (CustomerAnswer, error) {
	id := identity.Hash()
	for range 8 {
		answer, err := e.store.Ask(ctx, id.Partition(), CustomerByIdentity{id})
		if err != nil {
			return CustomerAnswer{}, err
		}
		if found := answer.(CustomerAnswer); found.Customer != nil {
			return found, nil
		} else {
			id = found.Redirect
		}
	}
	return CustomerAnswer{}, lifecycle.Errorf(lifecycle.Internal, "the identity leads in a circle")
}
