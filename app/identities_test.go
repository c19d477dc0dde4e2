package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who is who is answered over HTTP, and an identity that many share is shown and may be forgiven.
func TestIdentitiesOverHTTP(t *testing.T) {
	s := startServer(t)
	for i := range 7 {
		s.must("POST", "/v1/identify", map[string]any{"userId": fmt.Sprint("u", i), "traits": map[string]any{"email": "Desk@example.com"}})
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"phone": "+84 901 234 567"}})
	get := func(path string) string {
		_, body, _ := s.call("GET", path, nil)
		return body
	}
	s.eventually("the shared address is shown", func() bool {
		return strings.Contains(get("/v1/identities/suspicious"), `"desk@example.com"`)
	})
	s.eventually("a number finds its owner", func() bool {
		return strings.Contains(get("/v1/customers/"+url.PathEscape("+84901234567")), `"value":"ada"`)
	})
	if body := get("/v1/identities?kind=email&value=DESK@example.com"); !strings.Contains(body, `"others"`) || !strings.Contains(body, `"suspicion"`) {
		t.Errorf("who has the address: %s", body)
	}
	for _, path := range []string{"/v1/identities?kind=email&value=nobody", "/v1/identities?kind=colour&value=red", "/v1/identities/suspicious?limit=0"} {
		if status, body, _ := s.call("GET", path, nil); status != http.StatusBadRequest {
			t.Errorf("%s is answered %d %s", path, status, body)
		}
	}
	s.must("POST", "/v1/identities/forgive", map[string]any{"kind": "email", "value": "desk@example.com"})
	if body := get("/v1/identities/suspicious"); strings.Contains(body, "desk@example.com") {
		t.Errorf("it is still suspicious: %s", body)
	}
	if status, _, _ := s.call("POST", "/v1/identities/forgive", map[string]any{"kind": "email", "value": "desk@example.com"}); status != http.StatusNotFound {
		t.Errorf("forgiven twice is answered %d", status)
	}
}

// A page cannot take the name that the server gave to somebody; what else comes in the same batch is taken.
func TestPagesTakeNoNamesOfOthers(t *testing.T) {
	s := startServer(t, withBrowserKey)
	const given = "email:ada@example.com"
	page := func(path string, body any) (int, string) {
		status, text, _ := s.call("POST", path, body, func(r *http.Request) { r.SetBasicAuth(browserKey, "") })
		return status, text
	}
	if status, text := page("/v1/identify", map[string]any{"userId": "mallory", "anonymousId": given}); status != http.StatusBadRequest || !strings.Contains(text, `"anonymousId"`) {
		t.Errorf("one event: %d %s", status, text)
	}
	batch := map[string]any{"batch": []map[string]any{
		{"type": "alias", "userId": "mallory", "previousId": given}, {"type": "track", "event": "Seen", "anonymousId": "7f3c"},
	}}
	if status, text := page("/v1/batch", batch); status != http.StatusOK || !strings.Contains(text, `"accepted":1`) || !strings.Contains(text, `batch[0].previousId`) {
		t.Errorf("a batch: %d %s", status, text)
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "anonymousId": given}) // with the write key it may be said
}

// A list that knows people by their addresses, and pages that give addresses, over HTTP.
func TestPeopleKnownByAnAddress(t *testing.T) {
	s := startServer(t, withBrowserKey)
	s.must("POST", "/v1/import", map[string]any{"source": "list"})
	s.must("POST", "/v1/import/list/customers", map[string]any{"customers": []map[string]any{{"id": "1", "customer": map[string]any{
		"email": "Mc1@example.com", "consents": []map[string]any{{"channel": "email", "granted": false, "at": "2025-05-01T00:00:00Z", "source": "list"}}}}}})
	s.must("POST", "/v1/import/list/close", map[string]any{})
	s.must("POST", "/v1/identify", map[string]any{"userId": "4711", "traits": map[string]any{"email": "mc1@example.com"}})
	s.must("POST", "/v1/consent", map[string]any{"email": "mc1@example.com", "channel": "sms", "granted": true, "timestamp": "2025-06-01T00:00:00Z"})
	s.eventually("the list's customer is 4711", func() bool {
		_, body, _ := s.call("GET", "/v1/customers/4711", nil)
		return strings.Contains(body, `"email:mc1@example.com"`) && strings.Contains(body, `"granted":false`) && strings.Contains(body, `"at":"2025-06-01T00:00:00Z"`)
	})
	page := func(visitor string) {
		status, text, _ := s.call("POST", "/v1/identify", map[string]any{"anonymousId": visitor, "traits": map[string]any{"email": "zoe@example.com"}},
			func(r *http.Request) { r.SetBasicAuth(browserKey, "") })
		if status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	page("web-1")
	s.eventually("who gave an address is found by it", func() bool {
		status, _, _ := s.call("GET", "/v1/customers/zoe@example.com", nil)
		return status == http.StatusOK
	})
	if _, body, _ := s.call("GET", "/v1/customers/web-1/timeline", nil); !strings.Contains(body, `"source":"browser"`) {
		t.Errorf("the timeline does not say what came with the browser key: %s", body)
	}
	page("web-2")
	s.eventually("two of whom none is known to have it are listed", func() bool {
		status, body, _ := s.call("GET", "/v1/customers/zoe@example.com", nil)
		return status == http.StatusConflict && strings.Contains(body, "web-1") && strings.Contains(body, "web-2")
	})
}

// What a list writes where it knows no name is nobody's name: the addresses say who it is, and what they refuse holds.
func TestAListsNobodyIsNoCustomer(t *testing.T) {
	s := startServer(t)
	s.must("POST", "/v1/import", map[string]any{"source": "list"})
	row := func(id, user, email string, granted bool) map[string]any {
		return map[string]any{"id": id, "customer": map[string]any{"userId": user, "email": email,
			"consents": []map[string]any{{"channel": "email", "granted": granted, "at": "2025-05-01T00:00:00Z", "source": "list"}}}}
	}
	text := s.must("POST", "/v1/import/list/customers", map[string]any{"customers": []map[string]any{
		row("1", "NULL", "nu1@example.com", false), row("2", "NULL", "nu2@example.com", true), row("3", "#N/A", "nu3@example.com", false), row("4", "0", "", false)}})
	if !strings.Contains(text, `"accepted":3`) || !strings.Contains(text, `userId \"0\" names nobody`) {
		t.Error(text)
	}
	s.must("POST", "/v1/import/list/close", map[string]any{})
	if status, body, _ := s.call("GET", "/v1/customers/NULL", nil); status != http.StatusNotFound {
		t.Errorf("NULL is a customer: %s", body)
	}
	for user, granted := range map[string]string{"nu1": "false", "nu2": "true", "nu3": "false"} {
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"email": user + "@example.com"}})
		s.eventually(user+" is the list's", func() bool {
			_, body, _ := s.call("GET", "/v1/customers/"+user, nil)
			return strings.Contains(body, `"granted":`+granted)
		})
	}
}
