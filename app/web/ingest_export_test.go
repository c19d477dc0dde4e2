package web

import (
	"time"

	"stagecraft/app/lifecycle"
)

// DecodeCall reads an event as it comes in, with its time as it is kept.
func DecodeCall(data []byte, kind lifecycle.EventType, now time.Time) (lifecycle.Event, error) {
	event, sentAt, err := decodeCall(data, kind)
	if err == nil {
		unskew(&event, sentAt, now)
	}
	return event, err
}
