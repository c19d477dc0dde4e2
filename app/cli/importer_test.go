package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/cli"
	"stagecraft/app/lifecycle"
)

// ledger is a server that takes imports and writes down what it took, as the real one does: an identity once.
type ledger struct {
	mu       sync.Mutex
	seen     map[string]bool
	events   []taken // in the order in which they took effect
	requests int
	closing  int    // how often close has yet to answer "closing"
	opened   string // the last open request
	closed   string // the last close request
	maxBatch int
	problem  string

	// trouble may answer a batch itself, before or after it takes effect; nil: no trouble.
	trouble func(request int, take func()) (status int, drop bool)
}

type taken struct {
	Line  int             `json:"line"`
	ID    string          `json:"id"`
	Event lifecycle.Event `json:"event"`
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if key, _, _ := r.BasicAuth(); key != "key" {
		http.Error(w, `{"code":"unauthorized","message":"the key is wrong"}`, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender is gone
	}
	switch r.URL.EscapedPath() {
	case "/v1/import":
		l.opened = string(body)
		fmt.Fprint(w, `{"source":"orders one.csv","history":true,"state":"open"}`)
	case "/v1/import/orders%20one.csv/close":
		l.closed = string(body)
		if l.closing > 0 {
			l.closing--
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"state":"closing","done":123,"total":23570}`)
			return
		}
		fmt.Fprint(w, `{"state":"closed","at":"2024-05-01T00:00:00Z"}`)
	case "/v1/import/orders%20one.csv/abort":
		fmt.Fprint(w, `{}`)
	case "/v1/import/orders%20one.csv/events":
		l.batch(w, body)
	default:
		http.NotFound(w, r)
	}
}

func (l *ledger) batch(w http.ResponseWriter, body []byte) {
	l.requests++
	var request struct{ Events []taken }
	if err := json.Unmarshal(body, &request); err != nil || len(request.Events) == 0 || len(request.Events) > 500 || len(body) > 1_000_000 {
		l.problem = fmt.Sprintf("a batch of %d events and %d bytes, error %v", len(request.Events), len(body), err)
	}
	l.maxBatch = max(l.maxBatch, len(request.Events))
	answer := map[string]any{}
	take := func() {
		accepted, duplicates, refused := 0, 0, []map[string]any{}
		for i, event := range request.Events {
			switch {
			case event.Event.Name == "refuse":
				refused = append(refused, map[string]any{"index": i, "message": "the server does not like it", "field": "event"})
			case l.seen[event.ID]:
				duplicates++
			default:
				accepted++
				l.seen[event.ID] = true
				l.events = append(l.events, event)
			}
		}
		answer = map[string]any{"accepted": accepted, "duplicates": duplicates, "late": 0, "errors": refused}
	}
	if l.trouble != nil {
		status, drop := l.trouble(l.requests, take)
		if drop {
			panic(http.ErrAbortHandler)
		}
		if status != 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"code":"busy","message":"the ledger is busy"}}`)
			return
		}
	}
	take()
	_ = json.NewEncoder(w).Encode(answer)
}

func newLedger(t *testing.T) (*ledger, *httptest.Server) {
	t.Helper()
	l := &ledger{seen: map[string]bool{}}
	server := httptest.NewUnstartedServer(l)
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
	return l, server
}

