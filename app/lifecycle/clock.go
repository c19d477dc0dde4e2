package lifecycle

import (
	"context"
	"sync"
	"time"
)

// Clock is the one clock of a process. Everything that asks for the time or waits for a moment does it here, so that
// tests and simulations can put another one in its place.
type Clock interface {
	// Now returns the present moment in UTC.
	Now() time.Time
	// Wait returns when the moment has come (nil), or when ctx ends (its error).
	Wait(ctx context.Context, until time.Time) error
}

// IsPlausible reports whether something can have happened at a moment that somebody else says: it lies in the years 1900 to 2200. All
// of them can be counted in nanoseconds and written as JSON.
func IsPlausible(at time.Time) bool { return at.Year() >= 1900 && at.Year() <= 2200 }

// WallClock is the machine's clock.
type WallClock struct{}

// Now returns the machine's time in UTC, without its monotonic reading.
func (WallClock) Now() time.Time { return time.Now().UTC().Round(0) }

// Wait sleeps until the moment on the machine's clock.
func (WallClock) Wait(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ManualClock moves only when told to. Waiters whose moment has come are released by Advance and Set.
type ManualClock struct {
	mu      sync.Mutex
	now     time.Time
	changed chan struct{}
}

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *ManualClock {
	return &ManualClock{now: start.UTC(), changed: make(chan struct{})}
}

// Now returns where the clock stands.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to a moment; one in the past leaves it where it is.
func (c *ManualClock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.now) {
		c.now = now.UTC()
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// Advance moves the clock forward.
func (c *ManualClock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Wait returns when the clock has been moved to the moment or past it.
func (c *ManualClock) Wait(ctx context.Context, until time.Time) error {
	for {
		c.mu.Lock()
		now, changed := c.now, c.changed
		c.mu.Unlock()
		if !now.Before(until) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Sleep returns at the moment on the clock, when woken, or when ctx ends. A wake that came before the call counts.
func Sleep(ctx context.Context, clock Clock, until time.Time, wake <-chan struct{}) {
	if _, is := clock.(WallClock); is { // the common case without a goroutine of its own
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		return
	}
	ctx, stop := context.WithCancel(ctx)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		select {
		case <-wake:
			stop()
		case <-ctx.Done():
		}
	}()
	_ = clock.Wait(ctx, until)
	stop()
	<-listening // else it could take a wake that belongs to the next call
}
