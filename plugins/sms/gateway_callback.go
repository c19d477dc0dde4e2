package sms

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"stagecraft/plugins/channel"
)

// callback takes what the gateway calls, by GET or POST with a query, a form or JSON: CALLBACK_URL/TOKEN/status with the ID in
// a field, CALLBACK_URL/TOKEN/status/ID, and CALLBACK_URL/TOKEN/inbound. That it is the gateway is known by the token: there
// is no signature that all of them have.
func (g *gateway) callback(call channel.Callback) (channel.Reply, []channel.Report) {
	s := g.settings
	where := strings.Split(strings.Trim(call.Path, "/"), "/")
	if s.CallbackToken == "" || !same(where[0], s.CallbackToken) || len(where) < 2 {
		return refusal(http.StatusNotFound, "there is nothing here"), nil
	}
	if call.Method != http.MethodGet && call.Method != http.MethodPost {
		return refusal(http.StatusMethodNotAllowed, "call this by GET or POST"), nil
	}
	field, ok := fields(call)
	if !ok {
		return refusal(http.StatusBadRequest, "the request is neither a form nor JSON"), nil
	}
	switch {
	case where[1] == "status" && len(where) <= 3:
		id := ""
		if len(where) == 3 {
			id, _ = url.PathUnescape(where[2])
		} else {
			if id = field(s.ReportID); !s.ReportOwnID {
				id = g.sent.message(id)
			}
		}
		return thanks(), g.status(id, field)
	case where[1] == "inbound" && len(where) == 2:
		from, err := number(field(s.InboundFrom), s.Country)
		if err != nil {
			return thanks(), nil
		}
		text := field(s.InboundText)
		return thanks(), []channel.Report{s.words.read(text).report(from, text, g.now())}
	}
	return refusal(http.StatusNotFound, "there are status and inbound"), nil
}

func thanks() channel.Reply {
	return channel.Reply{Status: http.StatusOK, ContentType: "text/plain; charset=utf-8", Body: []byte("OK")}
}

// same compares without telling by its time where the difference is.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// status reads a delivery report. What is neither delivered nor failed is a step on the way.
func (g *gateway) status(id string, field func(string) string) []channel.Report {
	if id == "" || len(id) > channel.MaxIDBytes {
		return nil
	}
	state := field(g.settings.ReportStatus)
	report := channel.Report{ID: id, Date: g.now()}
	switch {
	case g.settings.delivered.MatchString(state):
		report.Event = "delivered"
	case g.settings.failed.MatchString(state):
		// Gateways do not tell a number that does not exist from a phone that is off in one way: soft takes nobody's number away.
		report.Event, report.Reason, report.Data = "bounced", "the gateway reports "+quote(state), map[string]string{"kind": "soft"}
	default:
		return nil
	}
	return []channel.Report{report}
}

// fields finds what a request says by name: in its JSON by path, in its form, in its query.
func fields(call channel.Callback) (func(string) string, bool) {
	query := url.Values{}
	if address, err := url.Parse(call.URL); err == nil {
		query = address.Query()
	}
	var form url.Values
	var value any
	if len(call.Body) > 0 && call.Method == http.MethodPost {
		var err error
		if json.Valid(call.Body) { // some call it a form
			value, err = parseJSON(call.Body)
		} else {
			form, err = url.ParseQuery(string(call.Body))
		}
		if err != nil {
			return nil, false
		}
	}
	return func(name string) string {
		if text, ok := at(value, name); ok && name != "" {
			return text
		}
		if form.Has(name) {
			return form.Get(name)
		}
		return query.Get(name)
	}, true
}
