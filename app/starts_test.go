package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// Who starts the bot by a link becomes reachable there: as the customer to whom its code was given, else as somebody new.
func TestAChatIsBegun(t *testing.T) {
	sent := make(chan string, 10)
	telegram := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Chat json.RawMessage `json:"chat_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		sent <- strings.Trim(string(m.Chat), `"`)
		fmt.Fprint(w, `{"ok": true, "result": {"message_id": 7, "chat": {"id": 1}}}`)
	}))
	defer telegram.Close()
	files := trial("stage { title = \"A\" }\non(\"Subscribed\", function(customer, event) set(\"came\", event.properties.text) send(\"welcome\", { by = \"social\" }) end)\n" +
		"on(\"Invited\", function() send(\"invitation\", { by = \"email\" }) end)\n")
	files["trial/messages/invitation.email.liquid"] = "---\nsubject: Go on in Telegram\nkind: transactional\ntrack: clicks\n---\n<a href=\"https://t.me/shop?start={{ start_code }}\">Go on</a>\n"
	files["trial/messages/welcome.social.liquid"] = "---\nkind: transactional\n---\nWelcome\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/social", map[string]any{"settings": map[string]any{"telegram": map[string]any{"token": "123456:ABC", "callback_secret": "s3cret", "url": telegram.URL}}})
	s.track("ada", "Visited")
	start := func(chat int, text string) {
		t.Helper()
		body := fmt.Sprintf(`{"message": {"text": %q, "date": 1700000000, "chat": {"id": %d}, "from": {"id": %d}}}`, text, chat, chat)
		if status, answer, _ := s.call("POST", "/callbacks/social/telegram", body, func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s3cret")
		}); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
	}
	welcomed := func(chat string) {
		t.Helper()
		s.eventually("they are welcomed in their chat", func() bool { return len(sent) > 0 })
		if got := <-sent; got != chat {
			t.Errorf("the welcome went to %s, not to %s", got, chat)
		}
	}
	person := func(name string) string { return s.must("GET", "/v1/customers/"+name, nil) }

	if status, text, _ := s.call("POST", "/v1/social/start", map[string]any{"userId": "nobody"}); status != 404 {
		t.Errorf("a code for nobody: %d %s", status, text)
	}
	if status, text, _ := s.call("POST", "/v1/social/start", map[string]any{"userId": "ada", "seconds": 99999999}); status != 400 || !strings.Contains(text, `"field":"seconds"`) {
		t.Errorf("a code for years: %d %s", status, text)
	}
	var given struct{ Code string }
	if err := json.Unmarshal([]byte(s.must("POST", "/v1/social/start", map[string]any{"userId": "ada"})), &given); err != nil || given.Code == "" || len(given.Code) > 64 {
		t.Fatalf("%q %v", given.Code, err)
	}

	// Somebody whom nobody knows, twice; and by a code that is none of ours.
	start(41, "/start")
	welcomed("41")
	strangers := func() (n int) {
		var page struct {
			Customers []struct{ UserID, AnonymousID string }
		}
		if err := json.Unmarshal([]byte(s.must("GET", "/v1/customers?limit=50", nil)), &page); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Customers {
			if c.UserID == "" && strings.HasPrefix(c.AnonymousID, "chat:") {
				n++
			}
		}
		return n
	}
	before := strangers()
	start(42, "/start c3RhZ2U")
	welcomed("42")
	if got := strangers(); before != 1 || got != 2 {
		t.Errorf("%d and %d strangers: %s", before, got, s.must("GET", "/v1/customers?limit=50", nil))
	}

	// Ada, by her code. She has begun in chat 41 before she was known there: that was she.
	start(41, "/start "+given.Code)
	s.eventually("the chat is hers", func() bool {
		return strings.Contains(person("ada"), `"telegram"`) && strings.Contains(person("ada"), `/start`)
	})
	welcomed("41")
	s.eventually("who was a stranger there is one with her", func() bool { return strangers() == 1 })
	start(43, "/start "+given.Code) // a code gives one chat
	welcomed("43")
	if got := strangers(); got != 2 || strings.Contains(person("ada"), `"value":"43"`) {
		t.Errorf("%d strangers, and %s", got, person("ada"))
	}
	if shown := person("ada") + s.must("GET", "/v1/customers/ada/timeline", nil); strings.Contains(shown, given.Code) {
		t.Errorf("an event holds a code that is still good: %s", shown)
	}

	// Bea, by the code in a mail of hers.
	s.identified("bea", map[string]any{"email": "bea@example.com"})
	s.track("bea", "Invited")
	s.eventually("Bea's mail is there", func() bool { return len(s.mails()) == 1 })
	_, _, header := s.visit("GET", s.linkIn(s.mails()[0], "c"), "")
	_, code, found := strings.Cut(header.Get("Location"), "https://t.me/shop?start=")
	if !found {
		t.Fatalf("the link in the mail leads to %q", header.Get("Location"))
	}
	history := func() string { return s.must("GET", "/v1/customers/bea/timeline", nil) }
	s.eventually("the click is heard", func() bool { return strings.Contains(history(), "https://t.me/shop?start=code") })
	start(44, "/start "+code)
	start(44, "it was https://t.me/shop?start="+code)
	s.eventually("what they wrote is heard", func() bool { return strings.Contains(history(), "it was https://t.me/shop?start=") })
	if strings.Contains(history(), code) {
		t.Errorf("an event holds a code that is still good: %s", history())
	}
	s.eventually("the chat is Bea's", func() bool { return strings.Contains(person("bea"), `"telegram"`) })
	welcomed("44")

	// A group is nobody.
	start(-5, "/start")
	if got := strangers(); got != 2 {
		t.Errorf("a group has become somebody: %d", got)
	}
}
