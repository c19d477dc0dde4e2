package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/config"
)

const adminKey = "test-admin-key"

// guarded is a server that asks for its admin key, as one that is reachable from elsewhere does.
func guarded(t *testing.T, settings ...setting) *server {
	t.Helper()
	return startServer(t, append([]setting{func(c *config.Config) { c.AdminKey, c.BrowserKey = adminKey, "test-browser-key" }}, settings...)...)
}

// bearer shows a key as a token, and nothing else.
func bearer(secret string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del("X-Stagecraft")
		r.Header.Set("Authorization", "Bearer "+secret)
	}
}

type madeKey struct {
	ID, Secret, Name, Hint string
	Scopes                 []string
}

func (s *server) makeKey(request string) (made madeKey) { return s.makeKeyWith(adminKey, request) }

func (s *server) makeKeyWith(admin, request string) (made madeKey) {
	s.t.Helper()
	status, text, header := s.call("POST", "/v1/keys", request, bearer(admin))
	if status != 201 || json.Unmarshal([]byte(text), &made) != nil || header.Get("Cache-Control") != "no-store" {
		s.t.Fatalf("%d %s", status, text)
	}
	return made
}

// A key may do what its scopes say, and nothing else, however it is shown.
func TestKeysAreScoped(t *testing.T) {
	s := guarded(t)
	s.track("ada", "Order Completed", map[string]any{"messageId": "m1"})
	calls := map[string]struct{ method, path, body string }{
		"event":  {"POST", "/v1/track", `{"userId": "ada", "event": "Looked"}`},
		"import": {"GET", "/v1/import", ""},
		"look":   {"GET", "/v1/customers/ada", ""},
		"figure": {"GET", "/api/overview", ""},
		"token":  {"POST", "/v1/inapp/token", `{"userId": "ada"}`},
		"place":  {"POST", "/v1/moves", `{"userId": "ada", "journey": "customer-lifecycle", "to": "active", "act": "place"}`},
		"switch": {"POST", "/api/journeys/customer-lifecycle/mode", `{"mode": "shadow"}`},
		"keys":   {"GET", "/v1/keys", ""},
	}
	all := []string{"event", "import", "look", "figure", "token", "place", "switch", "keys"}
	for scopes, may := range map[string][]string{
		`["ingest"]`:         {"event", "import"},
		`["read"]`:           {"look", "figure"},
		`["send"]`:           {"token", "place"},
		`["ingest", "read"]`: {"event", "import", "look", "figure"},
		`["admin"]`:          all,
	} {
		key := s.makeKey(fmt.Sprintf(`{"name": %q, "scopes": %s}`, scopes, scopes))
		for _, name := range all {
			want := 403
			for _, allowed := range may {
				if name == allowed {
					want = 200
				}
			}
			call := calls[name]
			var body any
			if call.body != "" {
				body = call.body
			}
			for way, show := range map[string]func(*http.Request){
				"bearer": bearer(key.Secret),
				"basic":  func(r *http.Request) { r.SetBasicAuth(key.Secret, "") },
			} {
				status, text, _ := s.call(call.method, call.path, body, show)
				if status != want || want == 403 && !strings.Contains(text, `"code":"forbidden"`) {
					t.Errorf("%s with %s as %s: %d %s, want %d", name, scopes, way, status, text, want)
				}
			}
		}
	}
	// A page that has such a key shows it to everybody.
	key := s.makeKey(`{"name": "page", "scopes": ["ingest"]}`)
	if status, text, _ := s.call("POST", "/v1/track", `{"userId": "ada", "event": "X"}`, bearer(key.Secret), func(r *http.Request) { r.Header.Set("Origin", "https://shop.example") }); status != 403 {
		t.Errorf("from a page: %d %s", status, text)
	}
	// In a browser the key is sent along with whatever another page asks for, unless it is a token.
	if status, _, _ := s.call("POST", "/api/orders/pause", `{}`, func(r *http.Request) {
		r.SetBasicAuth("", adminKey)
		r.Header.Del("X-Stagecraft")
	}); status != 401 {
		t.Errorf("a change without the header: %d", status)
	}
	for name, allowed := range map[string]bool{"https://evil.example": false, "": true} {
		if status, _, _ := s.call("POST", "/v1/inapp/token", `{"userId": "ada"}`, func(r *http.Request) {
			r.SetBasicAuth("", adminKey)
			r.Header.Set("Content-Type", "text/plain")
			if name != "" {
				r.Header.Set("Origin", name)
			}
		}); (status == 200) != allowed {
			t.Errorf("a request that a page of %q makes with the key of its visitor: %d", name, status)
		}
	}
}

