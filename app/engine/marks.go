package engine

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Marks by which a repeat is recognised live at least markLife, by receipt time.
const markLife = 30 * 24 * time.Hour

func epoch(at time.Time) uint32 { return uint32(at.Unix() / int64(markLife/time.Second)) }

func markedAt(at time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())) }

func markTime(value []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(value))) }

// marks say of most marks that they are new, without looking into the store: nearly every event is, and looking for what is
// not there costs more than most of what follows. What they do not rule out is looked up.
type marks struct {
	before atomic.Pointer[sieve] // those from before the start; nil while they are being read
	since  sieve                 // of this start; used by the partition's single writer only, like the rest
	former uint32                // the epoch before the present one, as far as it was looked into
	empty  bool                  // it holds no marks, as in the first month of a store
}

func (m *marks) mayHave(mark lifecycle.ID) bool {
	before := m.before.Load()
	return before == nil || before.mayHave(mark) || m.since.mayHave(mark)
}

// setMark writes a mark with what is to be known of it, the time first.
func (e *Engine) setMark(tx store.Tx, at time.Time, mark lifecycle.ID, value []byte) {
	e.parts[tx.Partition()].marks.since.add(mark)
	tx.Set(markKey(epoch(at), mark), value)
}

// marked returns what was written under a mark within the last 30 days: the time first; nil if nothing was. Only the
// partition's single writer calls it.
func (e *Engine) marked(tx store.Reader, now time.Time, mark lifecycle.ID) []byte {
	if !e.parts[tx.Partition()].marks.mayHave(mark) {
		return nil
	}
	present := epoch(now)
	for _, at := range []uint32{present, present - 1} {
		if at != present && e.emptyEpoch(tx, at) {
			break
		}
		if key := markKey(at, mark); tx.Has(key) {
			value := tx.Get(key)
			if now.Sub(markTime(value)) <= markLife {
				return value
			}
			return nil
		}
	}
	return nil
}

// emptyEpoch reports whether an epoch that has passed holds no marks at all.
func (e *Engine) emptyEpoch(tx store.Reader, at uint32) bool {
	m := &e.parts[tx.Partition()].marks
	if m.former != at {
		m.former, m.empty = at, true
		tx.Scan(markKey(at, lifecycle.ID{}), markKey(at+1, lifecycle.ID{}), func(_, _ []byte) bool {
			m.empty = false
			return false
		})
	}
	return m.empty
}

// marksFrom asks a partition for the next marks behind a key.
type marksFrom struct{ After []byte }

type markPage struct {
	marks []lifecycle.ID
	next  []byte // nil: there is no more
}

const marksAtOnce = 5000

func (e *Engine) marksFrom(tx store.Reader, q marksFrom) (page markPage) {
	from := markKey(1, lifecycle.ID{}) // epoch 0 is for other marks, which are asked for by other ways
	if q.After != nil {
		from = append(q.After, 0)
	}
	tx.Scan(from, store.PrefixEnd(from[:1]), func(key, _ []byte) bool {
		page.marks = append(page.marks, lifecycle.ID(key[len(key)-len(lifecycle.ID{}):]))
		if len(page.marks) == marksAtOnce {
			page.next = append([]byte(nil), key...)
		}
		return page.next == nil
	})
	return page
}

// readMarks reads the marks from before the start. Until it has, all marks are looked up.
func (e *Engine) readMarks(ctx context.Context, p int) error {
	before := &sieve{}
	for q := (marksFrom{}); ; {
		answer, err := e.store.Ask(ctx, p, q)
		if err != nil {
			return err
		}
		page := answer.(markPage)
		for _, mark := range page.marks {
			before.add(mark)
		}
		if q.After = page.next; q.After == nil || before.full {
			e.parts[p].marks.before.Store(before)
			return nil
		}
	}
}

// sieve holds marks that may be there: it never denies one that was added, and rarely takes another one for it (a scalable
// Bloom filter: Almeida et al., Scalable Bloom Filters, 2007). Its layers double; at 12 bits and 6 probes a mark each of them
// errs in 0.3 % of the cases. Beyond sieveMost marks it lets everything through.
type sieve struct {
	layers [][]uint64
	room   int // of the last layer
	added  int
	full   bool
}

const (
	sieveFirst  = 1 << 12 // marks of the first layer
	sieveMost   = 1 << 18 // in all; about 400 KB
	sieveProbes = 6
	sieveWords  = 12.0 / 64 // of 64 bits, for a mark
)

func (s *sieve) add(mark lifecycle.ID) {
	if s.full {
		return
	}
	if s.room == 0 {
		if s.added >= sieveMost {
			s.full, s.layers = true, nil
			return
		}
		s.room = sieveFirst << max(0, len(s.layers)-1) // 1, 1, 2, 4 … times the first
		s.layers = append(s.layers, make([]uint64, int(float64(s.room)*sieveWords)))
	}
	s.room--
	s.added++
	layer := s.layers[len(s.layers)-1]
	at, by := probes(mark)
	for range sieveProbes {
		bit := at % uint64(len(layer)*64)
		layer[bit/64] |= 1 << (bit % 64)
		at += by
	}
}

func (s *sieve) mayHave(mark lifecycle.ID) bool {
	if s.full {
		return true
	}
	first, by := probes(mark)
layers:
	for _, layer := range s.layers {
		at := first
		for range sieveProbes {
			bit := at % uint64(len(layer)*64)
			if layer[bit/64]&(1<<(bit%64)) == 0 {
				continue layers
			}
			at += by
		}
		return true
	}
	return false
}

// probes are where a mark's bits begin and how far apart they are: marks are hashes already.
func probes(mark lifecycle.ID) (first, by uint64) {
	return binary.LittleEndian.Uint64(mark[:8]), binary.LittleEndian.Uint64(mark[8:]) | 1
}

// resumeMemory brings back what a partition keeps in memory only, one partition at a time.
func (e *Engine) resumeMemory(ctx context.Context, p int) {
	if !e.store.Durable() {
		return
	}
	e.resuming.Lock()
	defer e.resuming.Unlock()
	err := e.resumeListOf(ctx, p)
	if err == nil {
		err = e.readMarks(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		e.log.Warn("what was at hand before the start cannot be read; events are taken all the same, a little slower", "partition", p, "error", err)
	}
}
