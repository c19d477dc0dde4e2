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
