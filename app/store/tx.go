package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"unsafe"

	"github.com/dgraph-io/badger/v4"
)

// Reader reads one partition. Keys are without the partition's prefix, which the reader adds: no one can reach into
// another partition. A failed read returns nothing and fails the whole call, so that callers need not check.
type Reader interface {
	// Partition returns the number of the partition.
	Partition() int
	// Get returns the value of a key, or nil. The caller may keep it but must not change it.
	Get(key []byte) []byte
	// Has reports whether a key is there. It is for keys that mostly are not, and that nobody asks for again: unlike Get
	// it keeps nothing at hand.
	Has(key []byte) bool
	// Scan calls visit for the keys in [from, to) in order until it returns false. Key and value are valid during the
	// call only.
	Scan(from, to []byte, visit func(key, value []byte) bool)
}

// Tx reads and writes one partition. It keeps what it is given: keys and values must not be changed afterwards.
type Tx interface {
	Reader
	Set(key, value []byte)
	Delete(key []byte)
	// After names a hint to run when the commit is on disk. Hints are lost in a crash.
	After(hint func())
}

// PrefixEnd returns the first key behind all keys that begin with prefix, for Scan.
func PrefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

type write struct {
	key     []byte // with the prefix
	value   []byte
	deleted bool
}

func (w write) size() int { return len(w.key) + len(w.value) }

type undo struct {
	index int // into order; -1: the entry was new
	was   write
}

// txn is the overlay of one group's writes over a snapshot of the database.
type txn struct {
	read   *badger.Txn
	ending *sync.RWMutex
	prefix [2]byte
	number int
	order  []write
	places map[string]int // full key -> index into order; of few writes there is none, they are looked through
	undos  []undo
	hints  []func()
	bytes  int
	err    error
	key    []byte  // scratch for Get
	recent *recent // of the single writer; nil for readers

	parents []*txn        // of the single writer: groups before this one that are on their way to the disk, oldest first
	done    chan struct{} // closed when this group is there
}

func (s *Store) newTx(partition int) *txn {
	tx := &txn{}
	s.open(tx, partition)
	return tx
}

// open lets a transaction read what is on disk now.
func (s *Store) open(t *txn, partition int) {
	t.read, t.ending = s.db.NewTransactionAt(s.readable.Load(), false), &s.ending
	t.number, t.prefix = partition, [2]byte{byte(partition >> 8), byte(partition)}
}

// fewWrites is up to how many writes looking through them is faster than keeping a map.
const fewWrites = 24

// place returns where the group's write to a key is in its order, or -1.
func (t *txn) place(full []byte) int {
	if t.places != nil {
		if index, ok := t.places[string(full)]; ok {
			return index
		}
		return -1
	}
	for i := range t.order {
		if bytes.Equal(t.order[i].key, full) {
			return i
		}
	}
	return -1
}

// maxSpare is how many writes a group may have held for its room to be kept.
const maxSpare = 512

// empty forgets what the group held. Nobody else may know it any more.
func (t *txn) empty() *txn {
	if cap(t.order) > maxSpare {
		return &txn{}
	}
	clear(t.order)
	clear(t.undos)
	clear(t.hints)
	*t = txn{order: t.order[:0], undos: t.undos[:0], hints: t.hints[:0], key: t.key, parents: t.parents[:0]}
	return t
}

func (t *txn) discard() { t.read.Discard() }

func (t *txn) Partition() int { return t.number }

func (t *txn) full(key []byte) []byte {
	full := make([]byte, 0, len(key)+2)
	return append(append(full, t.prefix[:]...), key...)
}

func (t *txn) Get(key []byte) []byte {
	t.key = append(append(t.key[:0], t.prefix[:]...), key...)
	if w, ok := t.written(t.key); ok {
		if w.deleted {
			return nil
		}
		return w.value
	}
	if t.recent == nil {
		return t.load()
	}
	value, known := t.recent.get(t.key)
	if !known {
		if value = t.load(); t.err == nil {
			t.recent.put(bytes.Clone(t.key), value)
		}
	}
	return value
}

func (t *txn) Has(key []byte) bool {
	t.key = append(append(t.key[:0], t.prefix[:]...), key...)
	if w, ok := t.written(t.key); ok {
		return !w.deleted
	}
	if t.recent != nil {
		if value, known := t.recent.get(t.key); known {
			return value != nil
		}
	}
	_, err := t.read.Get(t.key)
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) && t.err == nil {
		t.err = err
	}
	return err == nil
}

