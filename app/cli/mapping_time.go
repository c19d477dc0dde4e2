package cli

import (
	"strconv"
	"strings"
	"time"
)

// timestampOf reads a moment from a column; ParseTime says which forms it may have.
func timestampOf(value Value) (time.Time, error) {
	text := strings.TrimSpace(value.Text)
	if value.JSON != nil {
		var err error
		if text, err = textOf("timestamp", value); err != nil {
			return time.Time{}, err
		}
		text = strings.TrimSpace(text)
	}
	moment, ok := ParseTime(text)
	if !ok {
		return time.Time{}, invalidField("timestamp",
			`timestamp %q is not a date between 1900 and 2200; write it like 2024-05-01, 2024-05-01 10:30:00, 2024-05-01T10:30:00Z or 1714559400`, shorten(text))
	}
	return moment, nil
}

// ParseTime reads a moment: RFC 3339 ("2024-05-01T10:30:00Z"), a date ("2024-05-01" or "20240501", taken as 00:00), a
// date and a time ("2024-05-01 10:30:00", with T too, with or without seconds and fractions, also with an offset behind it as
// Postgres and programs in Go and Ruby write it: "2024-05-01 10:30:00+02", "2024-05-01 10:30:00 +0200 CEST"), or seconds (9 or 10
// digits) or milliseconds (12 or 13) since 1970. What names no zone is UTC. It refuses years before 1900 and after
// 2200, as the server does.
func ParseTime(text string) (time.Time, bool) {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return parseDigits(text)
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04",
		"2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07", "2006-01-02T15:04:05Z07",
		"2006-01-02 15:04:05Z0700", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 MST",
		"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -0700 MST", "2006-01-02 15:04:05 -0700 -0700",
	} {
		moment, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if strings.HasSuffix(layout, ":05 MST") && !strings.HasSuffix(text, " UTC") && !strings.HasSuffix(text, " GMT") {
			return time.Time{}, false // other abbreviations name no single zone
		}
		return inRange(moment)
	}
	return time.Time{}, false
}

func parseDigits(text string) (time.Time, bool) {
	if len(text) == 8 {
		moment, err := time.Parse("20060102", text)
		if err != nil {
			return time.Time{}, false
		}
		return inRange(moment)
	}
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case len(text) >= 9 && len(text) <= 10:
		return inRange(time.Unix(number, 0))
	case len(text) >= 12 && len(text) <= 13:
		return inRange(time.UnixMilli(number))
	}
	return time.Time{}, false
}

func inRange(moment time.Time) (time.Time, bool) {
	moment = moment.UTC()
	return moment, moment.Year() >= 1900 && moment.Year() <= 2200
}
