package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/config"
)

func TestAnEventMovesACustomerAndMailLeaves(t *testing.T) {
	s := startServer(t)
	s.track("ada", "Order Completed", map[string]any{"messageId": "m1"})
	o := s.overview()
	if got := o.stages("customer-lifecycle"); got["single-purchase"] != 1 {
		t.Fatalf("after the 200 the customer is in single-purchase, not %v", got)
	}
	s.eventually("the mail is accepted", func() bool {
		o = s.overview()
		return len(o.Messages) == 1 && o.Messages[0].State == "accepted"
	})
	var message struct {
		User, Name, File string
		Rendered         struct{ To, Subject, Text, HTML string }
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages/"+o.Messages[0].Ref, nil)), &message); err != nil {
		t.Fatal(err)
	}
	if message.Rendered.To != "ada@example.com" || message.Name != "thank-you" || message.Rendered.Subject == "" || message.Rendered.Text == "" {
		t.Errorf("the mail is not whole: %+v", message)
	}
	// The same message ID again changes nothing, also after a restart.
	s.track("ada", "Order Completed", map[string]any{"messageId": "m1"})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.track("ada", "Order Completed", map[string]any{"messageId": "m1"})
	if o := s.overview(); o.stages("customer-lifecycle")["single-purchase"] != 1 || len(o.Messages) != 1 {
		t.Errorf("a duplicate had an effect: %+v", o)
	}
	s.track("ada", "Order Completed", map[string]any{"messageId": "m2"})
	if got := s.overview().stages("customer-lifecycle"); got["active"] != 1 {
		t.Errorf("after the second order the customer is active, not %v", got)
	}
}

func TestBadInputNamesTheField(t *testing.T) {
	s := startServer(t)
	long := strings.Repeat("x", 201)
	for name, check := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"no event":            {"/v1/track", `{"userId":"ada"}`, 400, "event"},
		"no one":              {"/v1/track", `{"event":"Order Completed"}`, 400, "userId"},
		"user is a fraction":  {"/v1/track", `{"userId":5.5,"event":"X"}`, 400, "userId"},
		"user is a power":     {"/v1/track", `{"userId":5e3,"event":"X"}`, 400, "userId"},
		"user is true":        {"/v1/track", `{"userId":true,"event":"X"}`, 400, "userId"},
		"event is a number":   {"/v1/track", `{"userId":"a","event":5}`, 400, "event"},
		"group is a list":     {"/v1/group", `{"userId":"a","groupId":[5]}`, 400, "groupId"},
		"a very long number":  {"/v1/track", `{"userId":` + strings.Repeat("9", 201) + `,"event":"X"}`, 400, "userId"},
		"event is an object":  {"/v1/track", `{"userId":"a","event":{}}`, 400, "event"},
		"properties is text":  {"/v1/track", `{"userId":"a","event":"X","properties":"x"}`, 400, "properties"},
		"traits is a list":    {"/v1/identify", `{"userId":"a","traits":[]}`, 400, "traits"},
		"long name":           {"/v1/track", `{"userId":"a","event":"` + long + `"}`, 400, "event"},
		"long user":           {"/v1/track", `{"userId":"` + long + `","event":"X"}`, 400, "userId"},
		"control characters":  {"/v1/track", `{"userId":"a\u0000b","event":"X"}`, 400, "userId"},
		"too much":            {"/v1/track", `{"userId":"a","event":"X","properties":{"x":"` + strings.Repeat("y", 33<<10) + `"}}`, 400, "properties"},
		"no JSON":             {"/v1/track", `{"userId":`, 400, ""},
		"empty":               {"/v1/track", ``, 400, ""},
		"a list":              {"/v1/track", `[]`, 400, ""},
		"deep":                {"/v1/track", strings.Repeat("[", 20000), 400, ""},
		"huge":                {"/v1/track", `{"x":"` + strings.Repeat("y", 100<<10) + `"}`, 413, ""},
		"over the body limit": {"/v1/batch", strings.Repeat(" ", 2<<20), 413, ""},
		"no batch":            {"/v1/batch", `{}`, 400, "batch"},
		"batch is text":       {"/v1/batch", `{"batch":"x"}`, 400, "batch"},
		// A batch is taken whatever is in it: there are libraries that would send it again for ever.
		"a bad one in a batch": {"/v1/batch", `{"batch":[{"type":"track","userId":"good","event":"Order Completed"},{"type":"track","userId":"bad"}]}`,
			200, "batch[1].event"},
		"unknown type":      {"/v1/batch", `{"batch":[{"type":"dance","userId":"bad"}]}`, 200, "batch[0].type"},
		"not a batch":       {"/v1/batch", `{"batch":[5]}`, 200, "batch[0]"},
		"an endless batch":  {"/v1/batch", `{"batch":[` + strings.Repeat(" ", 500<<10) + `{}]}`, 413, ""},
		"no group":          {"/v1/group", `{"userId":"a","traits":{}}`, 400, "groupId"},
		"no former ID":      {"/v1/alias", `{"userId":"a"}`, 400, "previousId"},
		"no new ID":         {"/v1/alias", `{"previousId":"a","anonymousId":"b"}`, 400, "userId"},
		"page of a list":    {"/v1/page", `{"userId":"a","name":"Home","properties":[]}`, 400, "properties"},
		"page of nobody":    {"/v1/page", `{"name":"Home"}`, 400, "userId"},
		"group traits":      {"/v1/group", `{"userId":"a","groupId":"g","traits":7}`, 400, "traits"},
		"broken text in it": {"/v1/alias", `{"userId":"a","previousId":"b\u0007"}`, 400, "previousId"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text, _ := s.call("POST", check.path, check.body)
			var answer struct {
				Code, Detail, Field string
				Error               struct{ Code, Message, Field string } // of a batch that was taken
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil {
				t.Fatalf("%d %q is no JSON: %v", status, text, err)
			}
			if status != check.status || answer.Field+answer.Error.Field != check.field || answer.Detail+answer.Error.Message == "" {
				t.Errorf("%d %s, want %d and field %q", status, text, check.status, check.field)
			}
		})
	}
	// Of all this only the good one of the batch was taken.
	if o := s.overview(); o.Journeys[0].Customers != 1 {
		t.Errorf("%d customers, want the one good event's", o.Journeys[0].Customers)
	}
	// Libraries pass over what they are told of a batch: operators see it.
	if text := s.must("GET", "/metrics", nil); !strings.Contains(text, "\nstagecraft_events_refused_total 3\n") {
		t.Errorf("the figures do not say that three events of batches were refused")
	}
}

