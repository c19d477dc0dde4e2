//go:build linux

package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/cli"
)

// addedScripts send an offer by a channel that no part of the program knows. What may have left is not sent again.
var addedScripts = map[string]string{
	"added/journey.lua":               `journey { title = "Added", stages = { "all" }, moves = {} }`,
	"added/all.lua":                   "stage { title = \"All\" }\n\non(\"Offer\", function(customer)\n  send \"offer\"\nend)\n",
	"added/messages/offer.fax.liquid": "---\nkind: marketing\nexpires: 30 days\n---\nn={{ event.properties.n }};\n",
}

// addedStand is a server under load for a channel that comes and goes.
type addedStand struct {
	*testing.T
	dir, scripts string
	server       atomic.Pointer[serverProcess]
	next         atomic.Int64 // events that were accepted have lower numbers
	stop         chan struct{}
	load         sync.WaitGroup
}

const addedPosters = 3

func newAddedStand(t *testing.T) *addedStand {
	t.Helper()
	s := &addedStand{T: t, dir: t.TempDir(), stop: make(chan struct{})}
	s.scripts = filepath.Join(s.dir, "scripts")
	writeFiles(t, s.scripts, addedScripts)
	if err := os.MkdirAll(filepath.Join(s.dir, "fax"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.server.Load().live(t, "added")
	for range addedPosters {
		s.load.Go(s.post)
	}
	t.Cleanup(s.calm)
	return s
}

func (s *addedStand) data() string { return filepath.Join(s.dir, "data") }

func (s *addedStand) start() {
	s.Helper()
	s.server.Store(startServer(s.T, s.data(), s.scripts, "STAGECRAFT_SEND_HOURS=fax=always"))
}

// crash ends the server as a power cut would, under load, and starts it again.
func (s *addedStand) crash() {
	s.Helper()
	s.server.Load().kill()
	s.start()
}

// post gives the server one event after the other, each for a customer of its own, and repeats it until it is accepted.
func (s *addedStand) post() {
	client := &http.Client{Timeout: 10 * time.Second}
	for {
		n := s.next.Add(1) - 1
		body := fmt.Sprintf(`{"event":"Offer","messageId":"m%d","userId":"user-%d","properties":{"n":%d},"context":{"traits":{"fax":"%d"}}}`, n, n, n, n)
		for {
			if s.accepted(client, body) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		select {
		case <-s.stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *addedStand) accepted(client *http.Client, body string) bool {
	request, err := http.NewRequest("POST", "http://"+s.server.Load().addr()+"/v1/track", strings.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	showKey(request)
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// calm ends the load.
func (s *addedStand) calm() {
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.load.Wait()
}

// verb runs one as people do, and expects some words of it.
func (s *addedStand) verb(said, stdin string, args ...string) {
	s.Helper()
	if args[0] == "plugin" {
		args = append(args, "--data", s.data())
	} else {
		args = append(args, "--server", "http://"+s.server.Load().addr())
	}
	var out bytes.Buffer
	code := cli.Main("test", args, strings.NewReader(stdin), &out, &out)
	if text := strings.Join(strings.Fields(out.String()), " "); code != 0 || !strings.Contains(text, said) {
		s.Fatalf("%s: exit code %d, want %q:\n%s", strings.Join(args, " "), code, said, text)
	}
}

type addedChannel struct {
	channels.Status
	channels.Limits
	From   string
	Queued int
}

// fax returns how the channel is shown, and whether it is.
func (s *addedStand) fax() (addedChannel, bool) {
	s.Helper()
	var view struct{ Channels []addedChannel }
	if err := s.server.Load().call("GET", "/api/channels", nil, &view); err != nil {
		s.Fatal(err)
	}
	for _, one := range view.Channels {
		if one.Channel == "fax" {
			return one, true
		}
	}
	return addedChannel{}, false
}

func (s *addedStand) await(what string, ok func(addedChannel) bool) (fax addedChannel) {
	s.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if fax, _ = s.fax(); ok(fax) {
			return fax
		}
		if time.Now().After(deadline) {
			s.Fatalf("never happened: %s; %+v; %s", what, fax, s.server.Load().lastWords())
		}
	}
}

// left counts how often each message has left, by the connector's own ledger.
func (s *addedStand) left() map[string]int {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "fax", "ledger"))
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	times := map[string]int{}
	for _, line := range strings.Fields(string(text)) {
		times[line]++
	}
	return times
}

// settled waits until every message that was posted is accepted, or held because it is in doubt, and compares with the
// connector's ledger: none is lost, none has left twice. It returns how many are held.
func (s *addedStand) settled() (held int) {
	s.Helper()
	posted := int(s.next.Load())
	states := map[string]int{}
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		clear(states)
		total := 0
		for cursor := ""; ; {
			var page struct {
				Messages []struct{ State string }
				Next     string
			}
			if err := s.server.Load().call("GET", "/v1/messages?limit=200&channel=fax&cursor="+cursor, nil, &page); err != nil {
				s.Fatal(err)
			}
			for _, m := range page.Messages {
				states[m.State]++
				total++
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if total == posted && states["accepted"]+states["held"] == posted {
			break
		}
		if time.Now().After(deadline) {
			s.Fatalf("of %d messages there are %v; %s", posted, states, s.server.Load().lastWords())
		}
	}
	times := s.left()
	for line, n := range times {
		if n > 1 {
			s.Errorf("%s has left %d times", line, n)
		}
	}
	if len(times) < states["accepted"] || len(times) > posted {
		s.Errorf("%d messages have left; %d were accepted, %d are in doubt", len(times), states["accepted"], states["held"])
	}
	return states["held"]
}

func (s *addedStand) install() {
	s.Helper()
	(&faultStand{T: s.T, dir: s.dir}).install("fax", "")
}

// awaitGone fails if a process does not end.
func (s *addedStand) awaitGone(pid int) {
	s.Helper()
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("connector %d runs on", pid)
		}
	}
}

func working(c addedChannel) bool { return c.State == channels.Running }

// A channel of others is dropped into the folder, approved, set, removed and set again while events come in: each message leaves
// once, and none waits for a restart.
func TestAChannelIsAddedUnderLoad(t *testing.T) {
	s := newAddedStand(t)
	s.await("messages wait for a channel that nobody has set", func(c addedChannel) bool { return c.From == "none" && c.Queued > 20 })
	s.install()
	s.verb("is approved", "", "plugin", "approve", "faulty-fax")
	for round := range 3 {
		s.verb("fax", "{}", "channels", "set", "fax", "-", "--connector", "faulty-fax")
		before := len(s.left())
		fax := s.await("it sends", func(c addedChannel) bool { return working(c) && len(s.left()) > before+50 })
		if round == 0 {
			s.verb("at most 500 a second, at most 90 at once", "", "channels", "set", "fax", "--rate", "500", "--concurrency", "90")
		} else if fax.Rate != 500 || fax.Concurrency != 90 {
			t.Errorf("its limits are %+v", fax.Limits)
		}
		s.verb("", "", "channels", "remove", "fax")
		s.awaitGone(fax.PID)
		s.await("messages wait", func(c addedChannel) bool { return c.From == "none" && c.State == "none" && c.Queued > 20 })
	}
	s.calm()
	s.verb("messages wait, and leave when it is set", "", "channels", "list")
	s.verb("fax", "{}", "channels", "set", "fax", "-", "--connector", "faulty-fax")
	if held := s.settled(); held > 0 {
		t.Errorf("%d messages are in doubt, and nothing has crashed", held)
	}
	fax := s.await("it runs", working)
	if err := s.server.Load().stop(); err != nil {
		t.Error(err)
	}
	s.awaitGone(fax.PID)
}

// The same with a power cut after each step: what was said counts, and a message leaves once or is known to be in doubt.
func TestAChannelIsAddedBetweenCrashes(t *testing.T) {
	s := newAddedStand(t)
	s.install()
	s.verb("is approved", "", "plugin", "approve", "faulty-fax")
	s.crash()
	s.verb("fax", "{}", "channels", "set", "fax", "-", "--connector", "faulty-fax", "--rate", "400")
	fax := s.await("it runs", working)
	s.crash()
	s.awaitGone(fax.PID)
	fax = s.await("it runs after a crash", func(c addedChannel) bool { return working(c) && c.Rate == 400 })
	s.verb("", "", "channels", "remove", "fax")
	s.crash()
	s.awaitGone(fax.PID)
	s.await("it is gone after a crash, and messages wait", func(c addedChannel) bool { return c.From == "none" && c.Queued > 20 })
	s.verb("fax", "{}", "channels", "set", "fax", "-", "--connector", "faulty-fax")
	fax = s.await("it runs again", working)
	s.verb("not approved any more", "", "plugin", "remove", "faulty-fax")
	s.awaitGone(fax.PID)
	s.crash()
	s.await("it is not approved after a crash", func(c addedChannel) bool {
		return c.From == "settings" && c.State == "none" && strings.Contains(c.LastError, "not approved") && c.Queued > 20
	})
	s.verb("is approved", "", "plugin", "approve", "faulty-fax")
	s.await("it runs once it is approved", working)
	s.crash()
	fax = s.await("it runs after the last crash", working)
	s.calm()
	s.Logf("%d messages, %d in doubt", s.next.Load(), s.settled())
	if err := s.server.Load().stop(); err != nil {
		t.Error(err)
	}
	s.awaitGone(fax.PID)
}
