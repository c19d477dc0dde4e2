package web_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

// open are the routes that ask for no key: they tell nothing of anybody, or what is asked for is signed, or, of callbacks,
// the connector looks who calls.
var open = []string{"/healthz", "/readyz", "/stagecraft.js", "/inapp.js", "/c/:token", "/s/:code", "/o/:token", "/u/:token", "/p/:token",
	"/callbacks/:channel", "/callbacks/:channel/*", "/v1/projects/:key/settings", "/sourceConfig", "/sourceConfig/",
	"/v1/sources/:name", "/f/:name", "/f/:name.json", "/y/:token", "/d/:token", "/r/:token", "/api/docs", "/api/docs/openapi.yaml"}

// events are what pages send with the browser key.
var events = []string{"/v1/track", "/v1/identify", "/v1/page", "/v1/screen", "/v1/group", "/v1/alias", "/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/g",
	"/v1/a", "/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"}

// Whoever shows no key, or a wrong one, or one that pages have, gets nothing from any other route, and is told so in the form that all errors have.
func TestEveryRouteAsksForAKey(t *testing.T) {
	s, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), AskAdminKey: true, AdminKey: "admin", WriteKey: "write", BrowserKey: "browser",
		PublicURL: "https://shop.example", Clock: lifecycle.WallClock{}})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, route := range s.Routes() {
		method, path := route[0], route[1]
		if slices.Contains(open, path) || method == "OPTIONS" || method == "CONNECT" || method == "TRACE" {
			continue
		}
		address := strings.NewReplacer(":name", "x", ":ref", "x", ":message", "x", ":deed", "read", ":source", "x", "*", "x", ":kind", "events",
			":customer", "x", ":id", "x", ":secret", "x").Replace(path)
		if strings.Contains(address, ":") {
			t.Fatalf("%s: say what is filled in", path)
		}
		for _, key := range []string{"", "wrong", "browser"} {
			if key == "browser" && slices.Contains(events, path) {
				continue
			}
			request := httptest.NewRequest(method, address, strings.NewReader(`{"batch": [{}]}`))
			request.Header.Set("X-Stagecraft", "1")
			if key != "" {
				request.SetBasicAuth(key, key)
			}
			response, err := s.Answer(request)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(response.Body)
			var body struct{ Type, Title, Code, Detail string }
			status, code := 401, "unauthorized"
			if inbox := strings.HasPrefix(path, "/v1/inapp") && path != "/v1/inapp/token"; key == "browser" && !inbox { // an inbox takes no keys
				status, code = 403, "forbidden"
			}
			wrong := method != "HEAD" && (json.Unmarshal(data, &body) != nil || body.Code != code || body.Detail == "" || body.Type == "" || body.Title == "")
			if response.StatusCode != status || wrong || (response.Header.Get("WWW-Authenticate") == "") != (status == 403) {
				t.Errorf("%s %s with key %q: %d %s", method, path, key, response.StatusCode, data)
			}
			asked++
		}
	}
	if asked < 200 {
		t.Errorf("only %d requests were made; are the routes still found?", asked)
	}
}