func TestKeysAndWays(t *testing.T) {
	s := startServer(t)
	event := `{"userId":"ada","event":"Order Completed","messageId":"m1"}`
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte(event))
	w.Close()
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, check := range map[string]struct {
		body   any
		change func(*http.Request)
		want   int
	}{
		"no key":           {event, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"wrong key":        {event, func(r *http.Request) { r.SetBasicAuth("nope", "") }, 401},
		"empty key":        {event, func(r *http.Request) { r.SetBasicAuth("", "") }, 401},
		"broken header":    {event, set("Authorization", "Basic ???"), 401},
		"as text":          {event, set("Content-Type", "text/plain"), 200},
		"gzip":             {packed.Bytes(), set("Content-Encoding", "gzip"), 200},
		"gzip, mislabeled": {packed.Bytes(), set("Content-Type", "application/x-www-form-urlencoded"), 200},
		"broken gzip":      {packed.Bytes()[:20], set("Content-Encoding", "gzip"), 400},
	} {
		t.Run(name, func(t *testing.T) {
			if status, text, _ := s.call("POST", "/v1/track", check.body, check.change); status != check.want {
				t.Errorf("%d %s, want %d", status, text, check.want)
			}
		})
	}
}

func TestAGzipBombIsRefused(t *testing.T) {
	s := startServer(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 200 {
		w.Write(zeros)
	}
	w.Close()
	if status, text, _ := s.call("POST", "/v1/batch", packed.Bytes()); status != 413 {
		t.Errorf("%d %s, want 413", status, text)
	}
}

// Above what may wait senders are told to come back, and nothing of theirs is kept; a batch that is larger than that is
// taken when it comes alone.
func TestOverloadIs429(t *testing.T) {
	s := startServer(t, func(c *config.Config) { c.MaxPending = 64 })
	batch := func(who string) string {
		events := make([]string, 65)
		for i := range events {
			events[i] = fmt.Sprintf(`{"type":"track","userId":"%s-%d","event":"X"}`, who, i)
		}
		return `{"batch":[` + strings.Join(events, ",") + `]}`
	}
	s.must("POST", "/v1/batch", batch("alone"))
	taken, refused := 65, false
	for round := 0; !refused && round < 100; round++ {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range 8 {
			wg.Go(func() {
				status, text, header := s.call("POST", "/v1/batch", batch(fmt.Sprintf("r%d-%d", round, i)))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case status == http.StatusOK:
					taken += 65
				case status == http.StatusTooManyRequests && header.Get("Retry-After") == "1":
					refused = true
				default:
					t.Errorf("%d %s %v, want 200, or 429 with Retry-After", status, text, header)
				}
			})
		}
		wg.Wait()
	}
	if !refused {
		t.Error("nobody was told to come back")
	}
	if got := s.overview().Journeys[0].Customers; got != taken {
		t.Errorf("%d customers of %d events that were taken", got, taken)
	}
}

