package channels

import (
	"sync"
	"time"
)

// Bounds of what a connector may report as time goes on, in reports about messages. One that says more waits: whoever makes
// things up must not keep the reports of others from being stored.
const (
	reportRate  = 2000 // a second
	reportBurst = 20_000
	addressCost = 50 // one about an address is looked up in all partitions
)

// hearing is how much more may be heard at once.
type hearing struct {
	mu     sync.Mutex
	budget float64
	at     time.Time
}

// spend takes what a report costs, and returns how long to wait before the next one is heard.
func (h *hearing) spend(cost int, now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.IsZero() {
		h.budget = reportBurst
	} else {
		h.budget = min(reportBurst, h.budget+max(0, now.Sub(h.at).Seconds())*reportRate)
	}
	h.at = now
	h.budget -= float64(cost)
	return max(0, time.Duration(-h.budget/reportRate*float64(time.Second)))
}
