package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A gateway that takes a message and never answers leaves it in doubt; when it reports that it was delivered, nothing is sent
// again, and nobody has to decide about it.
func TestADeliveredMessageIsInDoubtNoMore(t *testing.T) {
	ids := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		ids <- r.PostForm.Get("id")
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	settings := map[string]any{"provider": "http", "url": server.URL, "content_type": "application/x-www-form-urlencoded",
		"body": "to={{to}}&text={{text}}&id={{id}}", "from": "SHOP", "result_path": "code", "success": "^100$", "callback_token": gatewayToken}
	s := startServer(t, withScripts(t, ordered("ada", "sms")), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.track("ada", "Order", phone)
	is := func(state string) func() bool {
		return func() bool {
			return strings.Contains(s.must("GET", "/api/messages?state="+state, nil), `"name":"hello"`)
		}
	}
	s.eventually("it is held", is("held"))
	if status, text, _ := s.call("GET", "/callbacks/sms/"+gatewayToken+"/status/"+<-ids+"?status=delivered", nil); status != 200 {
		t.Fatalf("the report: %d %s", status, text)
	}
	s.eventually("it is accepted", is("accepted"))
	if text := s.must("GET", "/api/messages?state=delivered", nil); !strings.Contains(text, `"reason":"it was reported as delivered"`) || len(ids) != 0 {
		t.Errorf("it was sent %d times more: %s", len(ids), text)
	}
}
