package social

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"stagecraft/plugins/channel"
)

// whatsapp is a business number at the WhatsApp Cloud API (developers.facebook.com/docs/whatsapp/cloud-api). Text goes to
// those who wrote within the last day; everything else needs an approved template, which Message.Data names.
type whatsapp struct {
	graph
	number   string // phone_number_id
	language string
}

// maxWhatsApp is how many characters a text may have.
const maxWhatsApp = 4096

// e164 is an international telephone number (ITU-T E.164).
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (w *whatsapp) send(ctx context.Context, _, to string, m *channel.Message) channel.Receipt {
	if !e164.MatchString(to) {
		return refused("the address is not a telephone number; write whatsapp: and the number like +84901234567")
	}
	body := map[string]any{"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, "biz_opaque_callback_data": m.ID}
	if m.Data["template"] != "" {
		template, err := whatsappTemplate(m.Data, w.language)
		if err != nil {
			return refused(err.Error())
		}
		body["type"], body["template"] = "template", template
	} else {
		switch n := letters(m.Text); {
		case strings.TrimSpace(m.Text) == "":
			return refused("the message has neither text nor a template")
		case n > maxWhatsApp:
			return refused("the text has more than 4096 characters, the most that WhatsApp takes")
		}
		body["type"], body["text"] = "text", map[string]any{"body": m.Text, "preview_url": true}
	}
	if wait := w.paused(); wait != nil {
		return *wait
	}
	a, out := w.post(ctx, "/"+escape(w.number)+"/messages", w.headers(), body)
	if out != nil {
		return *out
	}
	if a.code >= 300 {
		return w.judge(a)
	}
	var got struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
	}
	if json.Unmarshal(a.body, &got) != nil || len(got.Messages) == 0 || got.Messages[0].ID == "" {
		return w.unexpected(a)
	}
	return w.took(m, got.Messages[0].ID)
}

// whatsappEvent is the part of a callback that is read.
type whatsappEvent struct {
	Entry []struct {
		Changes []struct {
			Value whatsappValue `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

type whatsappValue struct {
	Metadata struct {
		Number string `json:"phone_number_id"`
	} `json:"metadata"`
	Statuses []struct {
		ID     string       `json:"id"`
		Status string       `json:"status"`
		At     json.Number  `json:"timestamp"`
		To     string       `json:"recipient_id"`
		Ours   string       `json:"biz_opaque_callback_data"`
		Errors []graphError `json:"errors"`
	} `json:"statuses"`
	Messages []struct {
		ID   string      `json:"id"`
		From string      `json:"from"`
		At   json.Number `json:"timestamp"`
		Text struct {
			Body string `json:"body"`
		} `json:"text"`
		Button struct {
			Text string `json:"text"`
		} `json:"button"`
		Interactive struct {
			Button struct {
				Title string `json:"title"`
			} `json:"button_reply"`
			List struct {
				Title string `json:"title"`
			} `json:"list_reply"`
		} `json:"interactive"`
		Context struct {
			ID string `json:"id"`
		} `json:"context"`
	} `json:"messages"`
	Preferences []struct {
		From     string      `json:"wa_id"`
		Category string      `json:"category"`
		Value    string      `json:"value"`
		At       json.Number `json:"timestamp"`
	} `json:"user_preferences"`
}

func (w *whatsapp) callback(c *channel.Callback) (channel.Reply, []channel.Report) {
	answered, ok := w.check(c)
	if !ok {
		return answered, nil
	}
	var got whatsappEvent
	if json.Unmarshal(c.Body, &got) != nil {
		return unreadable(), nil
	}
	var reports []channel.Report
	for _, entry := range got.Entry {
		for _, change := range entry.Changes {
			if number := change.Value.Metadata.Number; number == "" || number == w.number { // an account may have several
				reports = append(reports, w.read(&change.Value)...)
			}
		}
	}
	return channel.Reply{Status: http.StatusOK}, reports
}

func (w *whatsapp) read(v *whatsappValue) (reports []channel.Report) {
	now := w.now()
	for _, s := range v.Statuses {
		id, reference := s.Ours, ""
		if !isID(id) {
			id, reference = w.about(s.ID)
		}
		if id == "" && reference == "" {
			continue
		}
		at := seconds(s.At, now)
		switch s.Status {
		case "delivered":
			reports = append(reports, channel.Report{ID: id, Reference: reference, Event: "delivered", Date: at})
		case "read":
			reports = append(reports, channel.Report{ID: id, Reference: reference, Event: "opened", Date: at})
		case "failed":
			var e graphError
			if len(s.Errors) > 0 {
				e = s.Errors[0]
			}
			bounced := w.bounced(id, e, at)
			bounced.Reference = reference
			reports = append(reports, bounced)
			if e.Code == codeOptedOut && s.To != "" {
				reports = append(reports, channel.Report{ID: id, Reference: reference, Event: "unsubscribed", From: "whatsapp:+" + s.To, Date: at, Reason: "opted out of advertising in WhatsApp"})
			}
		}
	}
	for _, m := range v.Messages {
		text := m.Text.Body
		for _, other := range []string{m.Button.Text, m.Interactive.Button.Title, m.Interactive.List.Title} {
			if text == "" {
				text = other
			}
		}
		if m.From != "" && text != "" {
			r := said("whatsapp:+"+m.From, text, m.ID, seconds(m.At, now))
			r.ID, r.Reference = w.about(m.Context.ID)
			reports = append(reports, r)
		}
	}
	for _, p := range v.Preferences {
		r := channel.Report{From: "whatsapp:+" + p.From, Date: seconds(p.At, now), Reason: "chosen in WhatsApp"}
		switch p.Value {
		case "stop":
			r.Event = "unsubscribed"
		case "resume":
			r.Event = "subscribed"
		}
		if r.Event != "" && p.From != "" {
			reports = append(reports, r)
		}
	}
	return reports
}
