package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/cli"
	"stagecraft/app/lifecycle"
)

// swiftClock waits by moving on, and remembers how long it would have waited.
type swiftClock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func (c *swiftClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *swiftClock) Wait(ctx context.Context, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.waits = append(c.waits, until.Sub(c.now))
	c.now = until
	return nil
}

func swiftClient(t *testing.T, handler http.HandlerFunc) (*cli.Client, *swiftClock) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := cli.NewClient(server.URL+"/", "key")
	if err != nil {
		t.Fatal(err)
	}
	clock := &swiftClock{now: time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)}
	client.Clock = clock
	return client, clock
}

func TestPausesGrowAndEnd(t *testing.T) {
	requests := 0
	client, clock := swiftClient(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	status, err := client.Post(t.Context(), "/x", struct{}{}, nil)
	if status != http.StatusServiceUnavailable || lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("status %d, error %v", status, err)
	}
	var sum time.Duration
	for i, wait := range clock.waits {
		pause := min(client.Pause<<i, client.MaxPause)
		if wait < pause/2 || wait > pause {
			t.Errorf("pause %d is %v, want %v to %v", i, wait, pause/2, pause)
		}
		sum += wait
	}
	if sum > client.Patience || sum < client.Patience-client.MaxPause || requests != len(clock.waits)+1 {
		t.Errorf("%d requests over %v", requests, sum)
	}
}

// Somebody at a terminal does not wait long for a server that is not there, but for one that is busy.
func TestAServerThatIsAwayIsToldSoon(t *testing.T) {
	client, clock := swiftClient(t, func(http.ResponseWriter, *http.Request) {})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	away, err := cli.NewClient(gone.URL, "key")
	if err != nil {
		t.Fatal(err)
	}
	away.Clock, away.Absent = client.Clock, time.Second
	if _, err := away.Get(t.Context(), "/x", nil); lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Error(err)
	}
	var sum time.Duration
	for _, wait := range clock.waits {
		sum += wait
	}
	if sum > time.Second {
		t.Errorf("waited %v", sum)
	}
}

func TestRetryAfter(t *testing.T) {
	answers := []string{"7", "Wed, 01 May 2024 00:01:00 GMT", "86400", "soon"}
	requests := 0
	client, clock := swiftClient(t, func(w http.ResponseWriter, r *http.Request) {
		if requests == len(answers) {
			fmt.Fprint(w, `{"state":"open"}`)
			return
		}
		w.Header().Set("Retry-After", answers[requests])
		requests++
		w.WriteHeader(http.StatusTooManyRequests)
	})
	client.Patience = time.Hour
	var answer struct{ State string }
	if _, err := client.Post(t.Context(), "/x", struct{}{}, &answer); err != nil || answer.State != "open" {
		t.Fatalf("answer %+v, error %v", answer, err)
	}
	for i, atLeast := range []time.Duration{7 * time.Second, 50 * time.Second, time.Minute, 0} {
		if wait := clock.waits[i]; wait < atLeast || wait > atLeast+client.MaxPause {
			t.Errorf("Retry-After: %s: waited %v", answers[i], wait)
		}
	}
}

func TestWhatTheServerSays(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"conflict","message":"it is open as live","hint":"close it"}}`:                                        "it is open as live (close it)",
		`{"type":"/api/docs#conflict","title":"Conflict","status":409,"code":"conflict","detail":"a problem","hint":"mend it"}`: "a problem (mend it)",
		`{"code":"conflict","message":"flat"}`: "flat",
		`{"error":"just a text"}`:              "just a text",
		"plain words\n":                        "the server answered 409 Conflict: plain words",
		"<html>":                               "the server answered 409 Conflict",
		"":                                     "the server answered 409 Conflict",
	} {
		client, _ := swiftClient(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, body)
		})
		if _, err := client.Get(t.Context(), "/x", nil); err == nil || err.Error() != want || lifecycle.CodeOf(err) != lifecycle.Conflict {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
	client, _ := swiftClient(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>another program</html>") })
	var answer struct{}
	if _, err := client.Get(t.Context(), "/x", &answer); err == nil || !strings.Contains(err.Error(), "is --server right?") {
		t.Errorf("another program: %v", err)
	}
}

func TestARequestInFlightMayEnd(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Minute} {
		ctx, interrupt := context.WithCancel(t.Context())
		arrived := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client is gone
			close(arrived)
			if grace == 0 {
				<-r.Context().Done() // the client gives up
				return
			}
			<-ctx.Done()
			fmt.Fprint(w, "{}")
		}))
		client, err := cli.NewClient(server.URL, "key")
		if err != nil {
			t.Fatal(err)
		}
		client.Grace = grace
		go func() { <-arrived; interrupt() }()
		if _, err = client.Post(ctx, "/x", struct{}{}, nil); (err == nil) != (grace > 0) {
			t.Errorf("grace %v: %v", grace, err)
		}
		server.Close()
	}
}

// What is wrong with the command line is said before anybody is asked.
func TestVerbsSayWhatCannotBe(t *testing.T) {
	t.Setenv("STAGECRAFT_SERVER", "")
	empty := t.TempDir()
	for said, args := range map[string][]string{
		"no server works in the data folder " + empty: {"customers", "list", "--data", empty},
		`--since "gestern" is not a date`:             {"place", "ada", "shop", "buyer", "--since", "gestern", "--server", "http://127.0.0.1:1"},
	} {
		var out bytes.Buffer
		if code := cli.Main("test", args, strings.NewReader(""), &out, &out); code != 1 || !strings.Contains(out.String(), said) {
			t.Errorf("%s: exit code %d:\n%s", strings.Join(args, " "), code, out.String())
		}
	}
}
