package store

import "unsafe"

// maxRecentBytes bounds what is kept in memory of one partition, 64 MB for all of them.
const maxRecentBytes = 1 << 20

// maxRecentValue is the largest value worth keeping.
const maxRecentValue = 4 << 10

// recent keeps what a partition read last, as it was written since, so that a customer who is busy, or a message on its way, is not
// searched for in the files again and again. It belongs to the partition's single writer, which makes it exact: nobody
// else changes what it holds. It forgets by generations: what was not used for a whole one is gone.
type recent struct {
	young, old map[string][]byte // full key -> value; nil: there is none
	bytes      int               // of young
}

func newRecent() *recent { return &recent{young: map[string][]byte{}} }

func (r *recent) get(key []byte) (value []byte, known bool) {
	if value, known = r.young[string(key)]; known {
		return value, true
	}
	if value, known = r.old[string(key)]; known {
		r.keep(string(key), value)
	}
	return value, known
}

// put keeps what was read. Key and value must not change afterwards.
func (r *recent) put(key, value []byte) {
	if len(value) <= maxRecentValue {
		r.keep(unsafe.String(&key[0], len(key)), value)
	}
}

// update takes over a write, if the key was read before: most of what is written is not read again soon, nor is what was looked
// for and is new, such as the customers of an import.
func (r *recent) update(key, value []byte) {
	before, known := r.young[string(key)]
	if !known {
		before, known = r.old[string(key)]
	}
	if !known {
		return
	}
	delete(r.young, string(key))
	delete(r.old, string(key))
	if before != nil {
		r.put(key, value)
	}
}

func (r *recent) keep(key string, value []byte) {
	const overhead = 100 // of an entry of a map, about
	r.young[key] = value
	if r.bytes += len(key) + len(value) + overhead; r.bytes > maxRecentBytes/2 {
		r.old, r.young, r.bytes = r.young, make(map[string][]byte, len(r.young)), 0
	}
}
