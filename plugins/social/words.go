package social

import (
	"strings"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channel/words"
)

// maxText is how many bytes of an answer are passed on.
const maxText = 4000

var known = words.New(nil, nil, nil)

// said is the report of what somebody wrote: the wish to hear nothing more, to hear again, or an answer. id is the network's, of what
// was written.
func said(from, text, id string, at time.Time) channel.Report {
	event := "replied"
	switch known.Read(text) {
	case words.Stop:
		event = "unsubscribed"
	case words.Start:
		event = "subscribed"
	}
	r := channel.Report{Event: event, From: from, Date: at}
	if text != "" {
		r.Data = map[string]string{"text": cut(text, maxText)}
		if id != "" && len(id) <= channel.MaxReferenceBytes {
			r.Data[channel.FactID] = id
		}
	}
	return r
}

// cut shortens a text to a number of bytes, at the end of a letter.
func cut(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}
