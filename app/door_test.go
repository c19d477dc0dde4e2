package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A bad event is refused alone, whatever is wrong with it, and its neighbours are taken: whoever sends a batch again until all
// of it is taken would send it for ever.
func TestABadEventIsRefusedAlone(t *testing.T) {
	s := startServer(t, withBrowserKey)
	deep := strings.Repeat(`{"a":`, 10_500) + "1" + strings.Repeat("}", 10_500)
	for name, bad := range map[string]string{
		"too deep":       `{"type":"track","userId":"deep","event":"X","properties":` + deep + `}`,
		"no JSON":        `{"type":"track","userId":nobody}`,
		"no object":      `7`,
		"without a type": `{"userId":"ada"}`,
	} {
		good := fmt.Sprintf(`{"type":"track","userId":"good, %s","event":"X"}`, name)
		for _, batch := range []string{good + "," + bad, bad + "," + good} {
			for way, show := range map[string]func(*http.Request){"header": bearer(key), "body": func(*http.Request) {}} {
				status, text := s.plainly("/v1/batch", `{"writeKey":"`+key+`","batch":[`+batch+`]}`, show)
				var answer struct {
					Accepted int
					Errors   []struct{ Code, Field, Message string }
				}
				if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.Accepted != 1 || len(answer.Errors) != 1 ||
					!strings.HasPrefix(answer.Errors[0].Field, "batch[") || answer.Errors[0].Code != "invalid" || answer.Errors[0].Message == "" {
					t.Errorf("%s, with the key in the %s: %d %.300s", name, way, status, text)
				}
			}
		}
		s.must("GET", "/v1/customers/good,%20"+strings.ReplaceAll(name, " ", "%20"), nil)
	}
	for _, broken := range []string{`{"batch":[{"type":"track"}`, `{"batch":[{}]} {}`, `{"batch":{}}`, `[]`, `{"batch":[{}],"context":nul}`, `{"batch":[{}}`, `{"batch":"x"}`} {
		if status, text, _ := s.call("POST", "/v1/batch", broken); status != 400 {
			t.Errorf("%s: %d %s", broken, status, text)
		}
	}
}

