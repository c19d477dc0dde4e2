package script

import "sync"

// Host compiles journeys and runs their handlers. It keeps a few prepared Lua states. It is safe for concurrent use.
type Host struct {
	limits     Limits
	known      *vocabulary
	predicates *vocabulary // of segments

	mu   sync.Mutex
	idle []*machine
}

// New returns a host; zero limits stand for the defaults.
func New(limits Limits) *Host {
	return &Host{limits: limits.withDefaults(), known: newVocabulary(), predicates: segmentVocabulary()}
}

func (h *Host) take() *machine {
	h.mu.Lock()
	if n := len(h.idle); n > 0 {
		m := h.idle[n-1]
		h.idle = h.idle[:n-1]
		h.mu.Unlock()
		return m
	}
	h.mu.Unlock()
	return newMachine()
}

// give takes a state back. One that saw an error is dropped.
func (h *Host) give(m *machine, sound bool) {
	m.end()
	if !sound {
		return
	}
	h.mu.Lock()
	if len(h.idle) < h.limits.Idle {
		h.idle = append(h.idle, m)
	}
	h.mu.Unlock()
}
