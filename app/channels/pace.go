package channels

import (
	"sync"
	"time"
)

// pace spreads messages evenly: each takes its share of time, and those who come later queue behind it. Those that go
// first queue among themselves only, and put the others off by their share.
type pace struct {
	each time.Duration // one message's share; 0: no limit

	mu   sync.Mutex
	free time.Time // when the next message may leave
	lead time.Time // when the next one of those that go first may
}

// newPace returns the pace of so many messages a second; 0 or less is no limit.
func newPace(rate float64) *pace {
	if rate <= 0 {
		return &pace{}
	}
	return &pace{each: time.Duration(float64(time.Second) / rate)}
}

// chunk is how many messages may go together: what leaves in a quarter of a second, one at least.
func (p *pace) chunk(most int) int {
	if p.each <= 0 {
		return most
	}
	return min(most, max(1, int(time.Second/4/p.each)))
}

// reserve returns when n messages may leave, or n that go first. Where that is later than by, nothing is reserved.
func (p *pace) reserve(n int, first bool, now, by time.Time) (at time.Time, ok bool) {
	if p.each <= 0 {
		return now, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at = p.free; first {
		at = p.lead
	}
	if at.Before(now) {
		at = now
	}
	if !by.IsZero() && at.After(by) {
		return at, false
	}
	share := time.Duration(n) * p.each
	if first {
		p.lead = at.Add(share)
	}
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(share)
	return at, true
}