// Browsers open connections before they have anything to ask. A stop does not wait for them.
func TestAStopDoesNotWaitForWhoIsSilent(t *testing.T) {
	s := startServer(t)
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	s.track("ada", "Something") // the others have been accepted before
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestTheConsoleIsForTheOperatorOnly(t *testing.T) {
	s := startServer(t)
	for name, check := range map[string]struct {
		method, path string
		change       func(*http.Request)
		want         int
	}{
		"page":                {"GET", "/", func(r *http.Request) {}, 200},
		"another host name":   {"GET", "/api/overview", func(r *http.Request) { r.Host = "evil.example"; r.Header.Del("Authorization") }, 401},
		"without the header":  {"POST", "/api/journeys/customer-lifecycle/mode", func(r *http.Request) { r.Header.Del("X-Stagecraft") }, 401},
		"from another port":   {"POST", "/api/journeys/customer-lifecycle/mode", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:9") }, 401},
		"from another origin": {"POST", "/api/journeys/customer-lifecycle/mode", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 401},
		"unknown message":     {"GET", "/api/messages/1-00", nil, 404},
		"unknown dead letter": {"POST", "/api/errors/1-00/replay", nil, 404},
		"unknown script":      {"GET", "/api/journeys/customer-lifecycle/files/..%2Fkeys.json", nil, 404},
		"unknown path":        {"GET", "/nothing", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			if check.change == nil {
				check.change = func(*http.Request) {}
			}
			if status, text, _ := s.call(check.method, check.path, nil, check.change); status != check.want {
				t.Errorf("%d %s, want %d", status, text, check.want)
			}
		})
	}
	locked := startServer(t, func(c *config.Config) { c.AdminKey = "the-admin-key" })
	if status, _, header := locked.call("GET", "/api/overview", nil, func(r *http.Request) { r.Header.Del("Authorization") }); status != 401 || header.Get("WWW-Authenticate") == "" {
		t.Errorf("with an admin key the console asks for it, not %d", status)
	}
	if status, text, _ := locked.call("GET", "/api/overview", nil, func(r *http.Request) { r.SetBasicAuth("", "the-admin-key") }); status != 200 {
		t.Errorf("the admin key opens the console: %d %s", status, text)
	}
}

func TestHealthAndFigures(t *testing.T) {
	s := startServer(t)
	s.track("ada", "Order Completed")
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready",
		"/metrics": `stagecraft_stage_customers{journey="customer-lifecycle",stage="single-purchase"} 1`} {
		if text := s.must("GET", path, nil); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
}

// What another server on the way could read as two requests is refused, and nothing behind it on the connection is read.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	s := startServer(t)
	body := `{"userId":"smuggler","event":"Order Completed"}`
	auth := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(key+":")) + "\r\n"
	behind := "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	for name, head := range map[string]string{
		"two lengths":         fmt.Sprintf("Host: 127.0.0.1\r\nContent-Length: %d\r\nContent-Length: %d\r\n", len(body)+len(behind), len(body)),
		"length and chunked":  fmt.Sprintf("Host: 127.0.0.1\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n", len(body)),
		"two hosts":           fmt.Sprintf("Host: 127.0.0.1\r\nHost: evil.example\r\nContent-Length: %d\r\n", len(body)),
		"no host":             fmt.Sprintf("Content-Length: %d\r\n", len(body)),
		"a length below zero": "Host: 127.0.0.1\r\nContent-Length: -1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			sent := body
			if strings.Contains(head, "chunked") {
				sent = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			fmt.Fprintf(conn, "POST /v1/track HTTP/1.1\r\n%s%s\r\n%s%s", auth, head, sent, behind)
			conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
			answer, _ := io.ReadAll(conn)
			if text := string(answer); !strings.HasPrefix(text, "HTTP/1.1 400") || strings.Count(text, "HTTP/1.1") != 1 {
				t.Errorf("want one 400 and the end, got\n%s", text)
			} else if strings.Contains(text, "Authorization") {
				t.Errorf("the answer quotes the request:\n%s", text)
			}
		})
	}
	if o := s.overview(); o.Journeys[0].Customers != 0 {
		t.Error("an ambiguous request took effect")
	}
}
