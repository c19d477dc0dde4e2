package push

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

const (
	service     = "Firebase"
	maxFCM      = 4096        // bytes of title, text and data together
	quotaExceed = time.Minute // to wait after a 429 that does not say how long, as Google asks
)

// toApp hands a notification to Firebase Cloud Messaging.
func (s *sender) toApp(ctx context.Context, to string, n *notification) channel.Receipt {
	if s.access == nil {
		return permanent("the address is an app's, and fcm_service_account is not set")
	}
	body, err := n.forApp(to, time.Now())
	if err != nil {
		return permanent(err.Error())
	}
	if size := n.size(); size > maxFCM {
		return permanent(fmt.Sprintf("too large: the notification has %d bytes with its title, text and data, and Firebase takes %d", size, maxFCM))
	}
	for attempt := 1; ; attempt++ {
		bearer, err := s.access.token(ctx, time.Now())
		if err != nil {
			s.trouble.tell(service, plainly(err))
			return temporary("Firebase could not be asked: "+plainly(err), 0)
		}
		target := s.settings.FCM + "/v1/projects/" + url.PathEscape(s.settings.account.Project) + "/messages:send"
		request, err := http.NewRequest(http.MethodPost, target, bytes.NewReader(body))
		if err != nil {
			return permanent("the request cannot be made: " + plainly(err))
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+bearer)
		answer, receipt := exchange(ctx, s.google, request)
		if receipt.Outcome != 0 {
			return receipt
		}
		problem := readProblem(answer.body)
		if answer.status == http.StatusUnauthorized && problem.code == "" && attempt == 1 {
			s.access.forget(bearer) // it may have been revoked before its time
			continue
		}
		receipt = s.judgeApp(answer, problem)
		if !problem.device {
			s.rests.heed(service, to, time.Now(), answer.status, receipt)
		}
		return receipt
	}
}

// size is what counts of a notification towards FCM's limit.
func (n *notification) size() int {
	size := len(n.title) + len(n.body) + len(n.image) + len("message_id") + len(n.id) + len("url") + len(n.url)
	for name, value := range n.extra {
		size += len(name) + len(value)
	}
	return size
}

// problem is what FCM says in an error's details.
type problem struct {
	code     string // of FcmError, such as UNREGISTERED
	message  string
	badToken bool // the registration token is none
	device   bool // the quota is that of one device, and says nothing of others
}

// readProblem reads the error model of Google's APIs; of anything else nothing is known.
func readProblem(body []byte) problem {
	var in struct {
		Error struct {
			Message string `json:"message"`
			Details []struct {
				Code       string `json:"errorCode"`
				Violations []struct {
					Field string `json:"field"`
				} `json:"fieldViolations"` // of google.rpc.BadRequest
				Quotas []struct {
					Subject     string `json:"subject"`
					Description string `json:"description"`
				} `json:"violations"` // of google.rpc.QuotaFailure
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &in) != nil {
		return problem{}
	}
	out := problem{message: in.Error.Message, badToken: strings.Contains(in.Error.Message, "not a valid FCM registration token")}
	for _, detail := range in.Error.Details {
		if detail.Code != "" {
			out.code = detail.Code
		}
		for _, violation := range detail.Violations {
			out.badToken = out.badToken || violation.Field == "message.token"
		}
		for _, quota := range detail.Quotas {
			out.device = out.device || strings.Contains(strings.ToLower(quota.Subject+" "+quota.Description), "device")
		}
	}
	return out
}

// judgeApp makes a receipt of FCM's answer, by the table of error codes of its HTTP v1 API.
func (s *sender) judgeApp(answer answer, problem problem) channel.Receipt {
	reason := answer.reason(service)
	if problem.message != "" {
		reason = fmt.Sprintf("%s answered %d %s: %s", service, answer.status, problem.code, quoted(problem.message))
	}
	switch code := answer.status; {
	case code >= 200 && code < 300:
		s.trouble.over(service)
		return channel.Receipt{Outcome: channel.Accepted}
	case problem.code == "UNREGISTERED":
		return gone(reason + "; the app was removed from the device")
	case code == http.StatusBadRequest && problem.badToken:
		return gone(reason)
	case problem.code == "SENDER_ID_MISMATCH":
		s.trouble.tell(service, reason+"; is fcm_service_account of the project that the app is built with?")
		return permanent(reason + "; the token belongs to another Firebase project")
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusNotFound:
		s.trouble.tell(service, reason)
		return temporary(reason, answer.retryAfter)
	case code == http.StatusTooManyRequests && answer.retryAfter == 0:
		return temporary(reason, quotaExceed)
	case answer.passing():
		return temporary(reason, answer.retryAfter)
	}
	return permanent(reason)
}
