package channels

import (
	"sync"
	"time"
)

// breakAfter is how many calls in a row must fail before no more are made for a while. Each leaves a batch in doubt.
const breakAfter = 3

// breaker keeps messages from a connector that runs and yet fails one call after the other. After a pause one call is
// let through to try it: its success lets all through again, its failure doubles the pause.
type breaker struct {
	least, most time.Duration // of a pause

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // of the pause; zero: all may pass
	trying   bool      // the call that tries is under way
}

// passes reports whether a call may be made now, and if not, after what time. It changes nothing.
func (b *breaker) passes(now time.Time) (after time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.look(now)
}

func (b *breaker) look(now time.Time) (time.Duration, bool) {
	switch {
	case b.until.IsZero():
		return 0, true
	case now.Before(b.until):
		return b.until.Sub(now), false
	}
	return b.least, !b.trying
}

// enter is passes for a call that will be made.
func (b *breaker) enter(now time.Time) (after time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	after, ok = b.look(now)
	b.trying = b.trying || ok && !b.until.IsZero()
	return after, ok
}

// leave tells how a call ended. It returns the pause that begins with it, or 0.
func (b *breaker) leave(now time.Time, failed bool) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !failed {
		b.failures, b.until, b.trying = 0, time.Time{}, false
		return 0
	}
	b.trying = false
	if b.failures++; b.failures < breakAfter {
		return 0
	}
	pause := backoff(b.failures-breakAfter+1, b.least, b.most)
	b.until = now.Add(pause)
	return pause
}

// giveUp is leave for a call of which nothing is known.
func (b *breaker) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
