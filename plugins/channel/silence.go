package channel

import (
	"sync"
	"time"
)

// Bounds of what is sent to somebody who does not answer.
const (
	silentAfter = 2 * time.Second // requests wait for an answer before nothing more is sent beside them
	silentMost  = 5 * time.Minute // is kept back at a time
	silentKnown = 1000            // who are remembered: anybody may be able to name new ones
)

// Silence keeps those who do not answer from holding up the others: every request to them takes a place until its time is over.
// While nothing has been answered for a while, or since a request ran out of time, one request at a time finds out whether there
// is an answer again, and a connector gives back the rest as untried. The zero value is ready.
type Silence struct {
	mu    sync.Mutex
	known map[string]*silent
}

type silent struct {
	underWay int
	since    time.Time // the last answer, or what was sent first after it
	ended    time.Time // the last request
	timedOut bool      // likewise
}

// Begin says that a request is to be made to somebody, whatever they are called. If wait is not 0, it is not to be made now: give
// the message back as Untried. Else End says how it ended.
func (s *Silence) Begin(name string, now time.Time) (wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.known[name]
	if one == nil {
		if s.known == nil || len(s.known) >= silentKnown {
			s.forget()
		}
		one = &silent{since: now}
		s.known[name] = one
	}
	// What is given back comes again within as long as they were silent by then. If nothing has for longer, nobody knows how they are.
	if one.underWay == 0 && now.Sub(one.ended) > one.ended.Sub(one.since) {
		one.since = now
	}
	silence := now.Sub(one.since)
	if one.underWay > 0 && (one.timedOut || silence > silentAfter) {
		return min(max(silence, time.Second), silentMost) // as long again
	}
	one.underWay++
	return 0
}

// End says that a request has ended, with an answer or by running out of time.
func (s *Silence) End(name string, answered bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.known[name]
	one.underWay--
	one.ended, one.timedOut = now, !answered
	if answered {
		one.since = now
	}
	if answered && one.underWay == 0 {
		delete(s.known, name)
	}
}

// forget drops those to whom nothing is under way.
func (s *Silence) forget() {
	kept := map[string]*silent{}
	for name, one := range s.known {
		if one.underWay > 0 {
			kept[name] = one
		}
	}
	s.known = kept
}
