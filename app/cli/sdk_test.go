//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

const (
	sdkFolder      = "testdata/sdk"
	testBrowserKey = "test-browser-key"
)

// sdkServer starts a server for libraries that other people wrote. Without their packages the test is skipped, loudly.
func sdkServer(t *testing.T) *serverProcess {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		skipLoudly(t, "Node.js is not installed")
	}
	if _, err := os.Stat(filepath.Join(sdkFolder, "node_modules", "@rudderstack", "analytics-js")); err != nil {
		skipLoudly(t, "the libraries are not installed; run npm ci in app/cli/"+sdkFolder)
	}
	data := t.TempDir()
	return startServer(t, data, filepath.Join(data, "scripts"), "STAGECRAFT_BROWSER_KEY="+testBrowserKey, "STAGECRAFT_MAX_PENDING=64")
}

// stored returns the events of all customers, as the name of the call and of the event.
func (p *serverProcess) stored(t *testing.T) (events []lifecycle.Event) {
	t.Helper()
	for partition := range lifecycle.Partitions {
		var page struct{ Past []engine.Past }
		if err := p.call("GET", fmt.Sprintf("/api/history?partition=%d", partition), nil, &page); err != nil {
			t.Fatal(err)
		}
		for _, past := range page.Past {
			events = append(events, past.Event)
		}
	}
	slices.SortStableFunc(events, func(a, b lifecycle.Event) int { return a.Timestamp.Compare(b.Timestamp) })
	return events
}

// wantCalls compares what came in with what was sent, be it said in the context, where RudderStack's library for browsers puts
// traits; the order between calls of the same millisecond is not of interest.
func (p *serverProcess) wantCalls(t *testing.T, want map[string]string) {
	t.Helper()
	got := map[string]int{}
	for _, e := range p.stored(t) {
		call := strings.TrimSpace(string(e.Type) + " " + e.Name)
		got[call]++
		text, known := want[call]
		if all := string(e.Properties) + string(e.Traits) + string(e.Context); !known || !strings.Contains(all, text) {
			t.Errorf("%s came in with %s; want %q in it", call, all, text)
		}
		if age := time.Since(e.Timestamp); age > 5*time.Minute || age < -time.Minute {
			t.Errorf("%s happened at %s", call, e.Timestamp)
		}
	}
	for call := range want {
		if n := got[call]; n != 1 && call != "track Ping" || call == "track Ping" && n != 20 {
			t.Errorf("%s came in %d times", call, n)
		}
	}
}

// busyOnce stands before a server and gives the first request the answer of a server that has too much to do: the very
// one, which another server gave to somebody else before.
func busyOnce(t *testing.T, p *serverProcess) *httptest.Server {
	t.Helper()
	batch := `{"batch":[` + strings.TrimSuffix(strings.Repeat(`{"type":"track","userId":"u","event":"X"},`, 65), ",") + `]}`
	busy, refusals := sdkServer(t), make(chan *http.Response, 1)
	var text []byte
	for round := 0; len(refusals) == 0 && round < 100; round++ {
		var senders sync.WaitGroup
		for range 8 {
			senders.Go(func() {
				request, _ := http.NewRequest("POST", "http://"+busy.addr()+"/v1/batch", strings.NewReader(batch))
				request.SetBasicAuth(testKey, "")
				answer, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				defer answer.Body.Close()
				body, _ := io.ReadAll(answer.Body)
				if answer.StatusCode == http.StatusTooManyRequests {
					select {
					case refusals <- answer:
						text = body
					default:
					}
				}
			})
		}
		senders.Wait()
	}
	if len(refusals) == 0 {
		t.Fatal("a server with too much to do refuses nobody")
	}
	answer := <-refusals
	target, _ := url.Parse("http://" + p.addr())
	proxy := httputil.NewSingleHostReverseProxy(target)
	first := make(chan struct{}, 1)
	first <- struct{}{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-first:
			_, _ = io.Copy(io.Discard, r.Body)
			for name, values := range answer.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.StatusCode)
			_, _ = w.Write(text)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return front
}

