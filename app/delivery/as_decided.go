package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// AsDecided is a message as it stands, and when it was due when it was decided, which later attempts forget.
type AsDecided struct {
	FullMessage
	FirstDue time.Time
}

// messagesOf asks for messages by what names them in the ledger; those that are not there are left out.
type messagesOf struct{ Refs []lifecycle.Ref }

// AsDecided returns messages of one partition by their IDs; those that are not known any more are left out.
func (d *Delivery) AsDecided(ctx context.Context, partition int, refs []lifecycle.Ref) (map[lifecycle.ID]AsDecided, error) {
	found := map[lifecycle.ID]AsDecided{}
	for len(refs) > 0 {
		n := min(len(refs), 200)
		answer, err := d.store.Ask(ctx, partition, messagesOf{refs[:n]})
		if err != nil {
			return nil, err
		}
		for _, m := range answer.([]AsDecided) {
			found[m.ID] = m
		}
		refs = refs[n:]
	}
	return found, nil
}

func (d *Delivery) messagesOf(tx store.Reader, q messagesOf) ([]AsDecided, error) {
	var list []AsDecided
	for _, ref := range q.Refs {
		key := messageKey(ref.Decided, ref.ID)
		if !tx.Has(key) {
			continue
		}
		var first decided
		if err := store.Decode(tx.Get(key), &first); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
		}
		full, err := d.oneMessage(tx, OneMessage{Ref: refTo(tx.Partition(), key)})
		if err != nil {
			return nil, err
		}
		list = append(list, AsDecided{full, first.Due})
	}
	return list, nil
}

// decidedThen asks for the messages of a customer that were decided at a moment.
type decidedThen struct {
	Customer lifecycle.ID
	At       time.Time
}

// DecidedThen returns the messages of a customer that were decided at a moment, which a timeline tells of without their IDs:
// those of test people.
func (d *Delivery) DecidedThen(ctx context.Context, customer lifecycle.ID, at time.Time) ([]AsDecided, error) {
	answer, err := d.store.Ask(ctx, customer.Partition(), decidedThen{customer, at})
	if err != nil {
		return nil, err
	}
	return answer.([]AsDecided), nil
}

func (d *Delivery) decidedThen(tx store.Reader, q decidedThen) (list []AsDecided, err error) {
	var refs []lifecycle.Ref
	prefix := messageKey(q.At, lifecycle.ID{})
	prefix = prefix[:len(prefix)-len(lifecycle.ID{})]
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var m decided
		if err = store.Decode(value, &m); err == nil && m.Customer == q.Customer {
			refs = append(refs, lifecycle.Ref{Partition: tx.Partition(), Decided: q.At, ID: lifecycle.ID(key[len(prefix):])})
		}
		return err == nil
	})
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
	}
	return d.messagesOf(tx, messagesOf{refs})
}
