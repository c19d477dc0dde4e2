//go:build linux

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crashViewScripts are what the load of TestCrashView meets. In club a Go is a move, an Order ten points that fade, and every
// event of a segment or a threshold one point of its own, so that these can be counted; herd and level are entered only as the
// load says.
var crashViewScripts = map[string]string{
	"club/journey.lua": `journey { title = "Club", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }

on("Tag", function(customer, event) tag(event.properties.tag) end)
on("Ping", function() send "ping" end)
on("Order", function() score(10, { name = "heat" }) end)
on("Segment Entered", function(customer, event) score(1, { name = "entered-" .. event.properties.segment }) end)
on("Segment Left", function(customer, event) score(1, { name = "left-" .. event.properties.segment }) end)
on("Score Reached", function() score(1, { name = "reached" }) end)
on("Score Fell Below", function() score(1, { name = "fell" }) end)
`,
	"club/a.lua":                      "stage { title = \"A\" }\non(\"Go\", function() move \"b\" end)\n",
	"club/b.lua":                      "stage { title = \"B\" }\non(\"Go\", function() move \"a\" end)\n",
	"club/messages/ping.email.liquid": "---\nsubject: 'ping {{ event.properties.n }};'\nkind: transactional\n---\nPing to {{ customer.traits.name }}.\n",
	"scores.lua":                      `score { name = "heat", half_life = "2 seconds", thresholds = { 25 } }` + "\n",
	"segments/resting.lua":            "segment { title = \"Resting\" }\nmember(function() return count(\"Order\", \"1 hour\") > 0 and count(\"Order\", \"2 seconds\") == 0 end)\n",
	"segments/hot.lua":                "segment { title = \"Hot\" }\nmember(function() return score_at_least(\"heat\", 25) end)\n",
	"forms/messages/ask.email.liquid": "---\nsubject: 'ask'\nkind: transactional\n---\n{{ event.properties.confirm_url }}\n",
	"herd/journey.lua":                `journey { title = "Herd", stages = { "waiting", "done", "stuck" }, moves = { waiting = { "done", "stuck" } }, entry = { "Join" } }`,
	"herd/waiting.lua":                "stage { title = \"Waiting\" }\non(\"Stick\", function() move \"stuck\" end)\n",
	"herd/done.lua":                   "stage { title = \"Done\" }\nenter(function() score(1, { name = \"done\" }) end)\n",
	"herd/stuck.lua":                  "stage { title = \"Stuck\" }\n",
	"level/journey.lua":               `journey { title = "Level", stages = { "bronze", "gold" }, moves = {}, entry = false }`,
	"level/bronze.lua":                "stage { title = \"Bronze\" }\n",
	"level/gold.lua":                  "stage { title = \"Gold\" }\nenter(function() score(1, { name = \"gold\" }) end)\n",
	"forms/guide.lua": `form { title = "Guide", opt_in = "double", mail = "ask",
  fields = { { name = "email", label = "Email", required = true } },
  consents = { { name = "news", label = "Write to me", topic = "news", required = true } } }
`,
}

// crashPerson is somebody who must be exactly one customer in the end, and what was acknowledged of them.
type crashPerson struct {
	names  []string // all identities, as "user:ada"
	events []string // message IDs
	more   int      // events whose IDs the server makes
	goes   int      // moves in club
	orders int
	tags   []string
	yes    bool // said yes to mail
	no     bool // said no to mail, which counts for all that they are
	facts  map[string]int
}

// crashView is a load of everything besides single events, with the ledger of what was acknowledged. Its chores go on through
// every death of the server, each until it is told to stop and has done what it began.
type crashView struct {
	line    crashLine
	stop    atomic.Bool
	dir     string
	data    string
	program string
	pulled  *crashShop

	mu     sync.Mutex
	people []*crashPerson
	pings  []string
	erased []*crashErased
	counts map[string]int
	bulks  []crashBulk
	forms  int // confirmed
	open   int // sent, and not confirmed
}

// add notes people of whom everything was acknowledged.
func (v *crashView) add(what string, people ...*crashPerson) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.people = append(v.people, people...)
	v.counts[what]++
}

func (v *crashView) count(what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts[what]++
}

// crashLine makes requests to whichever server runs, each until it is answered.
type crashLine struct {
	address atomic.Pointer[string] // nil while the server is down
	client  http.Client
}

