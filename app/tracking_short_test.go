package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"

	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// In a text message links are short, lead where they led, and tell of clicks; none can be made or changed. That to
// unsubscribe is as short, and leads to the page.
func TestLinksOfTextMessagesAreShort(t *testing.T) {
	sent, channels := smsGateway(t)
	files := trial(`stage { title = "A" }
on("Order", function()
  local link = send("lnk", { by = "sms" })
  if wait_for(link, "clicked", "2 days") then set("clicked", true) end
end)
`)
	files["trial/messages/lnk.sms.liquid"] = "---\ntopic: news\nutm: source=shop\n---\nLook: https://example.com/promo?x=1. Stop: {{ unsubscribe_url }}\n"
	s := startServer(t, withScripts(t, files), tracked, func(c *config.Config) {
		c.Channels, c.Policy.Preset, c.Tracking.UTM = channels, "none", "source=all&medium=email" // of mails: this is a text message
	})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84901234567"}}})
	s.eventually("it leaves", func() bool { return len(sent) == 1 && s.states()["accepted"] == 1 })
	text := (<-sent).Get("text")
	found := regexp.MustCompile(`^Look: ` + regexp.QuoteMeta(s.url) + `(/s/[A-Za-z0-9_-]{12})\. Stop: ` + regexp.QuoteMeta(s.url) + `(/s/[A-Za-z0-9_-]{12})\s*$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the text is %q", text)
	}
	s.eachByteFlipped(found[1])
	for _, path := range []string{"/s/", "/s", "/s/AAAAAAAAAAAA", found[1] + "A", found[1] + "/", strings.Replace(found[1], "/s/", "/c/", 1)} {
		if status, _, header := s.visit("GET", path, ""); status != 404 || header.Get("Location") != "" {
			t.Errorf("%s: %d %s", path, status, header.Get("Location"))
		}
	}
	s.eventually("the script goes on", func() bool { // what comes within two seconds of sending is a machine's
		status, _, header := s.visit("GET", found[1], "")
		if status != 302 || header.Get("Location") != "https://example.com/promo?x=1&utm_source=shop&utm_medium=sms" {
			t.Fatalf("%d %v", status, header)
		}
		return strings.Contains(s.must("GET", "/v1/customers/ada", nil), `"name":"clicked","value":true`)
	})
	status, _, header := s.visit("GET", found[2], "")
	long := strings.TrimPrefix(header.Get("Location"), s.url)
	if status != 302 || !strings.HasPrefix(long, "/u/") {
		t.Fatalf("%d %v", status, header)
	}
	if status, page, _ := s.visit("POST", long, "List-Unsubscribe=One-Click"); status != 200 || !strings.Contains(page, "You are unsubscribed") {
		t.Errorf("%d %s", status, page)
	}
	s.eventually("the word is kept", func() bool {
		return strings.Contains(s.must("GET", "/v1/customers/ada/consents", nil), `"sms"`)
	})
	s.must("POST", "/v1/customers/ada/erase", nil)
	s.eventually("with the customer, the link is forgotten", func() bool {
		status, _, _ := s.visit("GET", found[1], "")
		return status == 404
	})
}

// A chat message has short links too; where tracking is off, the text stays as it is written.
func TestLinksOfChatMessages(t *testing.T) {
	sent := make(chan string, 4)
	telegram := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Text string }
		_ = json.NewDecoder(r.Body).Decode(&asked)
		sent <- asked.Text
		_, _ = w.Write([]byte(`{"ok": true, "result": {"message_id": 7, "chat": {"id": 42}}}`))
	}))
	defer telegram.Close()
	file := filepath.Join(t.TempDir(), "channels.json")
	if err := os.WriteFile(file, []byte(`{"social": {"settings": {"telegram": {"token": "t", "url": "`+telegram.URL+`"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"news\") end)\non(\"Paid\", function() send(\"plain\") end)\n")
	files["trial/messages/news.social.liquid"] = "Look: https://example.com/promo\n"
	files["trial/messages/plain.social.liquid"] = "---\ntrack: false\n---\nLook: https://example.com/promo\n"
	s := startServer(t, withScripts(t, files), tracked, func(c *config.Config) {
		c.Channels, c.Policy.Preset = config.ChannelsFile(file), "none"
	})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"telegram": "42"}}})
	if text := <-sent; !strings.HasPrefix(text, "Look: "+s.url+"/s/") {
		t.Errorf("the text is %q", text)
	}
	s.track("ada", "Paid")
	if text := <-sent; strings.TrimSpace(text) != "Look: https://example.com/promo" {
		t.Errorf("the text is %q", text)
	}
}
