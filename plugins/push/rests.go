package push

import (
	"maps"
	"slices"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of rests: anybody can name services, and one may ask for anything.
const (
	maxRests = 1000
	maxRest  = time.Hour
)

// A service that asks this many different targets to wait, so soon after one another and with nothing accepted in between,
// means all that we send.
const (
	severalTargets = 3
	soon           = time.Minute
)

// rests are the services that asked to be left alone for a while, so that what goes there next makes no request in vain.
type rests struct {
	mu      sync.Mutex
	known   map[string]restOf
	waiting map[string]waitingOf
}

// waitingOf are the targets that a service lately asked to wait, up to as many as matter.
type waitingOf struct {
	since   time.Time
	targets []string
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

// heed learns from what a service answers for one target. With 5xx it speaks of itself; another wait, as with 429, may be
// that of the one device or browser which gets too much, and then the others need not wait.
func (r *rests) heed(service, target string, now time.Time, status int, receipt channel.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case receipt.Outcome == channel.Accepted:
		delete(r.waiting, service)
	case receipt.RetryAfter > 0 && (status >= 500 || r.several(service, target, now)):
		delete(r.waiting, service)
		r.begin(service, now, receipt.RetryAfter, receipt.Reason)
	}
}

// several notes that a target has to wait, and reports whether so many have to that it is the service.
func (r *rests) several(service, target string, now time.Time) bool {
	maps.DeleteFunc(r.waiting, func(_ string, w waitingOf) bool { return now.Sub(w.since) >= soon })
	lately, known := r.waiting[service]
	if !known {
		if len(r.waiting) >= maxRests {
			return false
		}
		lately.since = now
	}
	if !slices.Contains(lately.targets, target) {
		lately.targets = append(lately.targets, target)
	}
	if r.waiting == nil {
		r.waiting = map[string]waitingOf{}
	}
	r.waiting[service] = lately
	return len(lately.targets) >= severalTargets
}

// begin lets a service rest. A longer rest that has begun already is not shortened.
func (r *rests) begin(service string, now time.Time, wait time.Duration, why string) {
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
