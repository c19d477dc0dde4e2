package app_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A message that failed by one channel and went by another one was sent, and either reference leads to the answer.
func TestWhyAMessageWentByAnotherChannel(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send \"hello\" end)\n")
	files["trial/messages/hello.sms.liquid"] = "Hello\n"
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\n---\nHello\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": map[string]any{"provider": "http", "url": server.URL, "body": "{}", "from": "SHOP"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"email": "ada@example.com", "phone": "+84 90 123 45 67", "channels": []string{"sms", "email"}}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ben", "traits": map[string]any{"email": "ben@example.com"}})
	s.track("ada", "Order")
	s.eventually("the mail leaves", func() bool { return len(s.ledgerOf("state=accepted").Messages) == 1 })
	page := s.ledgerOf("customer=ada")
	if len(page.Messages) != 2 {
		t.Fatalf("the ledger is %+v", page)
	}
	for _, message := range []string{"hello", page.Messages[0].Ref, page.Messages[1].Ref} {
		text := s.must("GET", "/v1/customers/ada/why?message="+url.QueryEscape(message), nil)
		for _, want := range []string{"it was not sent by sms (failed: ", "); instead it goes by email: it was sent.", "by email: attempt 1, to ada@example.com"} {
			if !strings.Contains(text, want) {
				t.Errorf("why %s does not say %q: %s", message, want, text)
			}
		}
	}
	if status, text, _ := s.call("GET", "/v1/customers/ben/why?message="+url.QueryEscape(page.Messages[0].Ref), nil); status != 404 {
		t.Errorf("somebody else's message: %d %s", status, text)
	}
}