// TestServerLibraries runs the libraries of Segment and RudderStack for Node.js against the program. They meet a busy server
// first, and send an event that no server would take among good ones, and IDs that are numbers.
func TestServerLibraries(t *testing.T) {
	for _, library := range []string{"segment", "rudder"} {
		t.Run(library, func(t *testing.T) {
			server := sdkServer(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			command := exec.CommandContext(ctx, "node", library+".js", busyOnce(t, server).URL, testKey)
			command.Dir = sdkFolder
			var log bytes.Buffer
			command.Stderr = &log // it speaks of the 429
			output, err := command.Output()
			if err != nil || strings.TrimSpace(string(output)) != "0" {
				t.Fatalf("%v\n%s\n%s\n%s", err, output, log.Bytes(), server.lastWords())
			}
			server.wantCalls(t, map[string]string{
				"identify": `"plan":"pro"`, "track Order Completed": `27.5`, "page Page Viewed": `"name":"Home"`, "screen Screen Viewed": `"name":"Start"`,
				"group": `"group":{"id":"5","size":12}`, "alias": `"previousId":"43"`, "track Ping": `"n":`,
			})
			for _, e := range server.stored(t) {
				if age := time.Since(e.Timestamp); e.Name == "Order Completed" && age < time.Minute {
					t.Errorf("the order happened a minute before it was sent, not at %s", e.Timestamp)
				}
			}
		})
	}
}

// inPage opens a page of a shop in Chromium and waits until it has said what became of it.
func inPage(t *testing.T, server *serverProcess, page, query string, until func() bool) {
	t.Helper()
	chromium, _ := findBrowser(t)
	said, asked := make(chan string, 1), make(chan struct{}, 1)
	files := map[string]string{"/segment.js": "node_modules/@segment/analytics-next/dist/umd/index.js",
		"/rudder-browser.js": "node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js", "/": page}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/done" {
			text, _ := io.ReadAll(r.Body)
			select {
			case said <- string(text):
			default:
			}
			return
		}
		if r.URL.Path == "/" {
			select {
			case asked <- struct{}{}:
			default:
			}
		}
		if file, ok := files[r.URL.Path]; ok {
			http.ServeFile(w, r, filepath.Join(sdkFolder, file))
		} else {
			fmt.Fprint(w, "<!doctype html><title>Thanks</title><link rel=icon href=data:,>Thank you")
		}
	}))
	defer shop.Close()
	var stop func()
	for try := 1; ; try++ { // Chromium hangs before its first page at times: that is no word about ours
		stop = browse(t, chromium, fmt.Sprintf("%s/?server=http://%s&key=%s%s", shop.URL, server.addr(), testBrowserKey, query))
		select {
		case <-asked:
		case <-time.After(time.Minute):
			stop()
			if try < 3 {
				t.Logf("the browser asked for no page within a minute; once more")
				continue
			}
			t.Fatal("the browser asks for no page")
		}
		break
	}
	defer stop()
	limit := time.After(3 * time.Minute)
	for until == nil || !until() {
		select {
		case text := <-said:
			if text != "" {
				t.Fatal(text)
			}
			if until == nil {
				return
			}
		case <-limit:
			t.Error("the page was not done within three minutes")
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// browse starts Chromium with a page and a profile of its own; stop ends it and all that it started.
func browse(t *testing.T, chromium, page string) (stop func()) {
	t.Helper()
	var output bytes.Buffer
	command := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), page)
	command.Stderr, command.SysProcAttr, command.WaitDelay = &output, ownGroup(), 10*time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
		if t.Failed() {
			t.Logf("the browser says:\n%s", output.Bytes())
		}
	}
}

