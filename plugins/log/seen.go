package log

import (
	"crypto/sha256"
	"encoding/hex"
)

// remembered is how many of the latest message IDs are known at least; at most twice as many are kept.
const remembered = 100_000

// key stands for a message ID: 16 bytes, as most IDs are.
type key [16]byte

func keyOf(id string) key {
	var k key
	if len(id) == 2*len(k) {
		if _, err := hex.Decode(k[:], []byte(id)); err == nil {
			return k
		}
	}
	sum := sha256.Sum256([]byte(id))
	return key(sum[:16])
}

// seen remembers the latest keys in two generations: when the young one is full it becomes the old one, whose keys
// are forgotten together. The zero value is empty.
type seen struct{ young, old map[key]struct{} }

// add reports whether the key was not known.
func (s *seen) add(k key) bool {
	if _, ok := s.young[k]; ok {
		return false
	}
	if _, ok := s.old[k]; ok {
		return false
	}
	if s.young == nil {
		s.young = map[key]struct{}{}
	}
	if len(s.young) >= remembered {
		s.old, s.young = s.young, map[key]struct{}{}
	}
	s.young[k] = struct{}{}
	return true
}

func (s *seen) remove(k key) {
	delete(s.young, k)
	delete(s.old, k)
}
