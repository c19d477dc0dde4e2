package sms

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channel/words"
)

// callback takes what Twilio posts: the status of a message to CALLBACK_URL/status/ID, and incoming messages to
// CALLBACK_URL/inbound, which is to be set as the number's or the messaging service's address for them.
func (t *twilio) callback(call channel.Callback) (channel.Reply, []channel.Report) {
	form, err := twilioForm(call)
	if err != nil {
		return refusal(http.StatusBadRequest, err.Error()), nil
	}
	if !t.signed(call, form) {
		return refusal(http.StatusForbidden, "the X-Twilio-Signature is not that of this account and address"), nil
	}
	where := strings.Split(strings.Trim(call.Path, "/"), "/")
	switch {
	case len(where) == 2 && where[0] == "status":
		id, err := url.PathUnescape(where[1])
		if err != nil || id == "" || len(id) > channel.MaxIDBytes {
			return refusal(http.StatusNotFound, "there is no such message"), nil
		}
		if form.Get("MessageStatus") == "" {
			return unread("a delivery report was not taken: it has no MessageStatus; let Twilio call this address as the status callback of messages only"), nil
		}
		return channel.Reply{Status: http.StatusNoContent}, t.status(id, form)
	case len(where) == 1 && where[0] == "inbound":
		return t.inbound(form)
	}
	return refusal(http.StatusNotFound, "Twilio calls /status/ID and /inbound"), nil
}

// twilioForm is what was posted. Twilio can be told to use GET; then all stands in the query, which is part of the signed URL.
func twilioForm(call channel.Callback) (url.Values, error) {
	if call.Method == http.MethodGet {
		address, err := url.Parse(call.URL)
		if err != nil {
			return nil, fmt.Errorf("the address cannot be read")
		}
		return address.Query(), nil
	}
	kind, _, _ := strings.Cut(call.Headers["content-type"], ";")
	if call.Method != http.MethodPost || !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return nil, fmt.Errorf("Twilio posts a form")
	}
	form, err := url.ParseQuery(string(call.Body))
	if err != nil {
		return nil, fmt.Errorf("the form cannot be read")
	}
	return form, nil
}

// signed checks X-Twilio-Signature: base64 of HMAC-SHA-1 with the account's token over the URL and, of a POST, its fields in
// the order of their names, name and value without anything between (twilio.com/docs/usage/security). Whether the URL has
// the default port in it depends on where in Twilio the request comes from: both are tried.
func (t *twilio) signed(call channel.Callback, form url.Values) bool {
	given, err := base64.StdEncoding.DecodeString(call.Headers["x-twilio-signature"])
	if err != nil || len(given) != sha1.Size {
		return false
	}
	if call.Method == http.MethodGet {
		form = nil
	}
	ok := false
	for _, address := range withAndWithoutPort(call.URL) {
		ok = hmac.Equal(given, twilioSignature(t.settings.AuthToken, address, form)) || ok
	}
	return ok
}

func twilioSignature(token, address string, form url.Values) []byte {
	sum := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(sum, address)
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			_, _ = io.WriteString(sum, name+value)
		}
	}
	return sum.Sum(nil)
}

func withAndWithoutPort(text string) []string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return []string{text}
	}
	host, path := rest, ""
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		host, path = rest[:at], rest[at:]
	}
	port := ":443"
	if scheme == "http" {
		port = ":80"
	}
	bare := strings.TrimSuffix(host, port)
	if strings.Contains(bare[strings.LastIndexByte(bare, ']')+1:], ":") {
		return []string{text} // a port of its own
	}
	return []string{scheme + "://" + bare + path, scheme + "://" + bare + port + path}
}

// status reads how far a message has come. What it passes on its way, queued, sending and sent, is no news.
func (t *twilio) status(id string, form url.Values) []channel.Report {
	report := channel.Report{ID: id, Date: t.now()}
	code, _ := strconv.Atoi(form.Get("ErrorCode"))
	switch form.Get("MessageStatus") {
	case "delivered":
		report.Event = "delivered"
	case "read":
		report.Event = "opened"
	case "undelivered", "failed":
		report.Event, report.Data = "bounced", map[string]string{"kind": "soft"}
		report.Reason = "Twilio reports " + form.Get("MessageStatus")
		if code != 0 {
			report.Reason += fmt.Sprintf(", error %d", code)
			report.Data["code"] = strconv.Itoa(code)
		}
		switch faultOf(code) {
		case gone:
			report.Data["kind"] = "hard"
		case unsubscribed:
			report.Event, report.Data = "unsubscribed", map[string]string{"code": report.Data["code"]}
			report.Reason += ": they sent STOP to Twilio"
		}
	default:
		return nil
	}
	report.Reason = quote(report.Reason)
	return []channel.Report{report}
}

// inbound reads what somebody wrote. Where Twilio itself has understood and answered a word (OptOutType, of Advanced Opt-Out),
// its understanding holds and we say nothing.
func (t *twilio) inbound(form url.Values) (channel.Reply, []channel.Report) {
	from, err := inbound(form.Get("From"), t.settings.Country)
	switch {
	case err == nil:
	case isCode(form.Get("From")): // nobody who has a subscription
		return twiml(""), nil
	default:
		return unread("an incoming message was not taken: in From stands %s, and no phone number; have Twilio send its own parameters, and set "+
			"country to the calling code of numbers that begin with 0", kindOf(form.Get("From"))), nil
	}
	text := form.Get("Body")
	m, answer := t.settings.words.Read(text), ""
	switch form.Get("OptOutType") {
	case "STOP":
		m = words.Stop
	case "START":
		m = words.Start
	case "HELP":
		m = words.Help
	default:
		switch m {
		case words.Stop:
			answer = t.settings.StopReply
		case words.Help:
			answer = t.settings.HelpReply
		}
	}
	return twiml(answer), []channel.Report{report(m, from, text, form.Get("MessageSid"), t.now())}
}

// isCode reports whether a sender is a short code or a name, as programs have them.
func isCode(from string) bool {
	digits, plus, ok := dialled(from)
	return !ok || digits != "" && !plus && len(digits) < minDigits
}

// twiml is an answer to an incoming message; "" answers nothing.
func twiml(text string) channel.Reply {
	var body strings.Builder
	body.WriteString(`<?xml version="1.0" encoding="UTF-8"?><Response>`)
	if text != "" {
		body.WriteString("<Message>")
		_ = xml.EscapeText(&body, []byte(text))
		body.WriteString("</Message>")
	}
	body.WriteString("</Response>")
	return channel.Reply{Status: http.StatusOK, ContentType: "text/xml; charset=utf-8", Body: []byte(body.String())}
}

// refusal is the answer to a request that is not taken.
func refusal(status int, reason string) channel.Reply {
	return channel.Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(reason + "\n")}
}
