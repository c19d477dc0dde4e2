package sms

import (
	"time"

	"stagecraft/plugins/channel/words"
)

// What the tests see of the inside.

// At makes the connector's clock stand where now says; for Configure that follows.
func (c *Connector) At(now func() time.Time) { c.now = now }

type Size = size

var (
	Number          = number
	Inbound         = inbound
	National        = national
	Measure         = measure
	Prepare         = prepare
	ParseJSON       = parseJSON
	AtPath          = at
	ParseTemplate   = parseTemplate
	Escaping        = escaping
	TwilioSignature = twilioSignature
	WithAndWithout  = withAndWithoutPort
	Places          = places
	MaxSent         = maxSent
)

// Fill fills one value into every place of a template.
func Fill(t template, value string, escape func(string) string) string {
	values := map[string]string{}
	for _, place := range places {
		values[place] = value
	}
	return t.fill(values, escape)
}

// Meaning is what an incoming text asks for, with the words of no settings: "stop", "start", "help" or "".
func Meaning(text string) string {
	return map[words.Meaning]string{words.Stop: "stop", words.Start: "start", words.Help: "help"}[words.New(nil, nil, nil).Read(text)]
}
