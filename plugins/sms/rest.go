package sms

import (
	"errors"
	"sync"
	"time"
)

// maxRest is how long one answer can make the connector rest.
const maxRest = time.Hour

// rest remembers that the provider asked to be left alone, or does not take anything from us, so that the messages after
// the one that learnt it make no request in vain.
type rest struct {
	mu      sync.Mutex
	until   time.Time
	why     string // it rests until then
	trouble string // of the last request that failed for a reason that is not its message's; "" after one that worked
}

// left is how much longer nothing is to be sent, and why.
func (r *rest) left(now time.Time) (time.Duration, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.until.Sub(now)), r.why
}

// begin rests for a while; 0 only notes the trouble. A longer rest that has begun already is not shortened.
func (r *rest) begin(now time.Time, wait time.Duration, trouble string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if until := now.Add(min(wait, maxRest)); wait > 0 && until.After(r.until) {
		r.until, r.why = until, trouble
	}
	r.trouble = trouble
}

// over says that the provider takes messages. A rest that it asked for goes on.
func (r *rest) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble = ""
}

func (r *rest) health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble == "" {
		return nil
	}
	return errors.New(r.trouble)
}
