package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const gatewayCallback = "0123456789abcdef"

// smsGateway is a gateway, and the settings with which text messages go through it.
func smsGateway(t *testing.T) (sent chan url.Values, channels config.ChannelsFile) {
	t.Helper()
	sent = make(chan url.Values, 10)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent <- r.PostForm
		fmt.Fprint(w, `{"code": "100", "id": "7"}`)
	}))
	t.Cleanup(gateway.Close)
	file := filepath.Join(t.TempDir(), "channels.json")
	if err := os.WriteFile(file, []byte(`{"sms": {"settings": {"provider": "http", "url": "`+gateway.URL+`", "content_type": "application/x-www-form-urlencoded",
		"body": "to={{to}}&text={{text}}", "from": "SHOP", "result_path": "code", "success": "^100$", "callback_token": "`+gatewayCallback+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return sent, config.ChannelsFile(file)
}

func fromGateway(r *http.Request) {
	r.Header.Del("Authorization")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

// Who answers a text message answers the newest one that went to the number, and the script that waits for it goes on.
func TestAnAnswerByTextMessageIsOneToTheNewest(t *testing.T) {
	sent, channels := smsGateway(t)
	files := trial(`stage { title = "A" }
on("Order", function()
  local txs = send("txs", { by = "sms" })
  if wait_for(txs, "replied", "2 days") then set("answered", true) end
end)
`)
	files["trial/messages/txs.sms.liquid"] = "Shall we call you? Answer yes\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) {
		c.Channels, c.Policy.Preset = channels, "none"
	})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84901234567"}}})
	s.eventually("it leaves", func() bool { return len(sent) == 1 && s.states()["accepted"] == 1 })
	if status, text, _ := s.call("POST", "/callbacks/sms/"+gatewayCallback+"/inbound", "from=%2B84901234567&text=yes", fromGateway); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	s.eventually("the script goes on", func() bool {
		return strings.Contains(s.must("GET", "/v1/customers/ada", nil), `"name":"answered","value":true`)
	})
	if text := s.must("GET", "/v1/customers/ada/timeline", nil); !strings.Contains(text, `"Sms Replied"`) || !strings.Contains(text, `"message":"`) {
		t.Errorf("the answer names no message: %s", text)
	}
}
