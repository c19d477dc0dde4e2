package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// twilio is Twilio's REST form, version 2010-04-01 (twilio.com/docs/messaging/api/message-resource).
type twilio struct {
	settings *settings
	now      func() time.Time
}

func (t *twilio) request(ctx context.Context, m *outgoing) (*http.Request, error) {
	s := t.settings
	form := url.Values{"To": {m.to}, "Body": {m.text}}
	// With a messaging service the sender is its choice, unless one is named, which must be of its pool.
	if s.MessagingService != "" {
		form.Set("MessagingServiceSid", s.MessagingService)
	}
	if m.from != "" {
		form.Set("From", m.from)
	}
	if s.CallbackURL != "" {
		form.Set("StatusCallback", s.CallbackURL+"/status/"+url.PathEscape(m.id))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.BaseURL+"/2010-04-01/Accounts/"+s.AccountSID+"/Messages.json",
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if s.APIKey != "" {
		request.SetBasicAuth(s.APIKey, s.APISecret)
	} else {
		request.SetBasicAuth(s.AccountSID, s.AuthToken)
	}
	return request, nil
}

// setupRest is how long nothing is sent after an answer that only a change of the account or the settings can cure.
const setupRest = time.Minute

// Twilio's error codes (twilio.com/docs/api/errors) that say more than that this message is refused. The same codes stand
// in answers and in status callbacks.
type fault int

const (
	refused      fault = iota // this message, for good
	gone                      // there is no such number, or it takes no messages
	unsubscribed              // the recipient sent STOP to Twilio, which blocks what we send
	busy                      // too much at once
	setup                     // the account, its credentials or its sender
)

func faultOf(code int) fault {
	switch code {
	case 21211, 21217, 21614, 30005, 30006:
		return gone
	case 21610:
		return unsubscribed
	case 14107, 20429, 21611, 30001, 30022, 63038:
		return busy
	case 20003, 20005, 20404, 21212, 21603, 21659, 21660, 21701, 21703, 21704, 21705, 30002, 30034, 90010:
		return setup
	}
	// 21408, a country that is not allowed, and 21606, a sender that cannot reach the number, are mistakes of the settings too, but
	// of one destination: a rest would hold up all others, and the message has another channel to go by.
	return refused
}

func (t *twilio) judge(a *answer) verdict {
	if a.status >= 200 && a.status < 300 {
		var created struct {
			SID string `json:"sid"`
		}
		_ = json.Unmarshal(a.body, &created) // that it was taken is said by the status
		return verdict{Receipt: channel.Receipt{Outcome: channel.Accepted}, providerID: created.SID}
	}
	var refusal struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(a.body, &refusal)
	reason := fmt.Sprintf("Twilio answered %d %s", a.status, http.StatusText(a.status))
	if refusal.Code != 0 {
		reason += fmt.Sprintf(", error %d: %s", refusal.Code, quote(refusal.Message))
	}
	v := verdict{Receipt: channel.Receipt{Outcome: channel.Permanent, Reason: reason}}
	fault := faultOf(refusal.Code)
	switch {
	case fault == busy || a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		v.Outcome, v.RetryAfter, v.general = channel.Temporary, max(a.retryAfter, time.Second), true
	case fault == setup || a.status == http.StatusUnauthorized:
		v.Outcome, v.RetryAfter, v.general = channel.Temporary, setupRest, true
	case a.status == http.StatusRequestTimeout || a.status == http.StatusTooEarly:
		v.Outcome, v.RetryAfter = channel.Temporary, a.retryAfter
	case a.status >= 500:
		// It may have been taken before the answer went wrong, and Twilio knows no key that would make a second try harmless.
		v.Outcome = channel.InDoubt
	case fault == gone:
		v.Data = map[string]string{channel.FactGone: "1"}
	case fault == unsubscribed:
		v.Data = map[string]string{channel.FactUnsubscribed: "1"}
	}
	return v
}

// took has nothing to remember: a status callback carries the message's ID in its address.
func (t *twilio) took(string, string) {}
