package social

import (
	"sync"
	"time"
)

// remembered is how many of the latest messages of a network are known at least; at most twice as many are kept.
const remembered = 20_000

// sent knows which message of ours carries which ID of the network's, so that a delivery or an answer finds its message. It
// is kept in memory: after a restart, what came of older messages is known by the address alone, unless the network
// carries our ID back itself. The zero value is empty.
type sent struct {
	mu         sync.Mutex
	young, old map[string]message
}

// message is one of ours that a network took.
type message struct {
	id string // ours
	to string // with the prefix
	at time.Time
}

// add remembers a message by each of the keys.
func (s *sent) add(m message, keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.young == nil || len(s.young) >= remembered {
		s.old, s.young = s.young, make(map[string]message)
	}
	for _, key := range keys {
		s.young[key] = m
	}
}

func (s *sent) find(key string) (message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.young[key]
	if !ok {
		m, ok = s.old[key]
	}
	return m, ok
}
