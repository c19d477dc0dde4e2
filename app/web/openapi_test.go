package web_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
	"stagecraft/assets"
	"stagecraft/docs"
)

var variable = regexp.MustCompile(`:(\w+)`)

// What the server serves is what docs/openapi.yaml describes, method by method, and nothing else; but for the files of the
// console.
func TestEveryRouteIsDescribed(t *testing.T) {
	s := server(t)
	files, err := assets.Files(assets.Console())
	if err != nil {
		t.Fatal(err)
	}
	console := map[string]bool{"/": true}
	for _, file := range files {
		console["/"+file.Path] = true
	}
	served := map[string]bool{}
	for _, route := range s.Routes() {
		method, path := route[0], route[1]
		if slices.Contains([]string{"HEAD", "OPTIONS", "CONNECT", "TRACE"}, method) || console[path] {
			continue
		}
		if path = strings.TrimSuffix(path, "/"); strings.HasPrefix(path, "/callbacks/") {
			path = strings.Replace(path, "*", "{rest}", 1)
		}
		path = variable.ReplaceAllString(strings.Replace(path, "*", "{file}", 1), "{$1}")
		served[method+" "+path] = true
	}
	var document struct {
		Paths map[string]map[string]yaml.Node
	}
	if err = yaml.Unmarshal(docs.OpenAPI(), &document); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, call := range slices.Sorted(maps.Keys(served)) {
		if !described[call] {
			t.Errorf("%s is served, and not described", call)
		}
	}
	for _, call := range slices.Sorted(maps.Keys(described)) {
		if !served[call] {
			t.Errorf("%s is described, and not served", call)
		}
	}
	if len(served) < 150 {
		t.Errorf("only %d routes were found", len(served))
	}
}

func server(t *testing.T) *web.Server {
	t.Helper()
	s, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), AskAdminKey: true, AdminKey: "admin", WriteKey: "write", BrowserKey: "browser",
		PublicURL: "https://shop.example", Clock: lifecycle.WallClock{}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The page about the API shows all of it, and needs nothing from elsewhere.
func TestThePageAboutTheAPI(t *testing.T) {
	s := server(t)
	get := func(path string) (string, string) {
		response, err := s.Answer(httptest.NewRequest("GET", path, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("%s: %d %v", path, response.StatusCode, err)
		}
		return string(text), response.Header.Get("Content-Type")
	}
	raw, kind := get("/api/docs/openapi.yaml")
	if raw != string(docs.OpenAPI()) || !strings.HasPrefix(kind, "application/yaml") {
		t.Errorf("the description is served as %s and %d bytes", kind, len(raw))
	}
	page, kind := get("/api/docs")
	if !strings.HasPrefix(kind, "text/html") || strings.Contains(page, `href="http`) || strings.Contains(page, "src=") || strings.Contains(page, "<script") {
		t.Errorf("the page is %s, and wants something from elsewhere", kind)
	}
	operations := strings.Count(raw, "operationId:")
	if shown := strings.Count(page, `class="method `); shown != operations {
		t.Errorf("the page shows %d of %d calls", shown, operations)
	}
	for _, text := range []string{"/v1/customers/{customer}/timeline", "Idempotency-Key", `id="conflict"`, `id="schema-Customer"`, "list of "} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}
