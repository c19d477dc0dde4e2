package social

import (
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// remembered is how many of the latest messages of a network are known at least; at most twice as many are kept.
const remembered = 2_000

// sent knows which message of ours carries which ID of the network's, so that a delivery or an answer finds its message for as
// long as the host does not know it yet: that learns it from the receipts of the whole batch. It is kept in memory. The zero
// value is empty.
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

// took is the receipt of a message that was accepted, and that the network knows by these keys.
func (l *line) took(m *channel.Message, keys ...string) channel.Receipt {
	l.sent.add(message{m.ID, m.To, l.now()}, keys...)
	r := l.fine()
	for _, key := range keys {
		if reference := l.reference(key); reference != "" {
			r.References = append(r.References, reference)
		}
	}
	return r
}

// reference is a key as the host keeps it, for the networks of one connector share its references.
func (l *line) reference(key string) string {
	if key == "" || len(l.name)+1+len(key) > channel.MaxReferenceBytes {
		return ""
	}
	return l.name + " " + key
}

// about names the message that the network calls by a key: by our ID where it is remembered, else by the reference for the
// host. Both are empty for an empty key.
func (l *line) about(key string) (id, reference string) {
	if known, ok := l.sent.find(key); ok && key != "" {
		return known.id, ""
	}
	return "", l.reference(key)
}