// written returns what this group, or one on its way to the disk, last wrote to a key.
func (t *txn) written(full []byte) (write, bool) {
	if index := t.place(full); index >= 0 {
		return t.order[index], true
	}
	for i := len(t.parents) - 1; i >= 0; i-- {
		if index := t.parents[i].place(full); index >= 0 {
			return t.parents[i].order[index], true
		}
	}
	return write{}, false
}

// load reads t.key from the database.
func (t *txn) load() []byte {
	item, err := t.read.Get(t.key)
	if err == nil {
		var own []byte
		if err = read(item, func(value []byte) { own = append(make([]byte, 0, len(value)), value...) }); err == nil {
			return own
		}
	}
	if !errors.Is(err, badger.ErrKeyNotFound) && t.err == nil {
		t.err = err
	}
	return nil
}

func (t *txn) Set(key, value []byte) {
	if value == nil {
		value = []byte{} // nil is what Get returns for a key that is not there
	}
	t.put(write{key: t.full(key), value: value})
}

func (t *txn) Delete(key []byte) { t.put(write{key: t.full(key), deleted: true}) }

func (t *txn) put(w write) {
	if len(w.key) > maxKeyBytes {
		panic(fmt.Sprintf("a key has %d bytes; the limit is %d", len(w.key), maxKeyBytes)) // an error of this input alone
	}
	t.bytes += w.size()
	if index := t.place(w.key); index >= 0 {
		t.bytes -= t.order[index].size()
		t.undos = append(t.undos, undo{index, t.order[index]})
		t.order[index] = w
		return
	}
	t.undos = append(t.undos, undo{index: -1})
	t.order = append(t.order, w)
	switch {
	case t.places != nil:
		t.places[unsafe.String(&w.key[0], len(w.key))] = len(t.order) - 1
	case len(t.order) > fewWrites:
		t.places = make(map[string]int, 4*fewWrites)
		for i := range t.order {
			t.places[unsafe.String(&t.order[i].key[0], len(t.order[i].key))] = i
		}
	}
}

func (t *txn) After(hint func()) { t.hints = append(t.hints, hint) }

type savepoint struct{ undos, hints, bytes int }

func (t *txn) mark() savepoint { return savepoint{len(t.undos), len(t.hints), t.bytes} }

func (t *txn) rollback(to savepoint) {
	for i := len(t.undos) - 1; i >= to.undos; i-- {
		if u := t.undos[i]; u.index >= 0 {
			t.order[u.index] = u.was
		} else {
			last := len(t.order) - 1
			delete(t.places, string(t.order[last].key))
			t.order = t.order[:last]
		}
	}
	t.undos, t.hints, t.bytes = t.undos[:to.undos], t.hints[:to.hints], to.bytes
}

func (t *txn) Scan(from, to []byte, visit func(key, value []byte) bool) {
	start, end := t.full(from), t.full(to)
	if to == nil {
		end = PrefixEnd(t.prefix[:])
	}
	own := t.within(start, end)
	options := badger.DefaultIteratorOptions
	options.PrefetchValues = false // it starts a goroutine for each
	options.Prefix = commonPrefix(start, end)
	it := t.read.NewIterator(options)
	defer closeIterator(it, t.ending)
	it.Seek(start)
	for {
		stored := it.Valid() && bytes.Compare(it.Item().Key(), end) < 0
		if !stored && len(own) == 0 {
			return
		}
		order := -1 // which comes first: -1 stored, 1 own, 0 both
		if !stored {
			order = 1
		} else if len(own) > 0 {
			order = bytes.Compare(it.Item().Key(), own[0].key)
		}
		if order < 0 {
			item, more := it.Item(), true
			if err := read(item, func(value []byte) { more = visit(item.Key()[2:], value) }); err != nil {
				if t.err == nil {
					t.err = err
				}
				return
			}
			if !more {
				return
			}
			it.Next()
			continue
		}
		if order == 0 {
			it.Next()
		}
		w := own[0]
		own = own[1:]
		if !w.deleted && !visit(w.key[2:], w.value) {
			return
		}
	}
}

// within returns the last writes to keys in [start, end) that are not on disk yet, in order.
func (t *txn) within(start, end []byte) []write {
	var own []write
	for i, group := range append(t.parents[:len(t.parents):len(t.parents)], t) {
		for _, w := range group.order {
			if bytes.Compare(w.key, start) < 0 || bytes.Compare(w.key, end) >= 0 {
				continue
			}
			if i < len(t.parents) {
				w, _ = t.written(w.key) // a later group may have written it again
			}
			own = append(own, w)
		}
	}
	sort.Slice(own, func(i, j int) bool { return bytes.Compare(own[i].key, own[j].key) < 0 })
	return slices.CompactFunc(own, func(a, b write) bool { return bytes.Equal(a.key, b.key) })
}

func commonPrefix(a, b []byte) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