// orders writes a file in which every customer has orders 1, 2, 3 …, mixed with those of others.
func orders(t *testing.T, customers, each int) string {
	t.Helper()
	var text strings.Builder
	text.WriteString("id,date,n\n")
	for n := range each {
		for customer := range customers {
			fmt.Fprintf(&text, "c%03d,1997-01-%02d,%d\n", customer, 1+n%28, n)
		}
	}
	path := filepath.Join(t.TempDir(), "orders one.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var orderRules = []string{"userId=id", "timestamp=date", "event:=Order Completed", "properties.n=n"}

func open(t *testing.T, path string, rules ...string) *cli.Events {
	t.Helper()
	events, err := cli.OpenEvents(path, nil, "orders one.csv", rules, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { events.Close() })
	return events
}

func importer(t *testing.T, url string) *cli.Importer {
	t.Helper()
	client, err := cli.NewClient(url, "key")
	if err != nil {
		t.Fatal(err)
	}
	client.Pause, client.MaxPause, client.Patience = time.Millisecond, 20*time.Millisecond, time.Minute
	client.Grace = time.Minute
	im := cli.NewImporter(client, "orders one.csv")
	im.History, im.Poll = true, time.Millisecond
	return im
}

// check holds the ledger to what was sent: every row once, each customer's in order.
func (l *ledger) check(t *testing.T, customers, each int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != "" {
		t.Error(l.problem)
	}
	if len(l.events) != customers*each {
		t.Errorf("%d events in the ledger, want %d", len(l.events), customers*each)
	}
	last := map[string]int{}
	for _, event := range l.events {
		if event.Line <= last[event.Event.UserID] {
			t.Fatalf("%s: line %d after line %d", event.Event.UserID, event.Line, last[event.Event.UserID])
		}
		last[event.Event.UserID] = event.Line
	}
}

func TestImport(t *testing.T) {
	l, server := newLedger(t)
	l.closing = 3
	im := importer(t, server.URL)
	im.Until = time.Date(1998, 7, 1, 0, 0, 0, 0, time.UTC)
	var caught []string
	im.CatchUp = func(done, total int64) { caught = append(caught, fmt.Sprintf("%d/%d", done, total)) }
	result, err := im.Run(t.Context(), open(t, orders(t, 100, 50), orderRules...))
	if err != nil {
		t.Fatal(err)
	}
	if result.Rows != 5000 || result.Accepted != 5000 || result.Duplicates != 0 || result.Rejected != 0 || !result.Closed {
		t.Errorf("result %+v", result)
	}
	l.check(t, 100, 50)
	if l.opened != `{"source":"orders one.csv","history":true}` || l.closed != `{}` || len(caught) != 3 || caught[0] != "123/23570" {
		t.Errorf("opened with %s, closed with %s, caught up %v", l.opened, l.closed, caught)
	}
	if first := l.events[0].Event; first.Type != lifecycle.Track || first.Name != "Order Completed" || first.Timestamp.Year() != 1997 || string(first.Properties) == "" || first.MessageID != l.events[0].ID {
		t.Errorf("an event came in as %+v", first)
	}

	again, err := importer(t, server.URL).Run(t.Context(), open(t, orders(t, 100, 50), orderRules...))
	if err != nil || again.Accepted != 0 || again.Duplicates != 5000 {
		t.Errorf("the second time: %+v, %v", again, err)
	}
	if l.closed != `{}` {
		t.Errorf("closed with %s", l.closed)
	}
}

func TestImportThroughTrouble(t *testing.T) {
	l, server := newLedger(t)
	l.trouble = func(request int, take func()) (int, bool) {
		switch request % 6 {
		case 0:
			return http.StatusTooManyRequests, false
		case 2:
			return http.StatusServiceUnavailable, false
		case 3:
			return 0, true // the connection breaks before it took effect
		case 4:
			take()
			return 0, true // and after it
		}
		return 0, false
	}
	result, err := importer(t, server.URL).Run(t.Context(), open(t, orders(t, 300, 40), orderRules...))
	if err != nil {
		t.Fatal(err)
	}
	if result.Rows != 12000 || result.Accepted+result.Duplicates != 12000 || result.Rejected != 0 {
		t.Errorf("result %+v", result)
	}
	l.check(t, 300, 40)
}

func TestImportSurvivesARestart(t *testing.T) {
	l, server := newLedger(t)
	addr := server.Listener.Addr().String()
	url, restarted := server.URL, make(chan *httptest.Server)
	var once sync.Once
	l.trouble = func(request int, take func()) (int, bool) {
		if request == 3 {
			take()
			once.Do(func() {
				go func() {
					server.Listener.Close()
					server.CloseClientConnections()
					for {
						next := httptest.NewUnstartedServer(l)
						listener, err := net.Listen("tcp", addr)
						if err == nil {
							next.Listener.Close()
							next.Listener = listener
							next.Start()
							restarted <- next
							return
						}
						next.Close()
					}
				}()
			})
			return 0, true
		}
		return 0, false
	}
	result, err := importer(t, url).Run(t.Context(), open(t, orders(t, 200, 30), orderRules...))
	next := <-restarted
	defer next.Close()
	if err != nil || result.Accepted+result.Duplicates != 6000 {
		t.Errorf("result %+v, error %v", result, err)
	}
	l.check(t, 200, 30)
}

func TestInterruptionAndResumption(t *testing.T) {
	l, server := newLedger(t)
	ctx, interrupt := context.WithCancel(t.Context())
	l.trouble = func(request int, take func()) (int, bool) {
		if request == 4 {
			interrupt()
		}
		return 0, false
	}
	path := orders(t, 200, 60)
	result, err := importer(t, server.URL).Run(ctx, open(t, path, orderRules...))
	if !errors.Is(err, cli.ErrInterrupted) || result.Closed || l.closed != "" {
		t.Fatalf("result %+v, error %v, closed %q", result, err, l.closed)
	}
	if l.mu.Lock(); result.Accepted != len(l.events) || result.Accepted == 0 || result.Accepted == 12000 {
		t.Errorf("%d accepted, %d in the ledger", result.Accepted, len(l.events))
	}
	before := len(l.events)
	l.mu.Unlock()
	result, err = importer(t, server.URL).Run(t.Context(), open(t, path, orderRules...))
	if err != nil || result.Duplicates != before || result.Accepted != 12000-before || !result.Closed {
		t.Errorf("result %+v, error %v", result, err)
	}
	l.check(t, 200, 60)
}

func TestASilentPipeCanBeInterrupted(t *testing.T) {
	l, server := newLedger(t)
	source, write := io.Pipe()
	defer write.Close()
	go io.WriteString(write, "id,date,n\na,1997-01-01,1\n")
	events, err := cli.OpenEvents("-", source, "orders one.csv", orderRules, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	l.trouble = func(int, func()) (int, bool) { interrupt(); return 0, false }
	result, err := importer(t, server.URL).Run(ctx, events)
	if !errors.Is(err, cli.ErrInterrupted) || result.Accepted != 1 {
		t.Errorf("result %+v, error %v", result, err)
	}
}

func TestLinkedIdentitiesKeepTheirOrder(t *testing.T) {
	l, server := newLedger(t)
	var text strings.Builder
	line := func(user, anonymous string) {
		fmt.Fprintf(&text, `{"type":"track","event":"X","timestamp":"2024-05-01","userId":%q,"anonymousId":%q}`+"\n", user, anonymous)
	}
	for n := range 40 {
		for c := range 60 {
			switch user, anonymous := fmt.Sprintf("u%d", c), fmt.Sprintf("a%d", c); {
			case n < 15:
				line("", anonymous)
			case n == 15:
				line(user, anonymous)
			case n%2 == 0:
				line(user, "")
			default:
				line("", anonymous)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "x.ndjson")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := importer(t, server.URL).Run(t.Context(), open(t, path)); err != nil {
		t.Fatal(err)
	}
	last := map[string]int{}
	for _, event := range l.events {
		person := strings.TrimLeft(event.Event.UserID, "u")
		if event.Event.UserID == "" {
			person = strings.TrimLeft(event.Event.AnonymousID, "a")
		}
		if event.Line <= last[person] {
			t.Fatalf("person %s: line %d after line %d", person, event.Line, last[person])
		}
		last[person] = event.Line
	}
	if len(l.events) != 2400 || l.problem != "" {
		t.Errorf("%d events, %s", len(l.events), l.problem)
	}
}

func TestBatchesStayWithinTheLimits(t *testing.T) {
	l, server := newLedger(t)
	var text strings.Builder
	text.WriteString("id,date,n\n")
	for n := range 400 {
		fmt.Fprintf(&text, "same,1997-01-01,%s%d\n", strings.Repeat("<", 15_000/3), n)
	}
	path := filepath.Join(t.TempDir(), "big.csv")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := importer(t, server.URL).Run(t.Context(), open(t, path, orderRules...)); err != nil {
		t.Fatal(err)
	}
	l.check(t, 1, 400)
	if l.requests < 2 {
		t.Errorf("%d requests for more than one may hold", l.requests)
	}
}

func TestRefusalsAndAbsence(t *testing.T) {
	l, server := newLedger(t)
	client, err := cli.NewClient(server.URL, "wrong")
	if err != nil {
		t.Fatal(err)
	}
	_, err = cli.NewImporter(client, "orders one.csv").Run(t.Context(), open(t, orders(t, 1, 1), orderRules...))
	if lifecycle.CodeOf(err) != lifecycle.Unauthorized || !strings.Contains(err.Error(), "the key is wrong") || !strings.Contains(err.Error(), "STAGECRAFT_WRITE_KEY") {
		t.Errorf("a wrong key: %v", err)
	}
	l.trouble = func(int, func()) (int, bool) { return http.StatusRequestEntityTooLarge, false }
	_, err = importer(t, server.URL).Run(t.Context(), open(t, orders(t, 1, 1), orderRules...))
	if err == nil || !strings.Contains(err.Error(), "the ledger is busy") || l.requests != 1 {
		t.Errorf("a refusal after %d requests: %v", l.requests, err)
	}
	l.trouble = func(int, func()) (int, bool) { return http.StatusTooManyRequests, false }
	im := importer(t, server.URL)
	im.Client.Patience = 5 * time.Millisecond
	if _, err = im.Run(t.Context(), open(t, orders(t, 1, 1), orderRules...)); lifecycle.CodeOf(err) != lifecycle.Busy {
		t.Errorf("patience ends with %v", err)
	}
	im = importer(t, server.URL)
	im.Client.Patience, im.Client.Clock = time.Minute, &swiftClock{now: time.Now()}
	var told []error
	im.Busy = func(answer error) { told = append(told, answer) }
	l.trouble = func(int, func()) (int, bool) { return http.StatusTooManyRequests, false }
	_, err = im.Run(t.Context(), open(t, orders(t, 1, 1), orderRules...))
	if lifecycle.CodeOf(err) != lifecycle.Busy || len(told) != 1 || !strings.Contains(told[0].Error(), "the ledger is busy") {
		t.Errorf("a server that stays busy: told %v, ends with %v", told, err)
	}
	server.Close()
	if _, err = importer(t, server.URL).Run(t.Context(), open(t, orders(t, 1, 1), orderRules...)); lifecycle.CodeOf(err) != lifecycle.Unavailable || !strings.Contains(err.Error(), "stagecraft serve") {
		t.Errorf("no server: %v", err)
	}
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://x"} {
		if _, err := cli.NewClient(url, ""); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestAbort(t *testing.T) {
	_, server := newLedger(t)
	if err := importer(t, server.URL).Abort(t.Context()); err != nil {
		t.Error(err)
	}
}

// run runs the verb's flags in a folder of its own and returns what it printed and its exit code.
func run(t *testing.T, ctx context.Context, flags cli.ImportFlags, stdin string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := flags.Import(ctx, strings.NewReader(stdin), &out, &errs)
	var exit *cli.Exit
	if errors.As(err, &exit) {
		code = exit.ExitCode()
		errs.WriteString(exit.Error() + "\n")
	} else if err != nil {
		t.Fatalf("an error without a code: %v", err)
	}
	return out.String(), errs.String(), code
}

func TestImportFlags(t *testing.T) {
	l, server := newLedger(t)
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("stagecraft-data", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("stagecraft-data/keys.json", []byte(`{"write":"key","admin":"other"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := cli.ImportFlags{File: "orders one.csv", Map: []string{"userId=id", "timestamp=date", "event=what"}, History: true, Workers: 4,
		Server: server.URL, Data: "stagecraft-data", JSON: true}
	good := "id,date,what\na,1997-01-01,X\n"
	bad := "b,1997-13-01,X\nc,\"1997-01-01,X\n"
	more := "d,1997-01-02,refuse\ne,1997-01-03,X\n"
	if err := os.WriteFile("orders one.csv", []byte(good+bad+more), 0o600); err != nil {
		t.Fatal(err)
	}

	stdout, stderr, code := run(t, t.Context(), flags, "")
	var result map[string]any
	if err := json.Unmarshal([]byte(stdout), &result); err != nil {
		t.Fatal(err, stdout)
	}
	if code != 1 || result["rows"] != 5.0 || result["accepted"] != 2.0 || result["rejected"] != 3.0 || result["closed"] != true || result["elapsedSeconds"] == nil {
		t.Errorf("code %d, result %v", code, result)
	}
	for _, want := range []string{`orders one.csv:3: timestamp "1997-13-01" is not a date`, "orders one.csv:4: a quote that opens here", "orders one.csv:5: the server does not like it", "3 rows were rejected; see orders one.csv.rejects.csv"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	if !strings.Contains(l.closed, `"refused":2,`) || !strings.Contains(l.closed, `{"line":3,"message":"timestamp \"1997-13-01\" is not a date`) || strings.Contains(l.closed, "does not like") {
		t.Errorf("the server is told %s", l.closed)
	}
	rejects, err := cli.OpenRows("orders one.csv.rejects.csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rejects.Close()
	if columns, _ := rejects.Columns(); !slices.Equal(columns, []string{"rejected_line", "rejected_reason", "id", "date", "what"}) {
		t.Errorf("the rejects have the columns %q", columns)
	}
	var kept []string
	for {
		row, err := rejects.Next()
		if err != nil {
			break
		}
		id, _ := row.Get("id")
		line, _ := row.Get("rejected_line")
		kept = append(kept, line.Text+id.Text)
	}
	slices.Sort(kept)
	if fmt.Sprint(kept) != "[ 3b 5d]" { // the unclosed row has fewer cells than the header
		t.Errorf("the rejects hold %q", kept)
	}

	flags.Strict = true
	if _, stderr, code = run(t, t.Context(), flags, ""); code != 1 || !strings.Contains(stderr, "--strict") || !strings.Contains(stderr, "orders one.csv:3:") || strings.Contains(stderr, ":5:") {
		t.Errorf("strict: code %d\n%s", code, stderr)
	}
	flags.Strict = false

	flags.File, flags.Events, flags.JSON, flags.Source = "", "-", false, "orders one.csv"
	stdout, stderr, code = run(t, t.Context(), flags, good)
	if code != 0 || !strings.Contains(stdout, "orders one.csv: 1 row in ") || !strings.Contains(stdout, ": 0 accepted, 1 duplicate") || stderr != "" {
		t.Errorf("standard input: code %d, %q, %q", code, stdout, stderr)
	}

	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, stderr, code = run(t, ctx, flags, good); code != 130 || !strings.Contains(stderr, "the same command goes on") {
		t.Errorf("interrupted: code %d, %q", code, stderr)
	}
	if l.problem != "" {
		t.Error(l.problem)
	}

	for name, check := range map[string]struct {
		change func(*cli.ImportFlags)
		want   string
	}{
		"no file":         {func(f *cli.ImportFlags) { f.Events = "" }, "name the file"},
		"two files":       {func(f *cli.ImportFlags) { f.File = "x" }, "not both"},
		"no source":       {func(f *cli.ImportFlags) { f.Source = "" }, "--source"},
		"bad source":      {func(f *cli.ImportFlags) { f.Source = "a/b" }, "no slashes"},
		"bad until":       {func(f *cli.ImportFlags) { f.Until = "soon" }, "not a date"},
		"until alone":     {func(f *cli.ImportFlags) { f.Until, f.History = "2024-05-01", false }, "is for --history"},
		"workers":         {func(f *cli.ImportFlags) { f.Workers = 0 }, "between 1 and 64"},
		"no key":          {func(f *cli.ImportFlags) { f.Data = "nowhere" }, "STAGECRAFT_WRITE_KEY"},
		"unknown columns": {func(f *cli.ImportFlags) { f.Map = []string{"userId=idd", "event:=X", "timestamp=date"} }, `did you mean "id"`},
	} {
		changed := flags
		check.change(&changed)
		if _, stderr, code := run(t, t.Context(), changed, good); code != 1 || !strings.Contains(stderr, check.want) {
			t.Errorf("%s: code %d, %q", name, code, stderr)
		}
	}
}

func TestRejectedObjects(t *testing.T) {
	_, server := newLedger(t)
	t.Chdir(t.TempDir())
	flags := cli.ImportFlags{Events: "-", Source: "orders one.csv", Server: server.URL, Key: "key", Workers: 1, Rejects: "bad.ndjson"}
	_, _, code := run(t, t.Context(), flags, `{"type":"track","userId":"1"}`+"\n{\n{ }\n"+`{"type":"track","event":"X","userId":"1"}`+"\n")
	text, err := os.ReadFile("bad.ndjson")
	if err != nil || code != 1 {
		t.Fatal(err, code)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var kept struct {
			Line   int    `json:"rejected_line"`
			Reason string `json:"rejected_reason"`
			Text   string `json:"rejected_text"`
			UserID string `json:"userId"`
		}
		if err := json.Unmarshal([]byte(line), &kept); err != nil || kept.Reason == "" ||
			kept.Line == 1 && kept.UserID != "1" || kept.Line == 2 && kept.Text != "{" || kept.Line > 3 {
			t.Errorf("%s: %v", line, err)
		}
	}
}
