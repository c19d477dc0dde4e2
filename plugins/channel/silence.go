package channel

import (
	"sync"
	"time"
)

// Bounds of what is sent to somebody who does not answer.
const (
	silentAfter = 800 * time.Millisecond // requests wait for an answer before nothing more is sent beside them
	silentMost  = 5 * time.Minute        // is waited for an answer; then what cannot be sent was tried like what was
	silentKnown = 1000                   // who are remembered: anybody may be able to name new ones
)

// Silence keeps those who do not answer from holding up the others: every request to them takes a place until its time is over.
// While nothing has been answered for a while, or since a request ran out of time, one request at a time finds out whether there
// is an answer again, and a connector gives back the rest. The zero value is ready.
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

// Begin says that a request is to be made to somebody, whatever they are called, and for people. If there is a receipt, it is not to
// be made now: that is what becomes of the message. Else End says how the request ended.
//
// The message is Untried at first. Once the silence is long, another one's request that runs out of time is a try of this one too:
// the host tries both at ever longer pauses, and for as long as it tries anything.
func (s *Silence) Begin(name, called string, now time.Time) *Receipt {
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
	switch silence := now.Sub(one.since); {
	case one.underWay == 0 || !one.timedOut && silence <= silentAfter:
		one.underWay++
		return nil
	case silence < silentMost:
		kept := Untried(called+" does not answer just now, and is tried with another message", max(silence, time.Second)) // as long again
		return &kept
	}
	return &Receipt{Outcome: Temporary, Reason: called + " has answered nothing since " + one.since.UTC().Format("2 January 15:04 MST") + ", and is tried with another message"}
}

// End says that a request has ended, with an answer or by running out of time after it has waited so long. One that was cut off soon, as
// whoever asked for it went away, says nothing about who did not answer.
func (s *Silence) End(name string, answered bool, waited time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.known[name]
	one.underWay--
	one.ended = now
	if answered {
		one.since = now
	}
	if answered || waited > silentAfter {
		one.timedOut = !answered
	}
	if !one.timedOut && one.underWay == 0 {
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
