package web

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Refusals counts refused events.
type Refusals = refusals

// Note counts n more, and says how many the log tells of now.
func (r *refusals) Note(n int, now time.Time) int64 { return r.note(n, now) }

// DecodeCall reads an event as it comes in, with its time as it is kept.
func DecodeCall(data []byte, kind lifecycle.EventType, now time.Time) (lifecycle.Event, error) {
	read, err := decodeCall(data, kind)
	if err == nil {
		unskew(&read.Event, read.sentAt, now)
	}
	return read.Event, err
}
