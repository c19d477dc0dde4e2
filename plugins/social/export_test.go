package social

import "time"

// What the tests see of the inside: the clock, and how IDs are shortened.

// WithClock returns a connector that reads the time elsewhere.
func WithClock(now func() time.Time) *Connector { return &Connector{now: now} }

var (
	Track   = track
	Tracked = tracked
)
