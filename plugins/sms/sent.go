package sms

import "sync"

// maxSent is how many messages are remembered by the ID that the gateway gave them.
const maxSent = 2_000

// sent finds a message by the gateway's ID for as long as the host does not yet: a report may come before the rest of the batch
// has been answered, and its receipts with the references for the host. It is memory only and forgets the oldest.
type sent struct {
	mu    sync.Mutex
	byID  map[string]string
	order []string // a ring of the gateway's IDs
	next  int
}

func (s *sent) remember(providerID, messageID string) {
	if providerID == "" || len(providerID) > 200 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]string{}
	}
	if _, known := s.byID[providerID]; !known {
		if len(s.order) < maxSent {
			s.order = append(s.order, providerID)
		} else {
			delete(s.byID, s.order[s.next])
			s.order[s.next] = providerID
			s.next = (s.next + 1) % maxSent
		}
	}
	s.byID[providerID] = messageID
}

// message is the ID of the message that the gateway calls by another, or "" if it is forgotten.
func (s *sent) message(providerID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[providerID]
}