// What is kept of a key is a hash; it outlives a restart, and ends at once when it is revoked.
func TestAKeyIsShownOnce(t *testing.T) {
	s := guarded(t)
	made := s.makeKey(`{"name": "shop", "scopes": ["read", "ingest", "read"], "expires": "2100-01-01T00:00:00Z"}`)
	if !strings.HasPrefix(made.Secret, "sc_") || len(made.Secret) < 29 || fmt.Sprint(made.Scopes) != "[ingest read]" || !strings.HasPrefix(made.Secret, made.Hint) {
		t.Errorf("%+v", made)
	}
	for field, body := range map[string]string{
		"name":    `{"name": " ", "scopes": ["read"]}`,
		"scopes":  `{"name": "x", "scopes": ["write"]}`,
		"rate":    `{"name": "x", "scopes": ["read"], "rate": -1}`,
		"expires": `{"name": "x", "scopes": ["read"], "expires": "2001-01-01T00:00:00Z"}`,
		"scope":   `{"name": "x", "scope": ["read"]}`,
	} {
		if status, text, _ := s.call("POST", "/v1/keys", body, bearer(adminKey)); status != 400 || !strings.Contains(text, fmt.Sprintf(`"field":%q`, field)) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := s.call("POST", "/v1/keys", `{"name": "shop", "scopes": ["read"]}`, bearer(adminKey)); status != 409 {
		t.Errorf("a second key of the name: %d %s", status, text)
	}
	look := func(want int) string {
		t.Helper()
		status, text, _ := s.call("GET", "/v1/customers", nil, bearer(made.Secret))
		if status != want {
			t.Errorf("%d %s, want %d", status, text, want)
		}
		return text
	}
	look(200)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(s.cfg.Data, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), made.Secret) {
			t.Errorf("%s has the key in it", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	look(200)
	status, list, _ := s.call("GET", "/v1/keys", nil, bearer(adminKey))
	if status != 200 || !strings.Contains(list, `"used":"2`) || strings.Contains(list, made.Secret) || strings.Contains(list, `"hash"`) {
		t.Errorf("%d %s", status, list)
	}
	if status, text, _ := s.call("DELETE", "/v1/keys/"+made.ID, nil, bearer(adminKey)); status != 204 {
		t.Errorf("%d %s", status, text)
	}
	look(401)
	if status, _, _ := s.call("DELETE", "/v1/keys/shop", nil, bearer(adminKey)); status != 404 {
		t.Errorf("revoked twice: %d", status)
	}
}

// A key has a limit of requests a second, and is told what is left of it.
func TestAKeyHasALimit(t *testing.T) {
	s := guarded(t)
	key := s.makeKey(`{"name": "greedy", "scopes": ["ingest"], "rate": 3}`)
	refused := 0
	for i := range 40 {
		status, text, header := s.call("POST", "/v1/track", fmt.Sprintf(`{"userId": "ada", "event": "X", "messageId": "m%d"}`, i), bearer(key.Secret))
		if header.Get("RateLimit-Policy") != `"key";q=3;w=1` || !strings.HasPrefix(header.Get("RateLimit"), `"key";r=`) {
			t.Fatalf("%v", header)
		}
		if status == 429 {
			refused++
			if header.Get("Retry-After") != "1" || !strings.Contains(text, `"code":"busy"`) {
				t.Errorf("%s %v", text, header)
			}
		} else if status != 200 {
			t.Errorf("%d %s", status, text)
		}
	}
	if refused == 0 {
		t.Error("40 requests at once were taken of a key that may make 3 a second")
	}
	s.track("ada", "Y") // the others go on
}

// A POST with an Idempotency-Key is done once.
func TestARepeatedRequestIsAnsweredAlike(t *testing.T) {
	s := guarded(t)
	s.track("ada", "Order Completed")
	post := func(path, body, key string, show ...func(*http.Request)) (int, string, http.Header) {
		return s.call("POST", path, body, append([]func(*http.Request){bearer(adminKey), func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }}, show...)...)
	}
	pause := `{"channel": "email", "by": "ada", "why": "holidays"}`
	status, first, header := post("/api/orders/pause", pause, "k1")
	if status != 200 || header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %s", status, first)
	}
	s.call("POST", "/api/orders/resume", `{"channel": "email"}`, bearer(adminKey))
	status, again, header := post("/api/orders/pause", pause, "k1")
	if status != 200 || again != first || header.Get("Idempotent-Replayed") != "true" || header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s %v, want %s", status, again, header, first)
	}
	if status, orders, _ := s.call("GET", "/api/orders", nil, bearer(adminKey)); status != 200 || strings.Contains(orders, "holidays") {
		t.Errorf("the repeated request paused again: %s", orders)
	}
	if status, text, _ := post("/api/orders/pause", `{"channel": "sms"}`, "k1"); status != 409 || !strings.Contains(text, `"field":"Idempotency-Key"`) {
		t.Errorf("another request with the same key: %d %s", status, text)
	}
	// What failed may be mended and sent again.
	if status, _, _ := post("/v1/keys", `{"name": "a", "scopes": ["all"]}`, "k2"); status != 400 {
		t.Errorf("%d", status)
	}
	if status, text, _ := post("/v1/keys", `{"name": "a", "scopes": ["read"]}`, "k2"); status != 201 {
		t.Errorf("%d %s", status, text)
	}
	// A secret is not kept, so it is not told again.
	if status, text, _ := post("/v1/keys", `{"name": "a", "scopes": ["read"]}`, "k2"); status != 409 || strings.Contains(text, `"secret":`) {
		t.Errorf("%d %s", status, text)
	}
	// The keys of one caller are not those of another.
	other := s.makeKey(`{"name": "other", "scopes": ["admin"]}`)
	if status, _, header := post("/api/orders/pause", `{"channel": "sms"}`, "k1", bearer(other.Secret)); status != 200 || header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %v", status, header)
	}
	// Ten at once: one is done.
	done, replayed, busy := 0, 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			status, text, header := post("/v1/import", `{"source": "shop", "history": true}`, "k3")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == 429 || status == 503: // on a machine that has other things to do it may take too long
				busy++
			case status != 200:
				t.Errorf("%d %s", status, text)
			case header.Get("Idempotent-Replayed") == "true":
				replayed++
			default:
				done++
			}
		})
	}
	all.Wait()
	if done > 1 || done == 0 && busy == 0 || done+replayed+busy != 10 {
		t.Errorf("%d were done, %d replayed, %d told to come again", done, replayed, busy)
	}
	s.eventually("it is done and replayed", func() bool {
		status, _, header := post("/v1/import", `{"source": "shop", "history": true}`, "k3")
		return status == 200 && header.Get("Idempotent-Replayed") == "true"
	})
	// It outlives a restart.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if status, again, header = post("/api/orders/pause", pause, "k1"); status != 200 || again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("after a restart: %d %s", status, again)
	}
}

