package sms

import (
	"strings"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channel/words"
)

// maxSaid is how much of an incoming text a report holds, in bytes.
const maxSaid = 2000

// report is what an incoming message with a meaning says. HELP is a reply whose keyword is "help". id is the provider's, of the message; "" if it
// gives none.
func report(m words.Meaning, from, text, id string, now time.Time) channel.Report {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + "…"
	}
	r := channel.Report{From: from, Event: "replied", Date: now, Data: map[string]string{"text": text}}
	if id != "" && len(id) <= channel.MaxReferenceBytes {
		r.Data[channel.FactID] = id
	}
	switch m {
	case words.Stop:
		r.Event, r.Reason = "unsubscribed", "they asked for it by SMS"
	case words.Start:
		r.Event, r.Reason = "subscribed", "they asked for it by SMS"
	case words.Help:
		r.Data["keyword"] = "help"
	}
	return r
}
