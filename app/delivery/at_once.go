package delivery

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// atOnce lists the messages of a partition that were claimed in the commit that decided them and are not settled yet. It
// is one value instead of an entry in the outbox for each of them: while they fly there is nothing to be claimed, and
// after a crash the list says which of them are in doubt.
//
// An element is the time of the decision and the message's ID.
type atOnce []byte

const (
	atOnceElement = 24
	maxAtOnce     = 160 // of one partition; the list stays small enough to be kept at hand
)

func element(decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTime(make([]byte, 0, atOnceElement), decided), id[:]...)
}

func (l atOnce) full() bool { return len(l) >= maxAtOnce*atOnceElement }

// with returns the list and one more; the list itself is not changed.
func (l atOnce) with(decided time.Time, id lifecycle.ID) atOnce {
	return append(append(make([]byte, 0, len(l)+atOnceElement), l...), element(decided, id)...)
}

// without returns the list less one, and whether that was in it; the list itself is not changed.
func (l atOnce) without(decided time.Time, id lifecycle.ID) (atOnce, bool) {
	e := element(decided, id)
	for i := 0; i+atOnceElement <= len(l); i += atOnceElement {
		if bytes.Equal(l[i:i+atOnceElement], e) {
			return append(append(make([]byte, 0, len(l)), l[:i]...), l[i+atOnceElement:]...), true
		}
	}
	return l, false
}

// recover is the input "an earlier start of the program has left these in flight": they go to the outbox, where a claim
// finds their attempt without a result.
type recoverAtOnce struct{}

func (d *Delivery) recoverAtOnce(tx store.Tx) error {
	left := atOnce(tx.Get(atOnceKey()))
	kept := atOnce{}
	for i := 0; i+atOnceElement <= len(left); i += atOnceElement {
		at, id := store.KeyTime(left[i:i+8]), lifecycle.ID(left[i+8:i+atOnceElement])
		m, err := loadMessage(tx, at, id)
		if err != nil {
			return err
		}
		if m != nil && m.Attempt != nil && m.Attempt.Boot == d.boot {
			kept = kept.with(at, id) // in flight
		} else if m != nil {
			d.queue(tx, &m.Message)
		}
	}
	if len(kept) < len(left) {
		tx.Set(atOnceKey(), kept)
	}
	return nil
}

// recover finds what an earlier start left in flight in a partition. It reports false if ctx has ended.
func (d *Delivery) recover(ctx context.Context, p int) bool {
	for {
		_, err := d.store.Do(ctx, p, recoverAtOnce{})
		if err == nil || ctx.Err() != nil {
			return err == nil
		}
		d.log.Error("what was in flight in a partition cannot be read and is tried again", "partition", p, "error", err)
		_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
	}
}
