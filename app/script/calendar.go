package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// Moment is what wait_until waits for: a time of day, on some days of the week or on one date.
type Moment struct {
	Days         [7]bool // by time.Weekday
	Hour, Minute int
	Date         time.Time // zero: any; its year, month and day count
}

var dayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

const momentForm = `write it like "09:00", "mon-fri 09:00", "mon,wed 08:00" or "2026-06-01 09:00"`

// ParseMoment reads "09:00", "sat 10:30", "mon-fri 09:00", "mon,wed,fri-sun 08:00" or "2026-06-01 09:00". Days are English,
// in three letters or in full; a range may go over the end of the week. The error says what to write.
func ParseMoment(text string) (Moment, error) {
	var m Moment
	fields := strings.Fields(strings.ToLower(text))
	if len(fields) == 0 || len(text) > 100 {
		return m, fmt.Errorf("%q is not a time of day; %s", cut(text, 80), momentForm)
	}
	hour, minute, ok := clock(fields[len(fields)-1])
	if !ok {
		return m, fmt.Errorf("%q is not a time of day; %s", cut(text, 80), momentForm)
	}
	m.Hour, m.Minute = hour, minute
	if len(fields) == 1 {
		m.Days = [7]bool{true, true, true, true, true, true, true}
		return m, nil
	}
	if len(fields) == 2 {
		date, err := time.Parse(time.DateOnly, fields[0])
		switch {
		case err == nil:
			m.Date = date
			return m, nil
		case looksLikeDate(fields[0]):
			return m, fmt.Errorf("%q is no date of the calendar; %s", cut(fields[0], 80), momentForm)
		}
	}
	for _, part := range strings.Split(strings.Join(fields[:len(fields)-1], ""), ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, okFrom := weekday(first)
		to, okTo := from, okFrom
		if isRange {
			to, okTo = weekday(last)
		}
		if !okFrom || !okTo {
			return Moment{}, fmt.Errorf("%q does not name days of the week; %s", cut(part, 80), momentForm)
		}
		for day := from; ; day = (day + 1) % 7 {
			m.Days[day] = true
			if day == to {
				break
			}
		}
	}
	return m, nil
}

// looksLikeDate reports whether a text is meant as a date: 2026-02-30, 2026-2-3, 01.06.2026.
func looksLikeDate(text string) bool {
	return strings.Trim(text, "0123456789-/.") == "" && strings.ContainsAny(text, "0123456789")
}

func weekday(name string) (int, bool) {
	day := slices.IndexFunc(dayNames, func(full string) bool { return name == full || name == full[:3] })
	return day, day >= 0
}

// clock reads 9:00 or 09:00, up to 23:59.
func clock(text string) (hour, minute int, ok bool) {
	h, m, found := strings.Cut(text, ":")
	if !found || len(h) < 1 || len(h) > 2 || len(m) != 2 {
		return 0, 0, false
	}
	hour, errH := strconv.Atoi(h)
	minute, errM := strconv.Atoi(m)
	ok = errH == nil && errM == nil && isDigit(h[0]) && isDigit(m[0]) && hour < 24 && minute < 60
	return hour, minute, ok
}

// After returns the first such moment after now on the clock of the zone (nil: UTC). A time that the clock skips when it
// is put forward becomes the first moment after the gap; of one that it shows twice the first counts. A moment of a date
// that has passed is now.
func (m Moment) After(now time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	if !m.Date.IsZero() {
		if at := lifecycle.WallTime(m.Date.Year(), m.Date.Month(), m.Date.Day(), m.Hour, m.Minute, zone); at.After(now) {
			return at.UTC()
		}
		return now.UTC()
	}
	year, month, day := now.In(zone).Date()
	for i := 0; i < 15; i++ { // two weeks, because a zone may have skipped a whole day
		noon := time.Date(year, month, day+i, 12, 0, 0, 0, time.UTC)
		if !m.Days[noon.Weekday()] {
			continue
		}
		if at := lifecycle.WallTime(noon.Year(), noon.Month(), noon.Day(), m.Hour, m.Minute, zone); at.After(now) {
			return at.UTC()
		}
	}
	return now.Add(24 * time.Hour).UTC() // no day was chosen; ParseMoment makes no such Moment
}
