package delivery

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A message that is claimed in the commit that decides it has no entry in the outbox: while it flies there is nothing to
// be claimed. After a crash it is found by its record, which has the attempt. So that few records are looked at, a
// checkpoint is written now and then: up to its mark, its list is all that was in flight, and only what was decided
// later needs to be looked through. Nothing that is decided before the mark is claimed at once.
const (
	checkpointEvery = 2 * time.Second // at most; and the mark is as far behind, for what is decided out of order
	maxAloft        = 512             // of one partition
	phantomAfter    = 5 * time.Minute // a claim of an input that failed afterwards is no claim; it is forgotten after that
)

// checkpoint is the record under the key a. It is its mark, and the time of the decision and the ID of each message.
// An older form had no mark: what it lists is all there was.
type checkpoint struct {
	mark time.Time // zero: of the older form, or there is none
	list []flight
}

type flight struct {
	decided time.Time
	id      lifecycle.ID
}

const flightBytes = 8 + len(lifecycle.ID{})

func (c checkpoint) encode() []byte {
	b := store.AppendTime(make([]byte, 0, 8+len(c.list)*flightBytes), c.mark)
	for _, f := range c.list {
		b = append(store.AppendTime(b, f.decided), f.id[:]...)
	}
	return b
}

func readCheckpoint(b []byte) (c checkpoint) {
	if len(b)%flightBytes == 8 {
		c.mark, b = store.KeyTime(b[:8]), b[8:]
	}
	for ; len(b) >= flightBytes; b = b[flightBytes:] {
		c.list = append(c.list, flight{store.KeyTime(b[:8]), lifecycle.ID(b[8:flightBytes])})
	}
	return c
}

// aloft are the messages of a partition that this start has claimed as they were decided and that are not settled yet.
type aloft struct {
	mu      sync.Mutex
	mark    time.Time                  // of the last checkpoint; zero: nothing may be claimed at once yet
	decided map[lifecycle.ID]time.Time // when
	handed  map[lifecycle.ID]bool      // of those that are marked: the connector may have them, see hands.go
}

// admits reports whether a message may be claimed as it is decided.
func (a *aloft) admits(m *lifecycle.Message) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.mark.IsZero() && m.Decided.After(a.mark) && len(a.decided) < maxAloft
}

func (a *aloft) add(m *lifecycle.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decided == nil {
		a.decided = map[lifecycle.ID]time.Time{}
	}
	a.decided[m.ID] = m.Decided
}

func (a *aloft) has(id lifecycle.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, flies := a.decided[id]
	return flies
}

// landed forgets messages whose end is on disk.
func (a *aloft) landed(ids []lifecycle.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		delete(a.decided, id)
		delete(a.handed, id)
	}
}

// check writes a checkpoint if the last one is old. Everything that writes messages calls it, so that after a crash
// there is never much to be looked through.
func (a *aloft) check(tx store.Tx, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mark.IsZero() || at.Sub(a.mark) < 2*checkpointEvery {
		return
	}
	a.write(tx, at)
}

func (a *aloft) write(tx store.Tx, at time.Time) {
	c := checkpoint{mark: at.Add(-checkpointEvery)}
	for id, decided := range a.decided {
		if at.Sub(decided) > phantomAfter && !tx.Has(messageKey(decided, id)) {
			delete(a.decided, id)
		} else if !decided.After(c.mark) {
			c.list = append(c.list, flight{decided, id})
		}
	}
	tx.Set(checkpointKey(), c.encode())
	a.mark = c.mark
}

// recoverAtOnce is the input "an earlier start of the program may have left some in flight": they go to the outbox. There a claim
// finds their attempt without a result, or none at all if they were certainly not handed over. It answers whether there are more.
type recoverAtOnce struct{ At time.Time }

func (d *Delivery) recoverAtOnce(tx store.Tx, in recoverAtOnce) (more bool, err error) {
	last := readCheckpoint(tx.Get(checkpointKey()))
	boot, handed := readHands(tx)
	var left []*decided
	var failed error
	consider := func(m *decided, err error) {
		if err != nil {
			failed = err
		} else if m != nil && m.State == lifecycle.Queued && m.Attempt != nil && m.Attempt.Boot != d.boot && m.Attempts < m.Attempt.Number {
			left = append(left, m)
		}
	}
	for _, f := range last.list {
		consider(loadMessage(tx, f.decided, f.id))
	}
	if !last.mark.IsZero() {
		prefix := []byte{'m'}
		tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
			at, id := store.KeyTimeNewestFirst(key[1:9]), lifecycle.ID(key[9:25])
			consider(readMessage(tx, value, at, id))
			return at.After(last.mark) && failed == nil
		})
	}
	if failed != nil {
		return false, failed
	}
	size := 0
	for _, m := range left {
		if size >= maxClaimBytes {
			return true, nil
		}
		// One that went back to the outbox in its time has an attempt of its own there.
		if isMarked(&m.Message) && m.Attempt.Boot == boot && !handed[m.ID] && !tx.Has(attemptKey(m.ID)) {
			size += undo(tx, &m.Message, *m.Attempt)
		}
		d.queue(tx, &m.Message)
	}
	a := &d.aloft[tx.Partition()]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(tx, in.At)
	a.handed = map[lifecycle.ID]bool{}
	d.writeHands(tx, a)
	return false, nil
}

// recover finds what an earlier start left in flight in a partition. It reports false if ctx has ended.
func (d *Delivery) recover(ctx context.Context, p int) bool {
	for {
		more, err := d.store.Do(ctx, p, recoverAtOnce{d.clock.Now()})
		switch {
		case err == nil && more == true:
			continue
		case err == nil || ctx.Err() != nil:
			return err == nil
		}
		d.log.Error("what was in flight in a partition cannot be read and is tried again", "partition", p, "error", err)
		_ = lifecycle.WallClock{}.Wait(ctx, time.Now().Add(time.Second))
	}
}
