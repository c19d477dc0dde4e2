package app_test

import (
	"html"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// Topics have titles by language, on the customer's pages and in the console; a change counts at once, and a broken file leaves
// the last good titles.
func TestTitlesOfTopics(t *testing.T) {
	s := startServer(t, withScripts(t, map[string]string{
		"topics.yaml":                          "new-arrivals: { en: What is new, vi: Hàng mới về }\n",
		"trial/journey.lua":                    `journey { title = "T", stages = { "member" }, moves = {} }`,
		"trial/member.lua":                     `stage { title = "M" } on("Order", function() send "news" end)`,
		"trial/messages/news.email.liquid":     "---\nsubject: News\ntopic: new-arrivals\n---\n{{ preferences_url }} {{ unsubscribe_url }}\n",
		"trial/messages/deals.email.vi.liquid": "---\nsubject: Deals\ntopic: deals\n---\nx\n",
		"trial/messages/deals.email.liquid":    "---\nsubject: Deals\ntopic: deals\napi: true\n---\nx\n",
	}))
	s.setMode("trial", lifecycle.Live)
	s.must("POST", "/v1/identify", `{"userId": "ada", "traits": {"email": "ada@example.com"}}`)
	s.track("ada", "Order")
	s.eventually("the mail", func() bool { return len(s.mails()) == 1 })
	page, unsubscribe := s.linkIn(s.mails()[0], "p"), s.linkIn(s.mails()[0], "u")
	shows := func(path, language, want string) {
		t.Helper()
		_, text, _ := s.visit("GET", path, "", func(r *http.Request) { r.Header.Set("Accept-Language", language) })
		if !strings.Contains(html.UnescapeString(text), want) {
			t.Errorf("%s in %s does not show %q: %s", path[:3], language, want, text)
		}
	}
	for language, want := range map[string]string{"en": "What is new", "vi": "Hàng mới về"} {
		shows(page, language, want)
		shows(unsubscribe, language, want)
	}
	shows(page, "vi", "Deals") // which has no title
	if text := s.must("GET", "/api/topics", nil); text != `{"topics":[{"name":"new-arrivals","title":{"en":"What is new","vi":"Hàng mới về"}}]}` {
		t.Errorf("topics: %s", text)
	}
	write := func(text string, age time.Duration) {
		file := filepath.Join(s.cfg.Scripts, "topics.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(age)
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	write("deals: Schnäppchen\n", time.Second)
	shows(page, "vi", "Schnäppchen")
	shows(page, "en", "New arrivals")
	shows(unsubscribe, "en", "New arrivals")
	write("deals: {\n", 2*time.Second)
	shows(page, "en", "Schnäppchen")
}
