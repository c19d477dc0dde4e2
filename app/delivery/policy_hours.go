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