// TestBrowserLibrary runs the libraries of Segment and RudderStack for browsers, from the server's settings to the last event,
// one by one and in batches.
func TestBrowserLibrary(t *testing.T) {
	for name, c := range map[string]struct{ page, query string }{
		"segment, one by one": {"segment.html", ""}, "segment, batches": {"segment.html", "&batching=1"},
		"rudder, one by one": {"rudder.html", ""}, "rudder, batches": {"rudder.html", "&batching=1"}, "rudder, beacon": {"rudder.html", "&beacon=1"},
	} {
		t.Run(name, func(t *testing.T) {
			server := sdkServer(t)
			want := map[string]string{
				"page Page Viewed": `"name":"Home"`, "track Product Viewed": `45790`, "identify": `"email":"browser@example.com"`,
				"group": `"id":"acme"`, "alias": `"previousId":"browser-device"`, "track Order Completed": `27.5`, "track Last": ``,
			}
			if c.page == "segment.html" { // RudderStack's knows no screens
				want["screen Screen Viewed"] = `"name":"Start"`
			}
			inPage(t, server, c.page, c.query, func() bool { return len(server.stored(t)) >= len(want) })
			server.wantCalls(t, want)
			for _, e := range server.stored(t) {
				if !e.Public {
					t.Errorf("%s %s came with the browser key and is not marked so", e.Type, e.Name)
				}
			}
		})
	}
}

// slowAtFirst stands before a server and keeps what comes first until there is more, so that a page is left before it has an answer.
func slowAtFirst(t *testing.T, p *serverProcess) *httptest.Server {
	t.Helper()
	target, _ := url.Parse("http://" + p.addr())
	proxy, more := httputil.NewSingleHostReverseProxy(target), make(chan struct{})
	var count atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			switch count.Add(1) {
			case 1:
				select {
				case <-more:
				case <-time.After(time.Minute):
				}
			case 2:
				close(more)
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front
}

// TestSnippetInABrowser runs the script of our own in a page of another origin. The page is left for one that has no script
// while the first of many events is still on its way.
func TestSnippetInABrowser(t *testing.T) {
	server := sdkServer(t)
	inPage(t, server, "snippet.html", "&server="+slowAtFirst(t, server).URL, func() bool { return len(server.stored(t)) >= 31 })
	seen := map[string]string{}
	anonymous := map[string]bool{}
	for _, e := range server.stored(t) {
		call := strings.TrimSpace(string(e.Type) + " " + e.Name)
		seen[call] += string(e.Properties) + string(e.Traits)
		anonymous[e.AnonymousID] = true
		if named := e.Type == lifecycle.Identify || e.Name == "Newsletter Signed Up"; named && e.UserID != "42" {
			t.Errorf("%s is of user %q", call, e.UserID)
		}
		if !e.Public || !strings.Contains(string(e.Context), `"page":{"url":"http://127.0.0.1`) || !strings.Contains(string(e.Context), `"timezone":"`) {
			t.Errorf("%s has the context %s", call, e.Context)
		}
	}
	for call, texts := range map[string][]string{
		"page Page Viewed":     {`"title":"Shop"`, `"name":"Details"`, `"category":"Shoes"`},
		"track Product Viewed": {`{"sku":"45790"}`, `{"n":0}`, `{"n":24}`},
		"identify": {`{"plan":"pro"}`, `{"email":"page@example.com","news":true,"ads":false,"size":"m","country":"VN",` +
			`"likes":["tea","milk"],"never":[],"days":["mon","wed"],"phone":"2","trim":"slim","agreed":true}`},
		"track Newsletter Signed Up": {`{"form":"newsletter"}`},
	} {
		for _, text := range texts {
			if !strings.Contains(seen[call], text) {
				t.Errorf("%s came in with %s; want %s in it", call, seen[call], text)
			}
		}
	}
	if len(seen) != 4 || len(anonymous) != 1 || anonymous[""] {
		t.Errorf("%v of %v", seen, anonymous)
	}
}
