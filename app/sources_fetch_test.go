package app_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stagecraft/app"
)

// What a source says to the host that it names, in headers or in the address, is not said to another one that leads on.
func TestSecretsOfASourceGoToItsHostOnly(t *testing.T) {
	got := map[string]http.Header{}
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got["other"] = r.Header }))
	defer other.Close()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got[r.URL.Path] = r.Header
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/within":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusFound)
		}
	}))
	defer own.Close()
	client := app.NewFetcher(http.DefaultTransport)
	get := func(path string) error {
		request, err := http.NewRequest(http.MethodGet, own.URL+path+"?token=secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Api-Key", "secret")
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	for _, path := range []string{"/away", "/within"} {
		if err := get(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if all := got["other"]; all == nil || all.Get("X-Api-Key") != "" || all.Get("Referer") != "" || all.Get("User-Agent") != "Stagecraft" {
		t.Errorf("the other host was told %v", all)
	}
	if all := got["/there"]; all.Get("X-Api-Key") != "secret" || all.Get("Referer") != "" {
		t.Errorf("the own host was told %v", all)
	}
	if err := get("/circle"); err == nil {
		t.Error("it goes on in a circle")
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer secure.Close()
	if _, err := app.NewFetcher(secure.Client().Transport).Get(secure.URL); err == nil {
		t.Error("it leads from https to http")
	}
}

// No piece of a document that is fetched lies in memory as a whole if it is larger than a row can be; what stands beside the
// list may be of any size.
func TestPiecesOfADocumentAreBounded(t *testing.T) {
	large := strings.Repeat("x", 5<<20)
	read := func(document, items string) (string, error) {
		lines, err := app.LinesOf(strings.NewReader(document), items)
		if err != nil {
			return "", err
		}
		defer lines.Close()
		text, err := io.ReadAll(lines)
		return string(text), err
	}
	if _, err := read(`{"rows":[{"a":"`+large+`"}]}`, "rows"); err == nil || !strings.Contains(err.Error(), "more than 4 MB") {
		t.Errorf("a large object: %v", err)
	}
	beside := "[" + strings.Repeat(`{"b":"`+large[:1<<20]+`"},`, 6) + "{}]"
	if text, err := read(`{"other":`+beside+`,"deep":{"rows":[1]},"rows":[{"a":1},{"a":2}]}`, "rows"); err != nil || text != "{\"a\":1}\n{\"a\":2}\n" {
		t.Errorf("behind much else: %.80q %v", text, err)
	}
	if text, err := read(beside, ""); err != nil || len(text) < 6<<20 {
		t.Errorf("many objects: %d bytes, %v", len(text), err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(`{"rows":[{"a":1}]}`)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if text, err := read(packed.String(), "rows"); err != nil || text != "{\"a\":1}\n" {
		t.Errorf("packed: %q %v", text, err)
	}
	if _, err := read(packed.String()[:20], "rows"); err == nil {
		t.Error("half a packed file is none")
	}
}
