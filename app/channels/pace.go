package channels

import (
	"sync"
	"time"
)

// pace spreads messages evenly: each takes its share of time, and those who come later queue behind it. Those that go
// first queue among themselves only, and put the others off by their share.
type pace struct {
	mu      sync.Mutex
	each    time.Duration // one message's share; 0: no limit
	free    time.Time     // when the next message may leave
	lead    time.Time     // when the next one of those that go first may
	changed chan struct{} // closed and replaced with every change of the rate
}

// newPace returns the pace of so many messages a second; 0 or less is no limit.
func newPace(rate float64) *pace {
	p := &pace{changed: make(chan struct{})}
	p.set(rate)
	return p
}

// set changes the rate. What was reserved at another one counts no more, and those who wait for it ask again.
func (p *pace) set(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	each := time.Duration(0)
	if rate > 0 {
		each = time.Duration(float64(time.Second) / rate)
	}
	if each == p.each {
		return
	}
	p.each, p.free, p.lead = each, time.Time{}, time.Time{}
	close(p.changed)
	p.changed = make(chan struct{})
}

// chunk is how many messages may go together: what leaves in a quarter of a second, one at least.
func (p *pace) chunk(most int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.each <= 0 {
		return most
	}
	return min(most, max(1, int(time.Second/4/p.each)))
}

// reserve returns when n messages may leave, or n that go first, unless the rate is changed before. Where that is later than
// by, nothing is reserved.
func (p *pace) reserve(n int, first bool, now, by time.Time) (at time.Time, ok bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.each <= 0 {
		return now, true, p.changed
	}
	if at = p.free; first {
		at = p.lead
	}
	if at.Before(now) {
		at = now
	}
	if !by.IsZero() && at.After(by) {
		return at, false, p.changed
	}
	share := time.Duration(n) * p.each
	if first {
		p.lead = at.Add(share)
	}
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(share)
	return at, true, p.changed
}
