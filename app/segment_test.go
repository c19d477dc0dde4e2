package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const browserKey = "test-browser-key"

func withBrowserKey(c *config.Config) { c.BrowserKey = browserKey }

// fromPage is a request as a page of another origin makes it, with a key or without.
func fromPage(key string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Del("X-Stagecraft")
		r.Header.Set("Origin", shop)
		r.Header.Set("Content-Type", "text/plain")
		if key != "" {
			r.SetBasicAuth(key, "")
		}
	}
}

// echo tells by mail of every event that journeys can hear, and of traits.
func echo() map[string]string {
	files := trial(`stage { title = "A" }
local function tell(what) send("told", { subject = what }) end
on("Page Viewed", function(customer, event) tell("page " .. event.properties.name) end)
on("Screen Viewed", function(customer, event) tell("screen " .. event.properties.name .. " of " .. event.properties.category) end)
on("Ask", function(customer, event) tell("group " .. customer.traits.group.id .. " has " .. customer.traits.group.plan) end)
on("Order", function(customer, event) tell("order " .. count("Order", "1 hour")) end)
`)
	files["trial/messages/told.email.liquid"] = "---\nsubject: Told\nkind: transactional\n---\nTold.\n"
	return files
}

// Every call comes in by its long path, its short one, and in a batch.
func TestEveryCall(t *testing.T) {
	s := startServer(t, withScripts(t, echo()))
	s.setMode("trial", lifecycle.Live)
	mail := `,"context":{"traits":{"email":"ada@example.com"}}`
	bodies := map[string]string{
		"page":     `{"userId":"ada-%[1]s","name":"Home %[1]s"` + mail + `}`,
		"screen":   `{"userId":"ada-%[1]s","name":"Start","category":"%[1]s","properties":{"name":"is not it"}` + mail + `}`,
		"group":    `{"userId":"ada-%[1]s","groupId":"acme","traits":{"plan":"%[1]s"}}`,
		"identify": `{"userId":"ada-%[1]s","traits":{"email":"ada@example.com"}}`,
		"track":    `{"userId":"ada-%[1]s","event":"Ask"}`,
		"alias":    `{"userId":"ada-%[1]s","previousId":"device-%[1]s"}`,
	}
	for _, name := range []string{"page", "screen", "group", "identify", "track", "alias"} {
		s.must("POST", "/v1/"+name, fmt.Sprintf(bodies[name], "long"))
		s.must("POST", "/v1/"+name[:1], fmt.Sprintf(bodies[name], "short"))
		var event map[string]any
		if err := json.Unmarshal([]byte(fmt.Sprintf(bodies[name], "batch")), &event); err != nil {
			t.Fatal(err)
		}
		event["type"] = name
		path := map[string]string{"page": "/v1/b", "screen": "/v1/import", "group": "/beacon/v1/batch"}[name]
		if path == "" {
			path = "/v1/batch"
		}
		s.must("POST", path, map[string]any{"batch": []any{event}})
	}
	for _, way := range []string{"long", "short", "batch"} {
		for _, what := range []string{"page Home " + way, "screen Start of " + way, "group acme has " + way} {
			s.eventually(what, func() bool { return s.told(what) })
		}
		s.must("POST", "/v1/track", fmt.Sprintf(`{"anonymousId":"device-%s","event":"Order","messageId":"%[1]s"}`, way))
	}
	s.eventually("who was aliased is reached by the former name", func() bool {
		n := 0
		for _, mail := range s.mails() {
			if strings.Contains(mail, `"subject":"order 1"`) {
				n++
			}
		}
		return n == 3
	})
	// The import of our own stays at its address.
	if text := s.must("POST", "/v1/import", `{"source":"orders"}`); !strings.Contains(text, `"state":"open"`) {
		t.Error(text)
	}
}

