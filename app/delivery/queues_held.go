package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// heldOf asks a partition how many messages of a channel are held in doubt. It counts so many at most.
type heldOf struct {
	Channel string
	At      time.Time
	Most    int
}

// heldIn looks at what is due later: a message is held until its time to be decided about is over.
func heldIn(tx store.Reader, q heldOf) (held int, err error) {
	for _, lane := range lanesOf(q.Channel) {
		prefix := lanePrefix(lane)
		looked := 0
		tx.Scan(store.AppendTime(lanePrefix(lane), q.At), store.PrefixEnd(prefix), func(key, _ []byte) bool {
			var state lifecycle.MessageState
			if state, err = stateOf(tx, entryOf(key)); err != nil {
				return false
			}
			if state == lifecycle.Held {
				held++
			}
			looked++
			return looked < MaxQueued && held < q.Most
		})
		if err != nil {
			return held, err
		}
	}
	return held, nil
}

// stateOf returns how the message of an entry stands; "" while nothing has become of it.
func stateOf(tx store.Reader, e entry) (lifecycle.MessageState, error) {
	var now standing
	if data := tx.Get(standingKey(e.decided, e.id)); data != nil {
		if err := store.Decode(data, &now); err != nil {
			return "", lifecycle.Wrap(lifecycle.Internal, err, "what became of a message cannot be read")
		}
	}
	return now.State, nil
}

// HeldOf returns how many messages of a channel are held in doubt: they do not leave until somebody decides so. MaxQueued means
// that many or more.
func (d *Delivery) HeldOf(ctx context.Context, channel string) (all int, err error) {
	at := d.clock.Now()
	for p := 0; p < d.store.Partitions() && all < MaxQueued; p++ {
		answer, err := d.store.Ask(ctx, p, heldOf{channel, at, MaxQueued - all})
		if err != nil {
			return all, err
		}
		all += answer.(int)
	}
	return all, nil
}
