package social

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// messenger is a page at the Messenger Platform (developers.facebook.com/docs/messenger-platform). Message.Data may name a
// tag, with which the page may write later than a day after the customer's last word.
type messenger struct {
	graph
	page string
}

// maxMessenger is how many characters a text may have.
const maxMessenger = 2000

var digits = regexp.MustCompile(`^[0-9]{1,32}$`)

var tagName = regexp.MustCompile(`^[A-Z_]{1,64}$`)

func (f *messenger) send(ctx context.Context, _, to string, m *channel.Message) channel.Receipt {
	tag := m.Data["tag"]
	switch {
	case !digits.MatchString(to):
		return refused("the address is not a person of Messenger's; write messenger: and the page-scoped ID, which has digits only")
	case strings.TrimSpace(m.Text) == "":
		return refused("the message has no text")
	case letters(m.Text) > maxMessenger:
		return refused("the text has more than 2000 characters, the most that Messenger takes")
	case tag != "" && !tagName.MatchString(tag):
		return refused("tag is not one of Messenger's message tags, such as ACCOUNT_UPDATE")
	}
	if wait := f.paused(); wait != nil {
		return *wait
	}
	// What is in metadata comes back when the page is told of its own messages.
	body := map[string]any{"recipient": map[string]any{"id": to}, "messaging_type": "UPDATE",
		"message": map[string]any{"text": m.Text, "metadata": m.ID}}
	if tag != "" {
		body["messaging_type"], body["tag"] = "MESSAGE_TAG", tag
	}
	a, out := f.post(ctx, "/"+escape(f.page)+"/messages", f.headers(), body)
	if out != nil {
		return *out
	}
	if a.code >= 300 {
		return f.judge(a)
	}
	var got struct {
		ID string `json:"message_id"`
	}
	if json.Unmarshal(a.body, &got) != nil || got.ID == "" {
		return f.unexpected(a)
	}
	return f.took(m, got.ID, "messenger:"+to)
}

// messengerEvent is one of the events of a callback, as far as it is read.
type messengerEvent struct {
	Sender struct {
		ID string `json:"id"`
	} `json:"sender"`
	Recipient struct {
		ID string `json:"id"`
	} `json:"recipient"`
	At       json.Number `json:"timestamp"`
	Delivery struct {
		IDs []string `json:"mids"`
	} `json:"delivery"`
	Read struct {
		Until json.Number `json:"watermark"`
	} `json:"read"`
	Message struct {
		ID       string `json:"mid"`
		Text     string `json:"text"`
		Echo     bool   `json:"is_echo"`
		Metadata string `json:"metadata"`
		ReplyTo  struct {
			ID string `json:"mid"`
		} `json:"reply_to"`
	} `json:"message"`
	Postback struct {
		ID    string `json:"mid"`
		Title string `json:"title"`
	} `json:"postback"`
}

func (f *messenger) callback(c *channel.Callback) (channel.Reply, []channel.Report) {
	answered, ok := f.check(c)
	if !ok {
		return answered, nil
	}
	var got struct {
		Entry []struct {
			ID     string           `json:"id"`
			Events []messengerEvent `json:"messaging"`
		} `json:"entry"`
	}
	if json.Unmarshal(c.Body, &got) != nil {
		return unreadable(), nil
	}
	var reports []channel.Report
	for _, entry := range got.Entry {
		if entry.ID != "" && entry.ID != f.page {
			continue // an app may have several pages
		}
		for i := range entry.Events {
			reports = append(reports, f.read(&entry.Events[i])...)
		}
	}
	return reply(http.StatusOK, "EVENT_RECEIVED"), reports
}

func (f *messenger) read(e *messengerEvent) (reports []channel.Report) {
	at, from := milliseconds(e.At, f.now()), "messenger:"+e.Sender.ID
	if e.Message.Echo {
		if isID(e.Message.Metadata) && e.Message.ID != "" {
			to := "messenger:" + e.Recipient.ID
			f.sent.add(message{e.Message.Metadata, to, at}, e.Message.ID, to)
		}
		return nil
	}
	for _, theirs := range e.Delivery.IDs {
		if id, reference := f.about(theirs); id != "" || reference != "" {
			reports = append(reports, channel.Report{ID: id, Reference: reference, Event: "delivered", Date: at})
		}
	}
	// Read up to a moment: that is said of the last message only, which stands for those before it.
	if e.Read.Until != "" {
		until := milliseconds(e.Read.Until, at)
		if last, ok := f.sent.find(from); !ok {
			reports = append(reports, channel.Report{Reference: f.reference(from), Event: "opened", Date: until})
		} else if !last.at.Truncate(time.Second).After(until) {
			reports = append(reports, channel.Report{ID: last.id, Event: "opened", Date: at})
		}
	}
	text := e.Message.Text
	if text == "" {
		text = e.Postback.Title
	}
	if text != "" && e.Sender.ID != "" {
		r := said(from, text, cmp.Or(e.Message.ID, e.Postback.ID), at)
		r.ID, r.Reference = f.about(e.Message.ReplyTo.ID)
		reports = append(reports, r)
	}
	return reports
}
