package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// listTail is the end of a partition's list of events: the places that are in no block yet, and those of the last blocks,
// for whoever began to read before these were there. After a crash it is made again from the timelines.
type listTail struct {
	mutex   sync.Mutex
	rows    []byte        // places of events that are on disk, oldest first
	written int           // how many bytes of rows are in blocks
	whole   chan struct{} // closed when nothing from before the start is missing

	last  time.Time    // of the newest place that was given away; used by the single writer only, like the rest
	ended bool         // the server before this one ended in order
	turn  int64        // grows when all is in blocks
	open  atomic.Int64 // the turn in which the store does not say so any more
}

// keptRows is how many bytes of rows stay at hand although they are in blocks.
const keptRows = 2 * listedInBlock * listedBytes

// maxMissed is how many events of a partition are looked for after a crash. More than a block was never missing but in a
// store of an older version, which had no list: of that one the newest are found.
const maxMissed = 2000

// begin makes sure that after a crash from here on nobody believes that all places are in blocks.
func (l *listTail) begin(tx store.Tx) {
	turn := l.turn
	if l.open.Load() == turn {
		return
	}
	if tx.Get(listEndKey()) != nil {
		l.ended = true
		tx.Delete(listEndKey())
	}
	if newest := newestListed(tx); newest != nil {
		if at := store.KeyTimeNewestFirst(newest); at.After(l.last) {
			l.last = at
		}
	}
	tx.After(func() { l.open.Store(turn) })
}

// add takes the place of an event that is on disk now.
func (l *listTail) add(row []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.rows = append(l.rows, row...)
}

// maxSpill is how many blocks an input writes at most.
const maxSpill = 32

// spill writes the blocks that there are. Nothing changes in memory before they are on disk; what is on its way there is not
// written again.
func (l *listTail) spill(tx store.Tx) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.isWhole() {
		l.blocks(tx, listedInBlock*listedBytes, maxSpill)
	}
}

// blocks writes the places that are in no block in blocks of a size; the last one may be smaller than the others if least is.
func (l *listTail) blocks(tx store.Tx, least, most int) {
	const size = listedInBlock * listedBytes
	for from := l.written; most > 0 && from < len(l.rows); from += size {
		end := min(from+size, len(l.rows))
		if end-from < least {
			return
		}
		if !tx.Has(listBlockKey(l.rows[from:])) {
			l.write(tx, from, end)
			most--
		}
	}
}

// wait returns when the list is whole again after the start.
func (l *listTail) wait(ctx context.Context) error {
	select {
	case <-l.whole:
		return nil
	case <-ctx.Done():
		return lifecycle.Wrap(lifecycle.Busy, ctx.Err(), "the list of events is being read again after the start; ask again in a moment")
	}
}

func (l *listTail) isWhole() bool {
	select {
	case <-l.whole:
		return true
	default:
		return false
	}
}

// write makes a block of places.
func (l *listTail) write(tx store.Tx, from, end int) {
	block := append(append(make([]byte, 0, 1+end-from), listedRow), l.rows[from:end]...)
	tx.Set(listBlockKey(block[1:]), block)
	tx.After(func() {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		end := l.written + len(block) - 1
		if end > len(l.rows) || !bytes.Equal(l.rows[l.written:end], block[1:]) {
			return // somebody was forgotten meanwhile
		}
		l.written = end
		if spare := l.written - keptRows; spare > 0 {
			l.rows = append(l.rows[:0], l.rows[spare:]...)
			l.written -= spare
		}
	})
}

// remove takes places off the tail at once: whoever is forgotten must not come into a block any more.
func (l *listTail) remove(gone listedEntries) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	left, written := l.rows[:0], 0
	for i, one := 0, l.rows; i < len(one); i += listedBytes {
		if _, is := gone[[24]byte(one[i+8:i+placeBytes])]; is {
			continue
		}
		if left = append(left, one[i:i+listedBytes]...); i < l.written {
			written = len(left)
		}
	}
	l.rows, l.written = left, written
}

// behind returns the places that are in no block, oldest first; none if all of them are newer than a place.
func (l *listTail) behind(tx store.Reader, place []byte) []byte {
	l.mutex.Lock()
	rows := bytes.Clone(l.rows)
	l.mutex.Unlock()
	if len(rows) == 0 || bytes.Compare(rows[:placeBytes], place) < 0 {
		return nil
	}
	at := 0
	for newest := newestListed(tx); newest != nil && at < len(rows) && bytes.Compare(rows[at:at+placeBytes], newest) >= 0; {
		at += listedBytes
	}
	return rows[at:]
}

// newestListed returns the newest place that is in a block; nil if there is none.
func newestListed(tx store.Reader) (newest []byte) {
	tx.Scan([]byte("Rb"), store.PrefixEnd([]byte("Rb")), func(_, value []byte) bool {
		places, row := readListed(value)
		if row {
			newest = bytes.Clone(places[len(places)-listedBytes:][:placeBytes])
		}
		return !row
	})
	return newest
}

// resumeList is the input "the partition's list goes on". Its answer is whether all places are in blocks.
type resumeList struct{}

func (e *Engine) resumeList(tx store.Tx) bool {
	tail := &e.parts[tx.Partition()].listed
	tail.begin(tx)
	return tail.ended
}

// keepList is the input "the server ends": what is in no block comes into one.
type keepList struct{}

