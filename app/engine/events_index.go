package engine

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// The list of events over all customers. Timelines stand customer by customer, so the order of coming in is kept beside
// them, packed: 32 places become a block. A place sorts the newest first. Within a partition those that were not merged have
// times of their own, and their blocks do not overlap.
//
//	R b place of the oldest -> a block; or the place of one event that came with a merged customer
//	R t                     -> the server ended in order: every place is in a block
//
// A key for each event would cost more than the list is worth, so the newest places are only in memory, see events_tail.go.
const (
	placeBytes    = 32             // time (newest first), customer, inverted number
	listedBytes   = placeBytes + 4 // and what it is, its source's and its name's hash
	listedInBlock = 32
)

// Versions of the values: places that follow each other, and one that stands by itself.
const (
	listedRow   = 1
	listedAlone = 2
)

// What is known of an event by its place: the lowest bits are the number of its type.
const (
	listedType    = 7
	listedHistory = 1 << 3
	listedTest    = 1 << 4
)

var listedTypes = [...]lifecycle.EventType{lifecycle.Track, lifecycle.Identify, lifecycle.Page, lifecycle.Screen, lifecycle.Group, lifecycle.Alias}

func listEndKey() []byte { return []byte("Rt") }

func listBlockKey(place []byte) []byte { return append([]byte("Rb"), place[:placeBytes]...) }

func appendPlace(b []byte, at time.Time, customer lifecycle.ID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(store.AppendTimeNewestFirst(b, at), customer[:]...), ^seq)
}

// textHash is what a place tells of a text: equal ones have the same, different ones mostly not.
func textHash(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	sum := h.Sum32()
	return sum ^ sum>>16
}

func appendListed(b []byte, at time.Time, customer lifecycle.ID, seq uint64, event *lifecycle.Event, flags byte) []byte {
	flags |= byte(max(0, slices.Index(listedTypes[:], event.Type)))
	b = append(appendPlace(b, at, customer, seq), flags, byte(textHash(event.Source)))
	return binary.BigEndian.AppendUint16(b, uint16(textHash(event.Name)))
}

// index lists the event of an entry that was just written.
func (s *session) index(entry *TimelineEntry, seq uint64) {
	if entry.Event == nil || !s.engine.store.Durable() {
		return
	}
	at, flags := entry.cameIn(), byte(0)
	if s.history {
		flags |= listedHistory
	}
	if s.customer.Test() {
		flags |= listedTest
	}
	if !entry.From.IsZero() { // it came long ago, with somebody else
		value := appendListed([]byte{listedAlone}, at, s.customer.ID, seq, entry.Event, flags&^listedHistory)
		s.tx.Set(listBlockKey(value[1:]), value)
		return
	}
	tail := &s.engine.parts[s.tx.Partition()].listed
	tail.begin(s.tx)
	if !at.After(tail.last) {
		at = tail.last.Add(1)
	}
	tail.last = at
	row := appendListed(make([]byte, 0, listedBytes), at, s.customer.ID, seq, entry.Event, flags)
	s.tx.After(func() { tail.add(row) })
	tail.spill(s.tx)
}

// readListed returns the places that a value holds, and whether they follow each other; those of a value that is not one of
// ours are none.
func readListed(value []byte) (places []byte, row bool) {
	if len(value) < 1+listedBytes || (len(value)-1)%listedBytes != 0 || value[0] != listedRow && value[0] != listedAlone {
		return nil, false
	}
	return value[1:], value[0] == listedRow
}

// listedEntries are entries of timelines that go, to be taken off the list as well: when each came in, by customer and number.
type listedEntries map[[24]byte]time.Time

// read adds a stored entry. What cannot be read is left out: nothing is shown of it.
func (l *listedEntries) read(key, value []byte) {
	var entry TimelineEntry
	if store.Decode(value, &entry) == nil {
		l.add(key, &entry)
	}
}

func (l *listedEntries) add(key []byte, entry *TimelineEntry) {
	if entry.Event == nil || len(key) != 1+24 {
		return
	}
	if *l == nil {
		*l = listedEntries{}
	}
	(*l)[[24]byte(key[1:])] = entry.cameIn()
}

// listedDrift is by how much a place may be later than its event: events that come at one moment, or while the clock stands
// or goes back, are placed behind each other.
const listedDrift = 2 * time.Second

// unlist takes places off the list. One that was not found, since the clock went back by more, leads to nothing and is not
// shown.
func (e *Engine) unlist(tx store.Tx, gone listedEntries) {
	seen := map[string]bool{}
	rewrite := func(key, value []byte) {
		places, _ := readListed(value)
		left := value[:1:1]
		for one := range slices.Chunk(places, listedBytes) {
			if _, is := gone[[24]byte(one[8:placeBytes])]; !is {
				left = append(left, one...)
			}
		}
		if len(left) == len(value) {
			return
		}
		tx.Delete(key) // it names the oldest, who may have gone
		if len(left) > 1 {
			tx.Set(listBlockKey(left[1:]), left)
		}
	}
	if len(gone) == 0 {
		return
	}
	e.parts[tx.Partition()].listed.remove(gone)
	for _, at := range gone {
		var keys, values [][]byte
		from := append([]byte("Rb"), store.AppendTimeNewestFirst(nil, at.Add(listedDrift))...)
		tx.Scan(from, store.PrefixEnd([]byte("Rb")), func(key, value []byte) bool {
			if !seen[string(key)] {
				seen[string(key)] = true
				keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
			}
			_, row := readListed(value)
			return !row || !store.KeyTimeNewestFirst(key[2:]).Before(at)
		})
		for i := range keys {
			rewrite(keys[i], values[i])
		}
	}
}

// dropListed is the input "take off the list what came in before a moment". Its answer is whether there is more.
type dropListed struct{ Before time.Time }

func (e *Engine) dropListed(tx store.Tx, in dropListed) (more bool) {
	var keys [][]byte
	first := true // the newest of these blocks may hold younger ones
	tx.Scan(append([]byte("Rb"), store.AppendTimeNewestFirst(nil, in.Before)...), store.PrefixEnd([]byte("Rb")), func(key, value []byte) bool {
		if _, row := readListed(value); row && first {
			first = false
			return true
		}
		keys = append(keys, bytes.Clone(key))
		return len(keys) < retainKeys
	})
	for _, key := range keys {
		tx.Delete(key)
	}
	return len(keys) == retainKeys
}
