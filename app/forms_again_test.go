package app_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// Somebody who has refused, and is known by their address, agrees again by a form and by the button in the mail that asks: that is
// their newest word, at the first time as well as later.
func TestAgreeingAgainByAForm(t *testing.T) {
	for name, refuse := range map[string]func(s *server){
		"by a word": func(s *server) {
			s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": "email", "granted": false})
		},
		"to a topic": func(s *server) {
			s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": "email", "topic": "news", "granted": false})
		},
		"by a trait": func(s *server) {
			s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"unsubscribed": true}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, withScripts(t, formFiles()))
			s.setMode("trial", lifecycle.Live)
			s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"email": "ada@example.com"}})
			refuse(s)
			p := s.formPage(t)
			answers := url.Values{"email": {"ada@example.com"}, "first_name": {"Ada"}, "news": {"yes"}, "_shown": {p.at("guide", time.Minute)}}
			if status, text, _ := p.post("/f/guide", answers); status != 200 || !strings.Contains(text, "One more step") {
				t.Fatalf("%d %s", status, text)
			}
			s.eventually("the question leaves", func() bool { return len(s.mails()) == 1 })
			if status, _, _ := p.post(confirmLink.FindString(s.mails()[0]), nil); status != 200 {
				t.Fatal(status)
			}
			s.eventually("the form is theirs", func() bool { return strings.Contains(s.known("ada"), "Form Submitted") })
			var c struct{ Consents []lifecycle.Consent }
			text := s.must("GET", "/v1/customers/ada", nil)
			if err := json.Unmarshal([]byte(text), &c); err != nil {
				t.Fatal(err)
			}
			known := lifecycle.Customer{Consents: c.Consents}
			if word, said := known.Consented("email", "news"); !said || !word.Granted || strings.Contains(text, `"unsubscribed","value":true`) {
				t.Errorf("their newest word does not count: %s", text)
			}
			if code, text, _ := s.call("GET", "/v1/customers/ada/replay", nil); code != 200 || !strings.Contains(text, `"equal":true`) {
				t.Errorf("replay: %d %s", code, text)
			}
		})
	}
}