// plainly posts what need not be as the API is described.
func (s *server) plainly(path, body string, show func(*http.Request)) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	show(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The names of fields count by every letter: one in another case is one that nobody knows.
func TestFieldsCountByEveryLetter(t *testing.T) {
	s := startServer(t)
	s.must("POST", "/v1/track", `{"userId":"realme","event":"a","UserID":"spoof","EVENT":"b"}`)
	s.must("POST", "/v1/batch", `{"batch":[{"type":"track","event":"a","userId":"realme","USERID":"spoof","Type":"dance"}],"Batch":[],"Context":7}`)
	s.must("POST", "/v1/track", `{"userId":"realme","event":"a","context":{"traits":{"city":"Bonn"},"Traits":{"city":"Rome"}}}`)
	s.must("POST", "/v1/alias", `{"userId":"realme","previousId":"before","PreviousID":"spoof"}`)
	if text := s.must("GET", "/v1/customers/realme", nil); !strings.Contains(text, "Bonn") || strings.Contains(text, "Rome") || !strings.Contains(text, "before") {
		t.Error(text)
	}
	if status, text, _ := s.call("GET", "/v1/customers/spoof", nil); status != 404 {
		t.Errorf("%d %s", status, text)
	}
	if status, text, _ := s.call("POST", "/v1/track", `{"UserId":"realme","event":"a"}`); status != 400 || !strings.Contains(text, `"field":"userId"`) {
		t.Errorf("%d %s", status, text)
	}
	for field, call := range map[string]struct{ method, path, body string }{
		"UserID":      {"POST", "/v1/send", `{"userId":"realme","UserID":"spoof","message":"customer-lifecycle/thank-you"}`},
		"JOURNEY":     {"POST", "/v1/moves", `{"userId":"realme","journey":"customer-lifecycle","JOURNEY":"x","to":"active"}`},
		"Source":      {"POST", "/v1/import", `{"source":"list","Source":"other"}`},
		"MODE":        {"POST", "/api/journeys/customer-lifecycle/mode", `{"mode":"live","MODE":"off"}`},
		"Connector":   {"PUT", "/api/channels/sms", `{"connector":"sms","Connector":"email"}`},
		"AnonymousId": {"POST", "/v1/consent", `{"userId":"realme","AnonymousId":"x","channel":"email","granted":true}`},
	} {
		status, text, _ := s.call(call.method, call.path, call.body)
		if call.path == "/api/channels/sms" { // what it was sent may be secret
			field = ""
		}
		if status != 400 || field != "" && !strings.Contains(text, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s: %d %s", call.path, status, text)
		}
	}
}

// A field that nobody knows may be a misspelt filter, without which an order is about everything: every call but those that take
// events, rows and what others send refuses it by its name, and does nothing.
func TestUnknownFieldsAreRefused(t *testing.T) {
	s := startServer(t)
	s.must("PUT", "/api/broadcasts/sale", `{"audience":{"everybody":true},"parts":[{"texts":{"email":"---\nsubject: Sale\n---\nHi\n"}}]}`)
	s.must("PUT", "/api/bulks/sale", `{"act":"exit","journey":"customer-lifecycle","audience":{"everybody":true}}`)
	k, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, item := range k.paths {
		for method, operation := range item {
			described, _ := operation.(map[string]any)
			body, _ := described["requestBody"].(map[string]any)
			content, _ := body["content"].(map[string]any)
			if content["application/json"] == nil || content["text/plain"] != nil || content["text/csv"] != nil || strings.Contains(path, "/import") {
				continue
			}
			tried++
			at := strings.NewReplacer("/api/journeys/{name}", "/api/journeys/customer-lifecycle", "{name}", "sale", "{ref}", "x", "{customer}", "nobody",
				"{id}", "x", "{secret}", "x").Replace(path)
			status, text, _ := s.call(strings.ToUpper(method), at, `{"nobodyKnows":"this"}`)
			named := strings.Contains(text, `"field":"nobodyKnows"`) || strings.HasPrefix(path, "/api/channels/") || strings.HasSuffix(path, "/secrets/{secret}")
			if status != 400 || !named {
				t.Errorf("%s %s takes a field that nobody knows: %d %s", method, path, status, text)
			}
			err := k.validate([]byte(`{"nobodyKnows":"this"}`), pointer("paths", path, method, "requestBody", "content", "application/json", "schema"))
			if err == nil || !strings.Contains(err.Error(), "nobodyKnows") {
				t.Errorf("%s %s is described as taking any field", method, path)
			}
		}
	}
	if tried < 45 {
		t.Errorf("only %d calls were tried", tried)
	}
	for body, field := range map[string]string{`{"journey":"customer-lifecycle","names":"welcome"}`: "names", `{"channel":5}`: "channel", `null`: ""} {
		if status, text, _ := s.call("POST", "/api/orders/cancel", body); status != 400 || !strings.Contains(text, fmt.Sprintf(`"field":%q`, field)) && field != "" {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if text := s.must("GET", "/api/orders", nil); !strings.Contains(text, `"cancels":[]`) {
		t.Errorf("something was cancelled: %s", text)
	}
	if status, text, _ := s.call("POST", "/api/broadcasts/sale/stop", `{"channel":"sms"}`); status != 400 || !strings.Contains(text, `"field":"channel"`) {
		t.Errorf("a broadcast cannot be stopped in part: %d %s", status, text)
	}
}

// A time that cannot be read is named, and how times are written, wherever a body has one.
func TestTimesThatCannotBeReadAreNamed(t *testing.T) {
	s := startServer(t)
	s.must("POST", "/v1/track", `{"userId":"realme","event":"a"}`)
	s.must("POST", "/v1/import", `{"source":"list"}`)
	for _, call := range []struct{ method, path, body, field string }{
		{"PUT", "/api/broadcasts/sale", `{"audience":{"everybody":true},"at":"tomorrow","parts":[{"texts":{"email":"---\nsubject: Sale\n---\nHi\n"}}]}`, "at"},
		{"PUT", "/api/broadcasts/sale", `{"at":7}`, "at"},
		{"POST", "/v1/moves", `{"userId":"realme","journey":"customer-lifecycle","to":"active","act":"place","entered":"2026-01-31"}`, "entered"},
		{"POST", "/api/webhooks/replay", `{"since":"yesterday"}`, "since"},
		{"POST", "/v1/keys", `{"name":"till","scopes":["read"],"expires":"2027"}`, "expires"},
		{"POST", "/v1/consent", `{"userId":"realme","channel":"email","granted":true,"at":"yesterday"}`, "at"},
	} {
		status, text, _ := s.call(call.method, call.path, call.body)
		if status != 400 || !strings.Contains(text, fmt.Sprintf(`"field":%q`, call.field)) || !strings.Contains(text, "2026-01-31T12:00:00Z") {
			t.Errorf("%s %s: %d %s", call.path, call.body, status, text)
		}
	}
	for body, field := range map[string]string{`{"customer":{"userId":"x","created":"soon"}}`: "customer.created",
		`{"customer":{"userId":"x","consents":[{"channel":"email","granted":false,"at":"2024-05-01T00:00:00Z"},{"channel":"sms","granted":false,"at":"May"}]}}`: "customer.consents.at"} {
		_, text := s.plainly("/v1/import/list/customers", `{"customers":[`+body+`]}`, func(r *http.Request) { r.SetBasicAuth(s.key, "") })
		if !strings.Contains(text, field+` \"`) {
			t.Errorf("%s: %s", body, text)
		}
	}
}

// A filter that is misspelt would answer with everything: it is named instead.
func TestUnknownParametersAreNamed(t *testing.T) {
	s := startServer(t)
	for path, field := range map[string]string{
		"/api/events?bogus=1": "bogus", "/v1/customers?serach=ada": "serach", "/v1/messages?Limit=5": "Limit", "/v1/import?x": "x", "/v1/export/events?till=1": "till",
		"/v1/journeys/customer-lifecycle/figures?from=bad": "from", "/v1/privacy?a=1": "a",
	} {
		if status, text, _ := s.call("GET", path, nil); status != 400 || !strings.Contains(text, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	// Nor is there a way around it: paths are as they are written.
	for _, path := range []string{"/V1/CUSTOMERS?zzz=1", "/Api/events?bogus=1", "/v1/Customers", "/C/abc", "/Metrics"} {
		if status, text, _ := s.call("GET", path, nil); status != 404 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text, _ := s.call("GET", "/api/events?bogus=1", nil, bearer("nobody's")); status != 401 {
		t.Errorf("whoever has no key is told nothing else: %d %s", status, text)
	}
	// So would one of an export that its rows do not have.
	for path, field := range map[string]string{
		"customers?event=x": "event", "customers?journey=nope": "journey", "customers?from=2030-01-01T00:00:00Z": "from", "customers?until=2030-01-01T00:00:00Z": "until",
		"customers?source=x": "source", "messages?event=x": "event", "messages?source=nope": "source", "decisions?event=nope": "event", "decisions?source=nope": "source",
		"events?journey=nope": "journey", "events?raw=maybe": "raw", "events?raw=TRUE": "raw",
	} {
		if status, text, _ := s.call("GET", "/v1/export/"+path, nil); status != 400 || !strings.Contains(text, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("export of %s: %d %s", path, status, text)
		}
	}
	s.must("POST", "/v1/track", `{"userId":"ada","event":"X"}`)
	if rows := s.exportedOf("events", "event=X&from=2020-01-01T00:00:00Z&source=&raw=1"); !strings.Contains(rows, `"event":"X"`) {
		t.Errorf("the events: %s", rows)
	}
	for kind, filter := range map[string]string{"events": "source=nope", "messages": "journey=nope", "decisions": "journey=nope&until=2200-01-01T00:00:00Z"} {
		if rows := s.exportedOf(kind, filter); rows != "" {
			t.Errorf("%s with %s: %s", kind, filter, rows)
		}
	}
	for _, path := range []string{"/?utm_source=x", "/metrics?x=1", "/api/events?event=X&limit=5"} {
		s.must("GET", path, nil)
	}
	s.must("POST", "/v1/track?source=library", `{"userId":"ada","event":"X"}`)
}