// A page proves itself with the browser key, in a header or, without any, in the body; it never gets further than that.
func TestPages(t *testing.T) {
	s := startServer(t, withBrowserKey)
	event := `{"writeKey":"%s","anonymousId":"device","event":"Order Completed"}`
	for name, c := range map[string]struct {
		path, body, key string
		want            int
	}{
		"header":                  {"/v1/t", fmt.Sprintf(event, ""), browserKey, 200},
		"body":                    {"/v1/t", fmt.Sprintf(event, browserKey), "", 200},
		"query":                   {"/beacon/v1/batch?writeKey=" + browserKey, `{"batch":[{"type":"identify","anonymousId":"x"}]}`, "", 200},
		"batch":                   {"/v1/b", `{"writeKey":"` + browserKey + `","batch":[{"type":"identify","anonymousId":"x"}]}`, "", 200},
		"none":                    {"/v1/t", fmt.Sprintf(event, ""), "", 401},
		"another":                 {"/v1/t", fmt.Sprintf(event, "nope"), "", 401},
		"the header counts":       {"/v1/t", fmt.Sprintf(event, browserKey), "nope", 401},
		"the write key in a page": {"/v1/t", fmt.Sprintf(event, ""), key, 403},
		"no more than events":     {"/v1/send", `{}`, browserKey, 403},
		"nor consent":             {"/v1/consent", `{}`, browserKey, 403},
		"nor tokens":              {"/v1/inapp/token", `{"userId":"ada"}`, browserKey, 403},
		"nor imports":             {"/v1/import", `{"source":"x"}`, browserKey, 403},
	} {
		status, text, header := s.call("POST", c.path, c.body, fromPage(c.key))
		if status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, text, c.want)
		}
		if ingest := strings.HasPrefix(c.path, "/v1/t") && c.path != "/v1/inapp/token"; ingest && header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: the page may not read the answer: %v", name, header)
		}
		if challenge := header.Get("WWW-Authenticate"); strings.HasPrefix(c.path, "/v1/t") && status == 401 && strings.HasPrefix(challenge, "Basic") {
			t.Errorf("%s: the visitor is asked for a password", name)
		}
	}
	status, _, header := s.call("OPTIONS", "/v1/t", nil, fromPage(""), func(r *http.Request) {
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
	})
	if allowed := header.Get("Access-Control-Allow-Headers"); status != 204 || header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "content-type") {
		t.Errorf("preflight: %d %v", status, header)
	}
	// Libraries send headers of their own, and others with each version.
	for asked, want := range map[string]string{
		"anonymousid,authorization,content-type,sentat": "anonymousid, authorization, content-type, sentat",
		"rsa-retry-attempt, rsa-since-last-attempt":     "rsa-retry-attempt, rsa-since-last-attempt",
		"sentat, <script>":                              "authorization, content-type, content-encoding, anonymousid, sentat, x-retry-count",
		strings.Repeat("x", 1100):                       "authorization, content-type, content-encoding, anonymousid, sentat, x-retry-count",
	} {
		_, _, header = s.call("OPTIONS", "/v1/track", nil, fromPage(""), func(r *http.Request) {
			r.Header.Set("Access-Control-Request-Method", "POST")
			r.Header.Set("Access-Control-Request-Headers", asked)
		})
		if got := header.Get("Access-Control-Allow-Headers"); got != want || header.Get("Vary") != "Access-Control-Request-Headers" {
			t.Errorf("preflight of %.80q allows %q, varies with %q", asked, got, header.Get("Vary"))
		}
	}
	if status, _, _ = s.call("GET", "/v1/track", nil); status != 405 {
		t.Errorf("GET /v1/track: %d", status)
	}
}