func (e *Engine) keepList(tx store.Tx) {
	tail := &e.parts[tx.Partition()].listed
	tail.mutex.Lock()
	defer tail.mutex.Unlock()
	if !tail.isWhole() {
		return
	}
	tail.blocks(tx, listedBytes, len(tail.rows))
	tail.turn++ // an event that comes after all says so
	tx.Set(listEndKey(), []byte{1})
}

// resumeListOf brings the list of a partition to what it was.
func (e *Engine) resumeListOf(ctx context.Context, p int) error {
	tail := &e.parts[p].listed
	ended, err := e.store.Do(ctx, p, resumeList{})
	if err == nil && !ended.(bool) {
		var missed any
		if missed, err = e.store.Ask(ctx, p, missedEvents{}); err == nil {
			tail.missed(missed.([]byte))
		}
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	close(tail.whole) // also if it lacks some of the newest from before the start
	return err
}

// missed takes the places of events from before the start. Some that came since may be among them.
func (l *listTail) missed(rows []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := slices.Collect(slices.Chunk(append(bytes.Clone(l.rows), rows...), listedBytes))
	known := map[[24]byte]bool{}
	all = slices.DeleteFunc(all, func(one []byte) bool {
		name := [24]byte(one[8:placeBytes])
		was := known[name]
		known[name] = true
		return was
	})
	slices.SortFunc(all, func(a, b []byte) int { return bytes.Compare(b[:placeBytes], a[:placeBytes]) })
	l.rows = bytes.Join(all, nil)
}

// KeepLists brings the newest places of the lists of events into blocks, for when the server ends. Those that could not be
// kept are found again at the next start.
func (e *Engine) KeepLists(ctx context.Context) {
	items := make([]store.Item, lifecycle.Partitions)
	for p := range items {
		items[p] = store.Item{Partition: p, Input: keepList{}}
	}
	for _, result := range e.store.DoAll(ctx, items) {
		if result.Err != nil {
			e.log.Info("the end of the list of events was not kept", "error", result.Err)
			return
		}
	}
}

// missedEvents asks a partition for the places of events that are in no block, oldest first. It looks at the newest entries
// of every customer.
type missedEvents struct{}

func (e *Engine) missedEvents(tx store.Reader) ([]byte, error) {
	var newest, since time.Time // of the places in blocks; events that came in before are all in one
	known := map[[24]byte]bool{}
	tx.Scan([]byte("Rb"), store.PrefixEnd([]byte("Rb")), func(_, value []byte) bool {
		places, row := readListed(value)
		if !row {
			return true
		}
		if at := store.KeyTimeNewestFirst(places[len(places)-listedBytes:]); newest.IsZero() {
			newest, since = at, at.Add(-listedDrift)
		} else if at.Before(since) {
			return false
		}
		for one := range slices.Chunk(places, listedBytes) {
			known[[24]byte(one[8:placeBytes])] = true
		}
		return true
	})
	var ids []lifecycle.ID
	tx.Scan([]byte{'c'}, []byte{'c' + 1}, func(key, _ []byte) bool {
		ids = append(ids, lifecycle.ID(key[1:]))
		return true
	})
	var rows [][]byte
	for _, id := range ids {
		found, err := missedOf(tx, id, since, known)
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "a timeline cannot be read")
		}
		if rows = append(rows, found...); len(rows) > 2*maxMissed {
			slices.SortFunc(rows, bytes.Compare)
			rows = rows[:maxMissed]
			since = store.KeyTimeNewestFirst(rows[maxMissed-1]) // nobody else's older ones need be read
		}
	}
	slices.SortFunc(rows, bytes.Compare)
	rows = rows[:min(len(rows), maxMissed)]
	slices.Reverse(rows)
	for _, one := range rows { // behind all that is in blocks, as they were
		if at := store.KeyTimeNewestFirst(one); !at.After(newest) {
			newest = newest.Add(1)
			copy(one, store.AppendTimeNewestFirst(nil, newest))
		}
	}
	return bytes.Join(rows, nil), nil
}

// missedOf returns the places of a customer's events that came in after a moment and are in no block, newest first.
func missedOf(tx store.Reader, id lifecycle.ID, since time.Time, known map[[24]byte]bool) (rows [][]byte, failed error) {
	prefix := timelinePrefix(id)
	var customer *lifecycle.Customer
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var entry TimelineEntry
		if failed = store.Decode(value, &entry); failed != nil {
			return false
		}
		if entry.Event == nil || !entry.From.IsZero() {
			return true
		}
		at := entry.cameIn()
		if !at.After(since) || len(rows) == maxMissed {
			return false
		}
		if known[[24]byte(key[1:])] {
			return true
		}
		if customer == nil {
			customer = &lifecycle.Customer{}
			if failed = store.Decode(tx.Get(customerKey(id)), customer); failed != nil {
				return false
			}
		}
		flags := byte(0)
		if customer.Test() {
			flags |= listedTest
		}
		if entry.At.Before(at) {
			flags |= listedHistory
		}
		rows = append(rows, appendListed(nil, at, id, ^binary.BigEndian.Uint64(key[17:]), entry.Event, flags))
		return true
	})
	return rows, failed
}

// cameIn returns when the entry's event came in.
func (t *TimelineEntry) cameIn() time.Time {
	if t.Event.Received.IsZero() {
		return t.At
	}
	return t.Event.Received
}
