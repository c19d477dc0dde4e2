package lifecycle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxDuration is the longest duration a script may name: ten years of 365 days.
const MaxDuration = 3650 * 24 * time.Hour

// ParseDuration reads a duration as people write it ("30 days", "2 weeks 3 days", "1.5 hours") or as ISO 8601 writes
// it ("P30D", "PT36H"). A day is 24 hours and a week 7 days; there are no months and years, whose length varies.
// It accepts 0 to MaxDuration.
func ParseDuration(text string) (time.Duration, error) {
	trimmed := strings.TrimSpace(text)
	var total float64
	var err error
	if strings.HasPrefix(trimmed, "P") || strings.HasPrefix(trimmed, "p") {
		total, err = parseISODuration(strings.ToUpper(trimmed))
	} else {
		total, err = parsePlainDuration(trimmed)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: %w", text, err)
	}
	if total > float64(MaxDuration) {
		return 0, fmt.Errorf("%q is longer than ten years", text)
	}
	return time.Duration(math.Round(total)), nil
}

func parsePlainDuration(text string) (float64, error) {
	const help = `write it like "30 days", "2 weeks", "36 hours" or "PT36H"`
	var total float64
	rest := text
	for parts := 0; ; parts++ {
		rest = strings.TrimLeft(rest, " ,")
		if rest == "" {
			if parts == 0 {
				return 0, fmt.Errorf("it is empty; %s", help)
			}
			return total, nil
		}
		digits := leadingNumber(rest)
		if digits == 0 {
			return 0, fmt.Errorf("no number at %q; %s", rest, help)
		}
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number; %s", rest[:digits], help)
		}
		rest = strings.TrimLeft(rest[digits:], " ")
		letters := 0
		for letters < len(rest) && (rest[letters]|0x20 >= 'a' && rest[letters]|0x20 <= 'z') {
			letters++
		}
		unit, ok := durationUnit(strings.ToLower(rest[:letters]))
		if !ok {
			return 0, fmt.Errorf("unknown unit %q; %s", rest[:letters], help)
		}
		total += number * float64(unit)
		rest = rest[letters:]
	}
}

func durationUnit(name string) (time.Duration, bool) {
	switch name {
	case "s", "sec", "secs", "second", "seconds":
		return time.Second, true
	case "m", "min", "mins", "minute", "minutes":
		return time.Minute, true
	case "h", "hr", "hrs", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return 24 * time.Hour, true
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

func parseISODuration(text string) (float64, error) {
	var total float64
	rest, inTime, parts := text[1:], false, 0
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			inTime, rest = true, rest[1:]
			continue
		}
		digits := leadingNumber(rest)
		if digits == 0 || digits == len(rest) {
			return 0, fmt.Errorf("in ISO 8601 each number is followed by W, D, H, M or S")
		}
		number, err := strconv.ParseFloat(rest[:digits], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number", rest[:digits])
		}
		var unit time.Duration
		switch designator := rest[digits]; {
		case !inTime && designator == 'W':
			unit = 7 * 24 * time.Hour
		case !inTime && designator == 'D':
			unit = 24 * time.Hour
		case inTime && designator == 'H':
			unit = time.Hour
		case inTime && designator == 'M':
			unit = time.Minute
		case inTime && designator == 'S':
			unit = time.Second
		default:
			return 0, fmt.Errorf("%q has no fixed length here; use weeks, days, hours, minutes or seconds", rest[:digits+1])
		}
		total += number * float64(unit)
		rest = rest[digits+1:]
		parts++
	}
	if parts == 0 {
		return 0, fmt.Errorf("it has no parts")
	}
	return total, nil
}

// leadingNumber returns how many bytes at the start of text are digits with at most one decimal point.
func leadingNumber(text string) int {
	point := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] >= '0' && text[i] <= '9':
		case text[i] == '.' && !point && i > 0:
			point = true
		default:
			return i
		}
	}
	return len(text)
}
