package sms

import (
	"encoding/json"
	"fmt"
)

// Measured is what a text takes on its way to a telephone.
type Measured struct {
	Encoding string `json:"encoding"`          // GSM-7 or UCS-2
	Units    int    `json:"units"`             // septets, or UTF-16 units
	Parts    int    `json:"parts"`             // messages that are sent and charged
	Problem  string `json:"problem,omitempty"` // why it would be refused
}

// SizeOf measures a text as a connector with these settings would send it. Settings that are none, or another connector's,
// count as the usual ones.
func SizeOf(settings json.RawMessage, text string) Measured {
	var s struct {
		Encoding string `json:"encoding"`
		MaxParts int    `json:"max_parts"`
	}
	_ = json.Unmarshal(settings, &s)
	measured := measure(prepare(text, s.Encoding == encodingPlain))
	size := Measured{Encoding: measured.alphabet(), Units: measured.Units, Parts: measured.Parts}
	if s.MaxParts > 0 && size.Parts > s.MaxParts {
		size.Problem = fmt.Sprintf("it takes %d parts, more than max_parts, %d, and would be refused", size.Parts, s.MaxParts)
	}
	return size
}