// Errors are problems as RFC 9457 writes them.
func TestErrorsAreProblems(t *testing.T) {
	s := guarded(t)
	for path, code := range map[string]string{"/v1/customers/nobody": "not_found", "/v1/nothing": "not_found", "/v1/customers?limit=x": "invalid"} {
		status, text, header := s.call("GET", path, nil, bearer(adminKey))
		var problem struct {
			Type, Title, Code, Detail string
			Status                    int
		}
		if err := json.Unmarshal([]byte(text), &problem); err != nil || problem.Code != code || problem.Status != status || problem.Title == "" ||
			problem.Detail == "" || problem.Type != "/api/docs#"+code || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %v", path, status, text, header)
		}
	}
}

// A live view ends with the key with which it was opened, and one key does not take the places of all.
func TestALiveViewEndsWithItsKey(t *testing.T) {
	s := guarded(t)
	key := s.makeKey(`{"name": "wall", "scopes": ["read"]}`)
	open := func() *http.Response {
		request, _ := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/stream", nil)
		request.Header.Set("Authorization", "Bearer "+key.Secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	var views []*http.Response
	for range 16 {
		if views = append(views, open()); views[len(views)-1].StatusCode != http.StatusOK {
			t.Fatalf("view %d: %d", len(views), views[len(views)-1].StatusCode)
		}
	}
	if status := open().StatusCode; status != http.StatusTooManyRequests {
		t.Errorf("one more view of the same key: %d", status)
	}
	views[0].Body.Close()
	closed := time.Now()
	s.eventually("a view that was closed makes room", func() bool { views[0] = open(); return views[0].StatusCode == http.StatusOK })
	if took := time.Since(closed); took > 10*time.Second { // before anything is written to it
		t.Errorf("a view that was closed made room after %v", took)
	}
	if status, text, _ := s.call("DELETE", "/v1/keys/"+key.ID, nil, bearer(adminKey)); status >= 300 {
		t.Fatalf("%d %s", status, text)
	}
	for _, view := range views { // else this does not end
		if _, err := io.Copy(io.Discard, view.Body); err != nil {
			t.Errorf("the view did not end in order: %v", err)
		}
	}
}
