package sms

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
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
		return g.status(where[2:], field)
	case where[1] == "inbound" && len(where) == 2:
		from, err := inbound(field(s.InboundFrom), s.Country)
		switch {
		case err == nil:
		case isProgram(field(s.InboundFrom)): // a refusal would have the gateway try again, and in the end call no more
			fmt.Fprintf(os.Stderr, "an incoming message was passed over: it is from %s, which is no phone number but a short code or a name\n", kindOf(field(s.InboundFrom)))
			return thanks(), nil
		default:
			return unread("an incoming message was not taken: %s stands in the field %q, and no phone number; set inbound_from to the field with the "+
				"sender's number, and country to the calling code of numbers that begin with 0", kindOf(field(s.InboundFrom)), s.InboundFrom), nil
		}
		text, id := field(s.InboundText), ""
		if s.InboundID != "" {
			id = field(s.InboundID)
		}
		return thanks(), []channel.Report{report(s.words.Read(text), from, text, id, g.now())}
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

// status reads a delivery report. What is neither delivered nor failed is a step on the way. The message is named by our ID in
// the path, or by the field report_id: by our ID there, or by the gateway's, which the host knows from the answer to the
// request.
func (g *gateway) status(path []string, field func(string) string) (channel.Reply, []channel.Report) {
	s := g.settings
	report := channel.Report{Date: g.now()}
	if len(path) == 1 {
		report.ID, _ = url.PathUnescape(path[0])
	} else if said := field(s.ReportID); s.ReportOwnID {
		report.ID = said
	} else if said != "" {
		if report.ID = g.sent.message(said); report.ID == "" {
			report.Reference = said
		}
	}
	state := field(s.ReportStatus)
	switch {
	case report.ID == "" && report.Reference == "":
		return unread("a delivery report was not taken: the field %q is empty; set report_id to the field with the message's ID", s.ReportID), nil
	case len(path) == 0 && !s.ReportOwnID && s.IDPath == "":
		return unread("a delivery report was not taken: nothing is known of the gateway's own IDs; set id_path to where its answers have them, or "+
			"report_own_id if the field %q holds what {{id}} was", s.ReportID), nil
	case len(report.ID) > channel.MaxIDBytes || len(report.Reference) > channel.MaxReferenceBytes:
		return unread("a delivery report was not taken: what names the message has more than %d bytes; set report_id to the field with its ID", channel.MaxIDBytes), nil
	case state == "":
		return unread("a delivery report was not taken: the field %q is empty; set report_status to the field with the status", s.ReportStatus), nil
	case s.delivered.MatchString(state):
		report.Event = "delivered"
	case s.failed.MatchString(state):
		// Gateways do not tell a number that does not exist from a phone that is off in one way: soft takes nobody's number away.
		report.Event, report.Reason, report.Data = "bounced", "the gateway reports "+quote(state), map[string]string{"kind": "soft"}
	default:
		return thanks(), nil
	}
	return thanks(), []channel.Report{report}
}

// unread is the answer to a request of the provider's that says nothing as the settings are. The operator finds it in the
// connector's log: the provider may tell nobody.
func unread(format string, values ...any) channel.Reply {
	reason := fmt.Sprintf(format, values...)
	fmt.Fprintln(os.Stderr, reason)
	return refusal(http.StatusBadRequest, reason)
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
