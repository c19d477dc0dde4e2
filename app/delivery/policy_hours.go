package delivery

import (
	"encoding/json"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// Hours is a part of the week.
type Hours struct {
	Days     [7]bool // by time.Weekday
	From, To int     // minutes of the day, 0 to 1440; To is not part of it
}

// holds reports whether a moment is within, by the clock of its zone.
func (h Hours) holds(at time.Time) bool {
	minute := at.Hour()*60 + at.Minute()
	return h.Days[at.Weekday()] && minute >= h.From && minute < h.To
}

// nextAllowed returns the first moment, from now on, that is within one of the hours, by the clock of now's zone. With
// hours that never come it is a week later, when they are asked again.
func nextAllowed(hours []Hours, now time.Time) time.Time {
	for _, h := range hours {
		if h.holds(now) {
			return now
		}
	}
	for day := range 8 {
		var first time.Time
		for _, h := range hours {
			begins := wallTime(now, day, h.From)
			if begins.After(now) && h.holds(begins) && (first.IsZero() || begins.Before(first)) {
				first = begins
			}
		}
		if !first.IsZero() {
			return first
		}
	}
	return now.AddDate(0, 0, 7)
}

// wallTime returns when the clock of a moment's zone shows a minute of the day, some days later. Where the clock is put
// forward over that minute, it is the first moment after the gap.
func wallTime(from time.Time, days, minute int) time.Time {
	year, month, day := from.Date()
	at := time.Date(year, month, day+days, 0, minute, 0, 0, from.Location())
	want := time.Date(year, month, day+days, 0, minute, 0, 0, time.UTC)
	shown := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	if shown.Equal(want) {
		return at
	}
	begins, ends := at.ZoneBounds()
	if shown.After(want) {
		return begins.In(from.Location())
	}
	return ends.In(from.Location())
}

// maxZones bounds how many names of zones are remembered; there are about 600 that mean something.
const maxZones = 2000

// zones finds the time zones of customers and remembers them by the JSON of the trait timezone; nil for what names none.
type zones struct {
	fallback *time.Location
	mu       sync.RWMutex
	known    map[string]*time.Location
}

func newZones(fallback *time.Location) *zones {
	if fallback == nil {
		fallback = time.UTC
	}
	return &zones{fallback: fallback, known: map[string]*time.Location{}}
}

// of returns a customer's zone.
func (z *zones) of(customer *lifecycle.Customer) *time.Location {
	trait, ok := customer.Traits["timezone"]
	if !ok || len(trait) > lifecycle.MaxNameBytes {
		return z.fallback
	}
	z.mu.RLock()
	zone, known := z.known[string(trait)]
	z.mu.RUnlock()
	if !known {
		zone = z.remember(trait)
	}
	if zone == nil {
		return z.fallback
	}
	return zone
}

func (z *zones) remember(trait json.RawMessage) *time.Location {
	var name string
	var zone *time.Location
	if json.Unmarshal(trait, &name) == nil && name != "" && name != "Local" {
		if found, err := time.LoadLocation(name); err == nil {
			zone = found
		}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.known) >= maxZones {
		clear(z.known)
	}
	z.known[string(trait)] = zone
	return zone
}
