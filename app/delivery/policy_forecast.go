package delivery

import (
	"maps"
	"slices"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Forecast counts which messages the caps of a policy would hold back, of messages that are decided and never sent: in a
// simulation. One that would wait counts as leaving when there is room, if it is not too old by then. Quiet hours are left
// out of it.
type Forecast struct {
	policy Policy
	memory time.Duration
	zones  *zones
	mu     sync.Mutex
	left   map[lifecycle.ID]leavings
	hits   map[string]int64
}

// NewForecast begins with nothing sent. It keeps at most a few KB for every customer who is written to.
func NewForecast(policy Policy) *Forecast {
	return &Forecast{policy: policy, memory: policy.memory(), zones: newZones(policy.Zone), left: map[lifecycle.ID]leavings{}, hits: map[string]int64{}}
}

// Take counts a message once its decision is committed. Each customer's messages come in the order of their decisions.
func (f *Forecast) Take(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer) {
	if len(f.policy.Caps) == 0 || !f.policy.remembers(m) {
		return
	}
	now, decided := customer.Lapsed(m.Decided).In(f.zones.of(customer)), *m
	tx.After(func() { f.take(&decided, now) })
}

func (f *Forecast) take(m *lifecycle.Message, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.left[m.Customer]
	leaves := now
	if m.Kind == lifecycle.Marketing {
		leaves = f.leaves(list, m.Channel, now)
	}
	if leaves.After(now) {
		f.hits[m.Name]++
		if m.Options["caps"] == capsDrop || !m.Expires.IsZero() && leaves.Sub(now) >= m.Expires.Sub(m.Decided) {
			return
		}
	}
	for len(list) > 0 && (len(list) >= maxLeavings || now.Sub(list[0].at) > f.memory) {
		list = list[1:]
	}
	f.left[m.Customer] = slices.Insert(list, list.until(leaves), leaving{at: leaves, channel: m.Channel})
}

// leaves returns the first moment at which every cap has room, after what has left by then and what waits already.
func (f *Forecast) leaves(list leavings, channel string, now time.Time) time.Time {
	for at := now; ; {
		left, next := list[:list.until(at)], at
		for _, scope := range f.policy.capsOf(channel) {
			for _, c := range scope.caps {
				next = later(next, c.free(left, scope.channel, at))
			}
		}
		if next.Equal(at) || next.Sub(now) > MaxWithin {
			return next
		}
		at = next
	}
}

// until returns how many have left by a moment.
func (l leavings) until(at time.Time) int {
	n := len(l)
	for n > 0 && l[n-1].at.After(at) {
		n--
	}
	return n
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Hits returns how often caps would have held a message back, by its name.
func (f *Forecast) Hits() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.hits)
}
