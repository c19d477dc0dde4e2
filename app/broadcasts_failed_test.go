package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app/config"
)

// A broadcast says why its messages failed.
func TestABroadcastThatFails(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	s := startServer(t, withScripts(t, owing()), func(c *config.Config) { c.Policy.Preset = "none" })
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": map[string]any{"provider": "http", "url": server.URL, "body": "{}", "from": "SHOP"}})
	s.must("POST", "/v1/identify", `{"userId": "ada", "traits": {"phone": "+84901234567"}}`)
	s.broadcast("PUT", "r1", `{"audience": {"everybody": true}, "parts": [{"texts": {"sms": "Hello"}}]}`)
	s.must("POST", "/api/broadcasts/r1/start", `{"by": "ada"}`)
	var done broadcastAnswer
	s.eventually("it has failed", func() bool { done = s.broadcast("GET", "r1", nil); return done.Status == "done" })
	if len(done.Reasons) != 1 || done.Reasons[0].State != "failed" || done.Reasons[0].Count != 1 || !strings.Contains(done.Reasons[0].Reason, "404") {
		t.Errorf("the reasons are %+v", done.Reasons)
	}
}