// errCrashRefused is an answer that repeating does not change.
var errCrashRefused = errors.New("refused")

// do repeats a request until there is an answer that says what is. again is how often it was made.
func (l *crashLine) do(method, path string, body any) (answer []byte, header http.Header, again int, err error) {
	var data []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		data = b
	default:
		if data, err = json.Marshal(b); err != nil {
			return nil, nil, 0, err
		}
	}
	last := "no answer"
	for began := time.Now(); time.Since(began) < 5*time.Minute; {
		address := l.address.Load()
		if address == nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		again++
		request, err := http.NewRequestWithContext(context.Background(), method, "http://"+*address+path, bytes.NewReader(data))
		if err != nil {
			return nil, nil, again, err
		}
		request.Header.Set("X-Stagecraft", "test")
		request.Header.Set("Content-Type", "application/json")
		showKey(request)
		response, err := l.client.Do(request)
		if err != nil {
			last = err.Error()
			time.Sleep(5 * time.Millisecond)
			continue
		}
		answer, err = io.ReadAll(response.Body)
		response.Body.Close()
		switch {
		case err != nil:
		case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500:
			last = string(answer)
			time.Sleep(20 * time.Millisecond)
		case response.StatusCode >= 300:
			return answer, response.Header, again, fmt.Errorf("%s %s: %w with %d: %s", method, path, errCrashRefused, response.StatusCode, answer)
		default:
			return answer, response.Header, again, nil
		}
	}
	return nil, nil, again, fmt.Errorf("%s %s was not answered within 5 minutes: %s", method, path, last)
}

// post is do for those that must be taken.
func (l *crashLine) post(path string, body any) error {
	_, _, _, err := l.do("POST", path, body)
	return err
}

// TestCrashView kills the server while everything else goes on that it can be asked for: people who become one, segments and
// scores that time changes, forms, bulks, imports, fetched files, erasures and rewrites of the store. In the end all of it must
// be as the ledger says, once.
func TestCrashView(t *testing.T) {
	kills := crashNumber(t, "STAGECRAFT_CRASH_KILLS", 6)
	if testing.Short() {
		kills = min(kills, 3)
	}
	seed := uint64(crashNumber(t, "STAGECRAFT_CRASH_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("%d kills, STAGECRAFT_CRASH_SEED=%d", kills, seed)
	shop := newCrashShop(t)
	dir := t.TempDir()
	scripts := filepath.Join(dir, "scripts")
	writeFiles(t, scripts, crashViewScripts)
	writeFiles(t, scripts, shop.scripts())
	env := []string{"STAGECRAFT_FORM_LIMIT=100000", "STAGECRAFT_FORM_LIMIT_EACH=1000000", "STAGECRAFT_SOURCE_ALLOW=127.0.0.1"}
	v := &crashView{dir: dir, data: filepath.Join(dir, "data"), program: builtBinary(t), pulled: shop, counts: map[string]int{}}
	server := startServer(t, v.data, scripts, env...)
	for _, journey := range []string{"club", "herd", "level"} {
		server.live(t, journey)
	}
	if err := server.call("POST", "/api/journeys/customer-lifecycle/mode", map[string]string{"mode": "off"}, nil); err != nil && !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
	current := server.addr()
	v.line.address.Store(&current)

	chores := []func(int, *rand.Rand) error{v.meet, v.meet, v.meet, v.buy, v.buy, v.ask, v.herd, v.moveIn, v.fetch, v.erase, v.erase, v.rewrite}
	problems := make(chan error, len(chores))
	var working sync.WaitGroup
	for i, chore := range chores {
		working.Go(func() {
			if err := chore(i, rand.New(rand.NewPCG(seed, uint64(i)+1))); err != nil {
				problems <- err
				v.stop.Store(true)
			}
		})
	}
	defer func() {
		v.stop.Store(true)
		working.Wait()
	}()
	server, starts, early := crashKills(t, server, scripts, kills, rand.New(rand.NewPCG(seed, 0)), &v.line.address, &v.stop, env...)
	v.stop.Store(true)
	working.Wait()
	select {
	case err := <-problems:
		t.Fatal(err)
	default:
	}
	v.settle(t)
	v.checkRewritten(t, server)
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("kills %d (%d of them while starting), people %d, %v, restart median %d ms, max %d ms", kills, early, len(v.people), v.counts,
		starts[len(starts)/2].Milliseconds(), starts[len(starts)-1].Milliseconds())
}
