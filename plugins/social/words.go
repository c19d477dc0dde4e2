package social

import (
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// maxText is how many bytes of an answer are passed on.
const maxText = 4000

// stopWords and startWords are whole messages by which people end and begin a subscription, in English and Vietnamese.
var (
	stopWords = map[string]bool{"stop": true, "stopall": true, "unsubscribe": true, "cancel": true, "end": true, "quit": true,
		"tc": true, "từ chối": true, "tu choi": true, "huỷ": true, "hủy": true, "huy": true, "dừng": true, "dung": true}
	startWords = map[string]bool{"start": true, "unstop": true, "subscribe": true, "đăng ký": true, "dang ky": true, "dk": true}
)

// said is the report of what somebody wrote: the wish to hear nothing more, to hear again, or an answer. id is the network's, of what
// was written.
func said(from, text, id string, at time.Time) channel.Report {
	word := strings.ToLower(strings.Trim(strings.TrimSpace(text), "/.!\"' "))
	event := "replied"
	switch {
	case stopWords[word]:
		event = "unsubscribed"
	case startWords[word]:
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