// Libraries ask where to send before they send.
func TestLibrariesAreToldWhere(t *testing.T) {
	s := startServer(t, withBrowserKey)
	status, text, header := s.call("GET", "/v1/projects/"+browserKey+"/settings", nil, fromPage(""))
	var segment struct {
		Integrations map[string]struct{ APIKey, APIHost, Protocol string }
	}
	if err := json.Unmarshal([]byte(text), &segment); err != nil || status != 200 || header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatal(status, text, err)
	}
	if to := segment.Integrations["Segment.io"]; to.Protocol+"://"+to.APIHost != s.url+"/v1" || to.APIKey != browserKey || len(segment.Integrations) != 1 {
		t.Errorf("Segment's library would send to %+v", segment)
	}
	for _, path := range []string{"/sourceConfig/?p=web&writeKey=" + browserKey, "/sourceConfig"} {
		change := fromPage("")
		if path == "/sourceConfig" {
			change = fromPage(browserKey)
		}
		status, text, _ = s.call("GET", path, nil, change)
		var rudder struct {
			Source struct {
				WriteKey   string
				Enabled    bool
				Dataplanes []struct{ URL string }
			}
		}
		if err := json.Unmarshal([]byte(text), &rudder); err != nil || status != 200 || !rudder.Source.Enabled || rudder.Source.WriteKey != browserKey ||
			len(rudder.Source.Dataplanes) != 1 || rudder.Source.Dataplanes[0].URL != s.url {
			t.Errorf("%s: %d %s %v", path, status, text, err)
		}
	}
	for path, want := range map[string]int{"/v1/projects/nope/settings": 404, "/v1/projects/" + key + "/settings": 403, "/sourceConfig?writeKey=nope": 404} {
		if status, text, _ = s.call("GET", path, nil, fromPage("")); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, text, want)
		}
	}
	status, text, header = s.call("GET", "/stagecraft.js", nil, fromPage(""))
	if status != 200 || len(text) >= 2048 || header.Get("Access-Control-Allow-Origin") != "*" || !strings.HasPrefix(header.Get("Content-Type"), "text/javascript") {
		t.Errorf("our own script: %d, %d bytes, %v", status, len(text), header)
	}
}

// A sender's clock that is a day late makes no event a day older than it is.
func TestSkewedClocks(t *testing.T) {
	s := startServer(t, withScripts(t, echo()))
	s.setMode("trial", lifecycle.Live)
	at := func(age time.Duration) string {
		return time.Now().Add(-24*time.Hour - age).UTC().Format(time.RFC3339Nano)
	}
	event := func(user, more string) string {
		return `{"type":"track","userId":"` + user + `","event":"Order","context":{"traits":{"email":"a@b.example"}}` + more + `}`
	}
	s.must("POST", "/v1/track", event("one", fmt.Sprintf(`,"timestamp":%q,"sentAt":%q`, at(time.Minute), at(0))))
	s.must("POST", "/v1/batch", fmt.Sprintf(`{"sentAt":%q,"batch":[%s]}`, at(0), event("two", fmt.Sprintf(`,"originalTimestamp":%q`, at(time.Minute)))))
	s.must("POST", "/v1/batch", fmt.Sprintf(`{"sentAt":%q,"batch":[%s]}`, at(0), event("three", fmt.Sprintf(`,"timestamp":%q`, at(2*time.Hour)))))
	s.must("POST", "/v1/track", event("four", fmt.Sprintf(`,"timestamp":%q,"sentAt":7`, at(0))))
	counts := func(n string) (found int) {
		for _, mail := range s.mails() {
			if strings.Contains(mail, `"subject":"order `+n+`"`) {
				found++
			}
		}
		return found
	}
	s.eventually("two happened within the hour, two did not", func() bool { return counts("1") == 2 && counts("0") == 2 })
}

// The good events of a batch are taken, the bad ones named, and the sender goes on.
func TestABadEventHoldsNothingUp(t *testing.T) {
	s := startServer(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, `{"batch":[{"type":"track","userId":"a","event":"Order Completed"},{"type":"track","userId":"b"},7,`+
		`{"type":"track","userId":"c","event":"Order Completed","properties":{"x":"`+strings.Repeat("y", 33<<10)+`"}},{"type":"track","userId":"d","event":"Order Completed"}]}`)
	w.Close()
	status, text, _ := s.call("POST", "/v1/batch", packed.Bytes(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Content-Encoding", "gzip")
	})
	var answer struct {
		Success  bool
		Accepted int
		Errors   []struct{ Code, Field, Message string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.Success || answer.Accepted != 2 || len(answer.Errors) != 3 {
		t.Fatal(status, text, err)
	}
	for i, field := range []string{"batch[1].event", "batch[2]", "batch[3].properties"} {
		if answer.Errors[i].Field != field || answer.Errors[i].Code != "invalid" || answer.Errors[i].Message == "" {
			t.Errorf("%+v, want field %s", answer.Errors[i], field)
		}
	}
	if got := s.overview().stages("customer-lifecycle")["single-purchase"]; got != 2 {
		t.Errorf("%d customers ordered, want the two good ones", got)
	}
}
