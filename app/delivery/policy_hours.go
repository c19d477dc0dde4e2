package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Hours is a part of the week.
type Hours struct {
	Days     [7]bool // by time.Weekday
	From, To int     // minutes of the day, 0 to 1440; To is not part of it
}

// on returns when they begin and end on the day of a moment, some days later, by the clock of its zone. What the clock shows twice
// counts the first time; hours that lie within a gap of it last as long behind the gap.
func (h Hours) on(from time.Time, days int) (begins, ends time.Time) {
	begins, ends = wallTime(from, days, h.From), wallTime(from, days, h.To)
	if ends.Equal(begins) {
		ends = begins.Add(time.Duration(h.To-h.From) * time.Minute)
	}
	return begins, ends
}

// holds reports whether a moment is within, by the clock of its zone.
func (h Hours) holds(at time.Time) bool {
	begins, ends := h.on(at, 0)
	return h.Days[at.Weekday()] && !at.Before(begins) && at.Before(ends)
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
			begins, _ := h.on(now, day)
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

// wallTime returns when the clock of a moment's zone first shows a minute of the day, some days later. Where the clock is put
// forward over that minute, it is the first moment after the gap.
func wallTime(from time.Time, days, minute int) time.Time {
	year, month, day := from.Date()
	return lifecycle.WallTime(year, month, day+days, 0, minute, from.Location()).In(from.Location())
}

// zones finds the time zones of customers.
type zones struct {
	fallback *time.Location
	named    *lifecycle.Zones
}

func newZones(fallback *time.Location) *zones {
	if fallback == nil {
		fallback = time.UTC
	}
	return &zones{fallback, lifecycle.NewZones(nil)} // the engine tells the log, which hears of every trait before
}

// of returns a customer's zone.
func (z *zones) of(customer *lifecycle.Customer) *time.Location {
	if zone := z.named.Of(customer); zone != nil {
		return zone
	}
	return z.fallback
}
