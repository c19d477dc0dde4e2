package email

import (
	"sync"
	"time"
)

// rates keeps the messages to each recipient domain below a rate (a generic cell rate algorithm with a burst of one
// second's messages). Marketing that is too early gets a time of its own to come back at, so that it does not all come at once.
// What is owed counts and never waits.
type rates struct {
	perSecond map[string]float64 // by domain in ASCII and lower case; "*" for each other domain
	mu        sync.Mutex
	domains   map[string]*pace
}

type pace struct {
	next   time.Time // when a sender without burst could send the next message
	queued time.Time // when the last one of those that were sent away may come back
}

// maxPaces is how many domains are kept in mind before those that are idle are forgotten.
const maxPaces = 10_000

func newRates(perSecond map[string]float64) *rates {
	return &rates{perSecond: perSecond, domains: map[string]*pace{}}
}

// take takes a message's turn, or returns how long it has to wait before it asks again.
func (r *rates) take(kind, domain string, now time.Time) time.Duration {
	rate, ok := r.perSecond[domain]
	if !ok {
		if rate, ok = r.perSecond["*"]; !ok {
			return 0
		}
	}
	step := time.Duration(float64(time.Second) / rate)
	burst := max(time.Second, step)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.domains[domain]
	if p == nil {
		if len(r.domains) >= maxPaces {
			for name, old := range r.domains {
				if old.next.Before(now) && old.queued.Before(now) {
					delete(r.domains, name)
				}
			}
		}
		p = &pace{}
		r.domains[domain] = p
	}
	if p.next.Before(now) {
		p.next = now
	}
	if next := p.next.Add(step); kind != "marketing" || !next.After(now.Add(burst)) {
		p.next = next
		return 0
	}
	earliest := p.next.Add(step - burst)
	if p.queued.Before(earliest) {
		p.queued = earliest
	} else {
		p.queued = p.queued.Add(step)
	}
	return p.queued.Sub(now)
}
