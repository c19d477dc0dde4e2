package push

import (
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of rests: anybody can name services, and one may ask for anything.
const (
	maxRests = 1000
	maxRest  = time.Hour
)

// rests are the services that asked to be left alone for a while, so that what goes there next makes no request in vain.
type rests struct {
	mu    sync.Mutex
	known map[string]restOf
}

type restOf struct {
	until time.Time
	why   string
}

// keep returns the receipt of a message that is kept back while a service rests; nil if it does not.
func (r *rests) keep(service string, now time.Time) *channel.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	rest, resting := r.known[service]
	if !resting {
		return nil
	}
	if !now.Before(rest.until) {
		delete(r.known, service)
		return nil
	}
	kept := channel.Untried(rest.why, rest.until.Sub(now))
	return &kept
}

// begin lets a service rest. A longer rest that has begun already is not shortened.
func (r *rests) begin(service string, now time.Time, wait time.Duration, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxRests {
		for name, rest := range r.known {
			if !now.Before(rest.until) {
				delete(r.known, name)
			}
		}
	}
	until := now.Add(min(wait, maxRest))
	if rest, resting := r.known[service]; resting && rest.until.After(until) || !resting && len(r.known) >= maxRests {
		return
	}
	if r.known == nil {
		r.known = map[string]restOf{}
	}
	r.known[service] = restOf{until, why}
}
