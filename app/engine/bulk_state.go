package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Keys of bulks; their lists are kept as those of broadcasts are, under a name that no broadcast can have:
//
//	M d name -> Bulk, in the first partition
//	M s name -> bulkShare
func bulkKey(name string) []byte { return append([]byte{'M', 'd'}, name...) }

func bulkShareKey(name string) []byte { return append([]byte{'M', 's'}, name...) }

func bulkList(name string) string { return "bulk:" + name }

// bulkShare is what a partition keeps of a bulk, and how far it has come.
type bulkShare struct {
	Bulk    Bulk         `msgpack:"b"` // as it was started
	Cursor  lifecycle.ID `msgpack:"c"` // everybody before it was looked at
	Next    time.Time    `msgpack:"x"` // before it nobody is changed
	Ready   bool         `msgpack:"y"` // the customer at Cursor is meant
	Over    time.Time    `msgpack:"o"` // when nobody was left, or it was stopped and its list is gone; zero: not yet
	Dropped bool         `msgpack:"p"` // it is to be forgotten
	Listed  int64        `msgpack:"l"`
	Counts  bulkCounts   `msgpack:"n"`
}

// walk is how the share walks over its customers.
func (b *bulkShare) walk() *broadcastShare {
	return &broadcastShare{Name: bulkList(b.Bulk.Name), Audience: b.Bulk.Audience, Cursor: b.Cursor}
}

// changing reports whether customers are changed.
func (b *bulkShare) changing() bool {
	return b.Bulk.State == BulkRunning && b.Over.IsZero() && !b.Dropped
}

// due is when something is to be done about it next; false: nothing, until somebody says so.
func (b *bulkShare) due() (time.Time, bool) {
	switch {
	case b.Dropped:
		return time.Time{}, true
	case !b.Over.IsZero():
		return time.Time{}, false
	case b.Bulk.State == BulkStopped:
		return time.Time{}, true
	}
	return b.Next, b.Bulk.State == BulkRunning
}

func readBulkShare(tx store.Reader, name string) (*bulkShare, error) {
	data := tx.Get(bulkShareKey(name))
	if data == nil {
		return nil, nil
	}
	b := &bulkShare{}
	if err := store.Decode(data, b); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "bulk %s cannot be read", name)
	}
	return b, nil
}

func (e *Engine) writeBulkShare(tx store.Tx, b *bulkShare) {
	tx.Set(bulkShareKey(b.Bulk.Name), store.Encode(b))
	part := &e.parts[tx.Partition()]
	tx.After(func() { part.bulking.Store(true) })
	e.hint(tx, time.Unix(0, 0))
}

// shareBulk is the input "this is how the bulk stands". It is safe to repeat.
type shareBulk struct{ Bulk Bulk }

func (e *Engine) shareBulk(tx store.Tx, in shareBulk) error {
	b, err := readBulkShare(tx, in.Bulk.Name)
	if err != nil {
		return err
	}
	if b == nil {
		b = &bulkShare{Bulk: Bulk{Name: in.Bulk.Name, State: BulkDraft}}
	}
	switch {
	case b.Dropped:
		return errBulkStillRemoved(in.Bulk.Name)
	case b.Bulk.State == BulkStopped, b.Bulk.State == in.Bulk.State:
		return nil
	}
	if b.Bulk.State == BulkDraft {
		b.Next = in.Bulk.Started
	}
	b.Bulk = in.Bulk
	e.writeBulkShare(tx, b)
	return nil
}

func errBulkStillRemoved(name string) error {
	return lifecycle.Errorf(lifecycle.Busy, "a former bulk %s is still being removed; try again in a moment", name)
}

// dropBulkShare is the input "forget this bulk".
type dropBulkShare struct{ Name string }

func (e *Engine) dropBulkShare(tx store.Tx, in dropBulkShare) error {
	b, err := readBulkShare(tx, in.Name)
	if err != nil || b == nil {
		return err
	}
	b.Dropped = true
	e.writeBulkShare(tx, b)
	tx.After(func() { e.paces.forget(bulkList(in.Name)) })
	return nil
}

// dueBulks asks which bulks have something to do, and when.
type dueBulks struct{}

func (e *Engine) dueBulks(tx store.Reader) (list []dueShare, failed error) {
	prefix := []byte{'M', 's'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		b := &bulkShare{}
		if failed = store.Decode(value, b); failed != nil {
			failed = lifecycle.Wrap(lifecycle.Internal, failed, "bulk %s cannot be read", key[2:])
			return false
		}
		if due, any := b.due(); any {
			share := dueShare{name: b.Bulk.Name, due: due, ready: b.Ready}
			if b.changing() {
				share.rate = b.Bulk.Rate
			}
			list = append(list, share)
		}
		return true
	})
	return list, failed
}

// workBulks does what is due of bulks in a partition, a chunk of each.
func (e *Engine) workBulks(ctx context.Context, p int, now time.Time) (bool, error) {
	part := &e.parts[p]
	if !part.bulking.Swap(false) {
		return false, nil
	}
	part.bulkAt.Store(0)
	answer, err := e.store.Ask(ctx, p, dueBulks{})
	if err != nil {
		part.bulking.Store(true)
		return false, err
	}
	busy := false
	var next time.Time
	for _, share := range answer.([]dueShare) {
		part.bulking.Store(true)
		room, due := e.room(bulkList(share.name), &share, p, now)
		if due.After(now) {
			if next.IsZero() || due.Before(next) {
				next = due
			}
			continue
		}
		answer, err := e.store.Do(ctx, p, bulkStep{share.name, now, room})
		if err != nil {
			return false, err
		}
		e.paces.giveBack(bulkList(share.name), share.rate, room-answer.(int))
		busy = true
	}
	if !next.IsZero() {
		part.bulkAt.Store(next.UnixNano())
	}
	return busy, nil
}
