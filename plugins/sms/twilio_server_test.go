package sms_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"unicode/utf16"
)

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	authToken  = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
)

// twilioServer takes messages as Twilio documents it (twilio.com/docs/messaging/api/message-resource and /docs/api/errors):
// Basic authentication, a form, its fields, and errors as JSON with a code.
type twilioServer struct {
	url string

	mu    sync.Mutex
	taken []url.Values
	limit int // requests that are taken before 429; 0: all
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func newTwilio(t testing.TB) *twilioServer {
	t.Helper()
	s := &twilioServer{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *twilioServer) refuse(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": code, "message": text, "more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code), "status": status,
	})
}

func (s *twilioServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, password, ok := r.BasicAuth()
	if !ok || user != accountSID || password != authToken {
		s.refuse(w, 401, 20003, "Authenticate")
		return
	}
	if r.URL.Path != "/2010-04-01/Accounts/"+accountSID+"/Messages.json" {
		s.refuse(w, 404, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		s.refuse(w, 405, 20004, "Method not allowed")
		return
	}
	if s.limit > 0 && len(s.taken) >= s.limit {
		w.Header().Set("Retry-After", "90")
		s.refuse(w, 429, 20429, "Too Many Requests")
		return
	}
	to, body := r.PostForm.Get("To"), r.PostForm.Get("Body")
	callback, err := url.Parse(r.PostForm.Get("StatusCallback"))
	switch {
	case to == "":
		s.refuse(w, 400, 21604, "A 'To' phone number is required.")
	case !e164.MatchString(to) || to == "+15005550001": // Twilio's number for tests of that error
		s.refuse(w, 400, 21211, "Invalid 'To' Phone Number: "+to)
	case r.PostForm.Get("From") == "" && r.PostForm.Get("MessagingServiceSid") == "":
		s.refuse(w, 400, 21603, "A 'From' phone number is required.")
	case r.PostForm.Get("From") == "+15005550001":
		s.refuse(w, 400, 21212, "Invalid 'From' Phone Number")
	case body == "":
		s.refuse(w, 400, 21602, "Message body is required.")
	case len(utf16.Encode([]rune(body))) > 1600:
		s.refuse(w, 400, 21617, "The concatenated message body exceeds the 1600 character limit.")
	case err != nil || callback.String() != "" && callback.Host == "":
		s.refuse(w, 400, 21609, "The StatusCallback URL is not a valid url.")
	case to == "+15005550002":
		s.refuse(w, 400, 21612, "Cannot route to this number")
	case to == "+15005550004":
		s.refuse(w, 400, 21610, "Attempt to send to unsubscribed recipient")
	case to == "+15005550009":
		s.refuse(w, 400, 21614, "'To' number is not a valid mobile number")
	case to == "+15005550070":
		w.WriteHeader(http.StatusInternalServerError)
	case to == "+15005550073":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		s.taken = append(s.taken, r.PostForm)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"sid": fmt.Sprintf("SM%032x", len(s.taken)), "account_sid": accountSID, "to": to, "body": body, "status": "queued", "error_code": nil,
		})
	}
}

func (s *twilioServer) messages() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.taken...)
}
