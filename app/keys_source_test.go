package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/config"
)

// TestAKeyIsASource has two backends with keys of their own, one of which is believed before the other and before the write key.
func TestAKeyIsASource(t *testing.T) {
	s := guarded(t, func(c *config.Config) { c.Sources.Precedence = []string{"Till (Köln)", "api", "shopA"} })
	shop, till := s.makeKey(`{"name": "shopA", "scopes": ["ingest", "send"]}`), s.makeKey(`{"name": "Till (Köln)", "scopes": ["ingest"]}`)
	says := func(path, body string, show func(*http.Request)) {
		t.Helper()
		if status, text, _ := s.call("POST", path, body, show); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	reads := func(path string) string {
		t.Helper()
		status, text, _ := s.call("GET", path, nil, bearer(adminKey))
		if status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		return text
	}
	by := func(trait string) (value, source string) {
		t.Helper()
		var shown struct {
			Traits []struct{ Name, Value, Source string }
		}
		if err := json.Unmarshal([]byte(reads("/v1/customers/ada")), &shown); err != nil {
			t.Fatal(err)
		}
		for _, one := range shown.Traits {
			if one.Name == trait {
				return one.Value, one.Source
			}
		}
		return "", ""
	}
	want := func(trait, value, source string) {
		t.Helper()
		if v, from := by(trait); v != value || from != source {
			t.Errorf("%s is %q by %q, not %q by %q", trait, v, from, value, source)
		}
	}
	// An import of the same name is another thing.
	s.must("POST", "/v1/import", `{"source": "shopA", "history": true}`)
	says("/v1/identify", `{"userId": "ada", "traits": {"plan": "free", "city": "Hue"}}`, bearer(shop.Secret))
	want("plan", "free", "shopA")
	says("/v1/batch", `{"batch": [{"type": "identify", "userId": "ada", "traits": {"plan": "pro"}}]}`, bearer(till.Secret))
	want("plan", "pro", "Till (Köln)")
	says("/v1/identify", `{"userId": "ada", "traits": {"plan": "free", "city": "Rome"}}`, func(r *http.Request) {})
	want("plan", "pro", "Till (Köln)")
	want("city", "Rome", "api")
	says("/v1/identify", `{"userId": "ada", "traits": {"city": "Oslo"}}`, bearer(shop.Secret))
	want("city", "Rome", "api")
	says("/v1/identify", `{"userId": "ada", "traits": {"seen": "yes"}}`, func(r *http.Request) { r.SetBasicAuth("test-browser-key", "") })
	want("seen", "yes", "browser")
	says("/v1/consent", `{"userId": "ada", "channel": "email", "granted": true, "traits": {"desk": "2"}}`, bearer(till.Secret))
	want("desk", "2", "Till (Köln)")
	if answer := reads("/v1/customers/ada/replay"); !strings.Contains(answer, `"equal":true`) {
		t.Error(answer)
	}
}

// TestMuchTooMuchMoney reads and exports a customer whose orders come to more than there is.
func TestMuchTooMuchMoney(t *testing.T) {
	s := startServer(t)
	for _, id := range []string{"o1", "o2"} {
		answer := s.must("POST", "/v1/track", `{"userId": "ada", "event": "Order Completed", "messageId": "`+id+`", "properties": {"revenue": 1.7e308}}`)
		if !strings.Contains(answer, "counts as 0") {
			t.Error(answer)
		}
	}
	for _, path := range []string{"/v1/customers/ada", "/v1/customers/ada/export"} {
		if status, text, _ := s.call("GET", path, nil); status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
