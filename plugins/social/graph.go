package social

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// graph is what WhatsApp and Messenger have in common: Meta's Graph API, its errors and its signed callbacks
// (developers.facebook.com, Graph API error handling, WhatsApp Cloud API error codes, Messenger Platform error codes).
type graph struct {
	line
	token, secret, verify string
}

// graphError is the error object of an answer or of a failed message.
type graphError struct {
	Message   string          `json:"message"`
	Title     string          `json:"title"` // of callbacks
	Code      int             `json:"code"`
	Subcode   int             `json:"error_subcode"`
	Transient bool            `json:"is_transient"`
	Data      json.RawMessage `json:"error_data"` // an object of WhatsApp's; elsewhere anything
}

func (e *graphError) text() string {
	text := e.Message
	if text == "" {
		text = e.Title
	}
	var more struct {
		Details string `json:"details"`
	}
	if json.Unmarshal(e.Data, &more) == nil && more.Details != "" && more.Details != text {
		text += ": " + more.Details
	}
	return text
}

// Codes by what is to be done about them. Those that are not listed are final.
var (
	graphToken  = []int{0, 102, 190}                                                            // the token is not valid, or not any more
	graphSetup  = []int{3, 368, 131005, 131031, 131037, 131042, 131045, 132015, 133006, 133010} // permissions, a locked account, payment, a paused template, registration
	graphLimits = []int{4, 17, 32, 613, 80007, 130429, 131048}                                  // of the app, the account or the number
	graphLater  = []int{1, 2, 1200, 131000, 131016, 131056, 131057, 133004}                     // passing, or a limit of this pair of numbers
)

// WhatsApp's codes for people who asked to hear no more advertising, and for messages outside of the conversation's time.
const (
	codeOptedOut = 131050
	codeWindow   = 131047
)

// Subcodes of Messenger.
const (
	subcodeNobody  = 2018001 // no such person
	subcodeBlocked = 2018108 // has blocked the page, or turned its messages off; the code is one of permissions
	subcodeAway    = 1545041 // cannot be reached now
	subcodeWindow  = 2018278 // outside of the allowed time
	subcodeWindow2 = 2018065
)

// judge makes a receipt of an answer that is an error.
func (g *graph) judge(a answer) channel.Receipt {
	var got struct {
		Error *graphError `json:"error"`
	}
	if json.Unmarshal(a.body, &got) != nil || got.Error == nil || got.Error.Code == 0 && got.Error.Message == "" {
		return g.unexpected(a)
	}
	e := got.Error
	reason := fmt.Sprintf("%s answered %d", g.name, e.Code)
	if e.Subcode != 0 {
		reason += fmt.Sprintf("/%d", e.Subcode)
	}
	reason += ": " + g.clean(e.text())
	wait := channel.RetryAfter(a.header.Get("Retry-After"), g.now())
	switch {
	case e.Subcode == subcodeNobody:
		return gone(reason)
	case e.Code == codeOptedOut || e.Subcode == subcodeBlocked:
		return blocked(reason)
	case e.Subcode == subcodeWindow || e.Subcode == subcodeWindow2 || e.Code == codeWindow:
		return refused(reason + "; after a day without a word from the customer, WhatsApp takes templates only and Messenger messages with a tag")
	case e.Subcode == subcodeAway:
		return refused(reason)
	case slices.Contains(graphLimits, e.Code):
		return g.limited(reason, wait)
	case slices.Contains(graphToken, e.Code):
		return g.misconfigured(reason+"; set the token to a valid one that does not expire", true)
	case slices.Contains(graphSetup, e.Code) || e.Code == 10 || e.Code >= 200 && e.Code < 300:
		return g.misconfigured(reason, false)
	case slices.Contains(graphLater, e.Code) || e.Transient:
		return later(reason, wait)
	}
	return refused(reason)
}

// check answers the question by which Meta learns that the address is ours, and checks signatures. ok is false when there
// is an answer already.
func (g *graph) check(c *channel.Callback) (answered channel.Reply, ok bool) {
	switch c.Method {
	case http.MethodGet:
		asked := query(c)
		if asked.Get("hub.mode") != "subscribe" || !same(g.verify, asked.Get("hub.verify_token")) {
			return reply(http.StatusForbidden, "the verify token is not the one in the settings"), false
		}
		return reply(http.StatusOK, cut(asked.Get("hub.challenge"), 1000)), false
	case http.MethodPost:
		signature, found := strings.CutPrefix(c.Headers["x-hub-signature-256"], "sha256=")
		if !found || !signedBy(g.secret, signature, string(c.Body)) {
			return unsigned(), false
		}
		return channel.Reply{}, true
	}
	return wrongMethod(), false
}

func (g *graph) headers() map[string]string {
	return map[string]string{"Authorization": "Bearer " + g.token}
}

// bounced is the report of a message that was taken and failed later.
func (g *graph) bounced(id string, e graphError, at time.Time) channel.Report {
	kind := "soft"
	if e.Code == 131026 {
		kind = "hard" // not a number of WhatsApp's, or one that takes nothing
	}
	return channel.Report{
		ID: id, Event: "bounced", Date: at, Data: map[string]string{"kind": kind},
		Reason: fmt.Sprintf("%s says %d: %s", g.name, e.Code, g.clean(e.text())),
	}
}
