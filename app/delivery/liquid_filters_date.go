package delivery

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/osteele/liquid/values"
	"github.com/osteele/tuesday"
)

// dateFormats keeps compiled formats, which cost more to read than to use.
type dateFormats struct {
	mu    sync.Mutex
	known map[string]*tuesday.Formatter
}

func (d *dateFormats) formatter(format string) (*tuesday.Formatter, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if formatter, ok := d.known[format]; ok {
		return formatter, nil
	}
	formatter, err := tuesday.Compile(format)
	if err != nil {
		return nil, err
	}
	if len(d.known) >= 100 { // formats made of data must not fill the memory
		clear(d.known)
	}
	d.known[format] = formatter
	return formatter, nil
}

// dateFilter formats a moment as strftime does. What has no zone is UTC.
func dateFilter() templateFilter {
	formats := &dateFormats{known: map[string]*tuesday.Formatter{}}
	return func(r *templateRun, args []any, _ map[string]any) (any, error) {
		moment, err := r.momentOf(args[0])
		if err != nil {
			return nil, err
		}
		format := "%Y-%m-%d"
		if len(args) > 1 {
			format, _ = args[1].(string)
		}
		if len(format) > 200 || len(args) > 2 || wideField(format) {
			return nil, faultf("the format of a date cannot be used", `write it like | date: "%d.%m.%Y"`)
		}
		formatter, err := formats.formatter(format)
		if err != nil {
			return nil, err
		}
		return formatter.Format(moment), nil
	}
}

// wideField reports whether a format asks for a width of more than two digits.
func wideField(format string) bool {
	digits, inField := 0, false
	for _, c := range format {
		switch {
		case c == '%':
			digits, inField = 0, true
		case inField && c >= '0' && c <= '9':
			if digits++; digits > 2 {
				return true
			}
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			inField = false
		}
	}
	return false
}

func (r *templateRun) momentOf(value any) (time.Time, error) {
	switch value := values.ToLiquid(value).(type) {
	case time.Time:
		return value, nil
	case int:
		return time.Unix(int64(value), 0).UTC(), nil
	case float64:
		if math.Abs(value) < 1e15 {
			return time.Unix(int64(value), 0).UTC(), nil
		}
	case string:
		text := strings.TrimSpace(value)
		if text == "now" || text == "today" {
			return r.clock()
		}
		for _, layout := range []string{
			time.RFC3339Nano, "2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05 -0700",
			"2006-01-02 15:04:05", "2006-01-02 15:04", time.RFC1123Z, time.RFC1123, "2 January 2006", "2 Jan 2006",
			"January 2, 2006", "Jan 2, 2006",
		} {
			if moment, err := time.Parse(layout, text); err == nil {
				return moment, nil
			}
		}
		if seconds, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) < 13 {
			return time.Unix(seconds, 0).UTC(), nil
		}
		return time.Time{}, faultf(fmt.Sprintf("%q is not a date", shorten(text)), "dates are written 2026-01-31 or 2026-01-31T09:00:00Z")
	}
	return time.Time{}, faultf("date needs a date", "")
}
