//go:build linux

package cli_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crashScripts are two journeys. In the first every Ping is one message at once, every Timer one a second later, in
// whichever stage the customer is by then, and every Go a move. In the second every customer falls silent once.
var crashScripts = map[string]string{
	"crash/journey.lua": `journey {
  title  = "Crash",
  stages = { "a", "b" },
  moves  = { ["a"] = { "b" }, ["b"] = { "a" } },
}

on("Timer", function(customer)
  wait "1 seconds"
  send "later"
end, { parallel = true })
`,
	"crash/a.lua": `stage { title = "A" }

on("Ping", function(customer)
  send "ping"
end)

on("Go", function(customer)
  move "b"
end)
`,
	"crash/b.lua": `stage { title = "B" }

on("Ping", function(customer)
  send "ping"
end)

on("Go", function(customer)
  move "a"
end)
`,
	"crash/messages/ping.email.liquid":  "---\nsubject: 'ping n={{ event.properties.n }};'\nkind: transactional\n---\nPing.\n",
	"crash/messages/later.email.liquid": "---\nsubject: 'later n={{ event.properties.n }};'\nkind: transactional\n---\nLater.\n",

	"calm/journey.lua": `journey { title = "Calm", stages = { "all" }, moves = {} }`,
	"calm/all.lua": `stage { title = "All" }

idle("Never", "2 seconds", function(customer)
  send "silence"
end)
`,
	"calm/messages/silence.email.liquid": "---\nsubject: 'silence {{ customer.traits.who }};'\nkind: transactional\n---\nSilence.\n",
}

const (
	crashSenders = 16
	crashOwn     = 12 // customers of one sender, whose events it keeps in order
	crashShared  = 8  // customers that all senders write to at once
)

// crashEvent is one event and what the sender knows of it.
type crashEvent struct {
	n     int
	name  string // Ping, Timer, Go or Hello
	who   string
	anon  bool // known by an anonymous ID
	body  []byte
	tries int
}

// crashLedger is what was sent and acknowledged. Every event is sent until it is acknowledged.
type crashLedger struct {
	mu       sync.Mutex
	next     int
	acked    []*crashEvent
	retried  int // events whose fate was unknown for a while
	repeated int // events sent again although they were acknowledged
}

func (l *crashLedger) event(name, who string, anon bool) *crashEvent {
	l.mu.Lock()
	n := l.next
	l.next++
	l.mu.Unlock()
	e := &crashEvent{n: n, name: name, who: who, anon: anon}
	identity := "userId"
	if anon {
		identity = "anonymousId"
	}
	e.body = fmt.Appendf(nil, `{"type":"track","event":%q,"messageId":"m%d","%s":%q,"properties":{"n":%d},"context":{"traits":{"email":"%s@example.com","who":%q}}}`,
		name, n, identity, who, n, who, who)
	return e
}

func (l *crashLedger) take(events []*crashEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if e.tries > 1 {
			l.retried++
		}
		l.acked = append(l.acked, e)
	}
}

// crashSender is one of many that send at once. It goes on through every death of the server.
type crashSender struct {
	number  int
	random  *rand.Rand
	ledger  *crashLedger
	address *atomic.Pointer[string] // nil while the server is down
	stop    *atomic.Bool
	wire    *wire
	to      string // where wire leads
}

func (s *crashSender) run() error {
	defer s.hangUp()
	var old *crashEvent
	for !s.stop.Load() {
		events := make([]*crashEvent, 1)
		if s.random.IntN(3) == 0 {
			events = make([]*crashEvent, 2+s.random.IntN(10))
		}
		for i := range events {
			events[i] = s.draw()
		}
		if err := s.send(events); err != nil {
			return err
		}
		s.ledger.take(events)
		if old != nil && s.random.IntN(8) == 0 {
			if err := s.send([]*crashEvent{old}); err != nil {
				return err
			}
			s.ledger.mu.Lock()
			s.ledger.repeated++
			s.ledger.mu.Unlock()
		}
		old = events[0]
		time.Sleep(time.Duration(s.random.IntN(30)) * time.Millisecond)
	}
	return nil
}

func (s *crashSender) draw() *crashEvent {
	own := s.random.IntN(crashOwn)
	who, anon := fmt.Sprintf("c%d-%d", s.number, own), own%3 == 0
	switch s.random.IntN(8) {
	case 0:
		return s.ledger.event("Timer", who, anon)
	case 1:
		return s.ledger.event("Go", who, anon)
	case 2, 3:
		return s.ledger.event("Ping", fmt.Sprintf("s%d", s.random.IntN(crashShared)), false)
	default:
		return s.ledger.event("Ping", who, anon)
	}
}

// send repeats a request until it is acknowledged.
func (s *crashSender) send(events []*crashEvent) error {
	path, body := "/v1/track", events[0].body
	if len(events) > 1 {
		bodies := make([][]byte, len(events))
		for i, e := range events {
			bodies[i] = e.body
		}
		path, body = "/v1/batch", fmt.Appendf(nil, `{"batch":[%s]}`, bytes.Join(bodies, []byte(",")))
	}
	raw := request(path, body)
	for began := time.Now(); time.Since(began) < 5*time.Minute; {
		if address := s.address.Load(); address == nil || !s.dial(*address) {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		for _, e := range events {
			e.tries++
		}
		status, err := s.wire.post(raw)
		switch {
		case err != nil:
			s.hangUp()
		case status == 200:
			return nil
		case status == 429 || status >= 500:
			time.Sleep(20 * time.Millisecond)
		default:
			return fmt.Errorf("event %d was answered %d", events[0].n, status)
		}
	}
	return fmt.Errorf("event %d was not acknowledged within 5 minutes", events[0].n)
}

func (s *crashSender) dial(address string) bool {
	if s.wire != nil && s.to == address {
		return true
	}
	s.hangUp()
	w, err := dialWire(address)
	if err != nil {
		return false
	}
	s.wire, s.to = w, address
	return true
}

func (s *crashSender) hangUp() {
	if s.wire != nil {
		s.wire.close()
		s.wire = nil
	}
}

// TestCrash kills the server in the middle of its work, over and over. Whatever was acknowledged must have taken effect
// exactly once in the end: every message in the connector's file, every timer, every move and every figure.
func TestCrash(t *testing.T) {
	kills := crashNumber(t, "STAGECRAFT_CRASH_KILLS", 20)
	if testing.Short() {
		kills = min(kills, 3)
	}
	seed := uint64(crashNumber(t, "STAGECRAFT_CRASH_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("%d kills, STAGECRAFT_CRASH_SEED=%d", kills, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	scripts, data := filepath.Join(dir, "scripts"), filepath.Join(dir, "data")
	writeFiles(t, scripts, crashScripts)
	server := startServer(t, data, scripts)
	server.live(t, "crash")
	server.live(t, "calm")

	var ledger crashLedger
	var address atomic.Pointer[string]
	var stop atomic.Bool
	var sending sync.WaitGroup
	problems := make(chan error, crashSenders)
	current := server.addr()
	address.Store(&current)
	for i := range crashSenders {
		sending.Go(func() {
			s := &crashSender{number: i, random: rand.New(rand.NewPCG(seed, uint64(i)+1)), ledger: &ledger, address: &address, stop: &stop}
			if err := s.run(); err != nil {
				problems <- err
				stop.Store(true)
			}
		})
	}
	defer func() {
		stop.Store(true)
		sending.Wait()
	}()

	server, starts, early := crashKills(t, server, scripts, kills, random, &address, &stop)
	time.Sleep(300 * time.Millisecond)
	stop.Store(true)
	sending.Wait()
	select {
	case err := <-problems:
		t.Fatal(err)
	default:
	}
	crashLinks(t, server, &ledger)

	want := ledger.expect()
	o := crashSettle(t, server, want)
	samples, err := server.metrics()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
	want.checkFigures(t, o, samples)
	messages := want.checkMail(t, data, &ledger)
	t.Logf("kills %d (%d of them while starting), events acknowledged %d, unknown then retried %d, repeated %d, messages %d, in doubt %d, restart median %d ms, max %d ms",
		kills, early, len(ledger.acked), ledger.retried, ledger.repeated, messages, o.InDoubt,
		starts[len(starts)/2].Milliseconds(), starts[len(starts)-1].Milliseconds())
}

// crashKills kills the server so many times, at random moments, and starts it again on the same folder with the same settings.
// It returns the one that runs in the end, how long the starts took, shortest first, and how many kills hit a starting server.
func crashKills(t *testing.T, server *serverProcess, scripts string, kills int, random *rand.Rand, address *atomic.Pointer[string], stop *atomic.Bool,
	env ...string) (last *serverProcess, starts []time.Duration, early int) {
	t.Helper()
	program := builtBinary(t)
	for killed := 0; killed < kills && !stop.Load(); killed++ {
		time.Sleep(20*time.Millisecond + time.Duration(random.IntN(580))*time.Millisecond)
		address.Store(nil)
		server.kill()
		orphans := pluginsOf(program)
		var err error
		for first := true; ; first = false {
			if server, err = launchServer(program, server.Data, scripts, env...); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.kill)
			if !first || killed == kills-1 || random.IntN(5) > 0 {
				break
			}
			// Now and then it does not even get to its feet.
			time.Sleep(time.Duration(random.IntN(120)) * time.Millisecond)
			server.kill()
			orphans = append(orphans, pluginsOf(program)...)
			killed, early = killed+1, early+1
		}
		took, err := server.ready()
		if err != nil {
			t.Fatalf("after kill %d: %v", killed+1, err)
		}
		starts = append(starts, took)
		if left := outlived(orphans, time.Minute); len(left) > 0 {
			t.Errorf("after kill %d: plugin processes %v of a dead server still run", killed+1, left)
		}
		current := server.addr()
		address.Store(&current)
	}
	slices.Sort(starts)
	return server, starts, early
}

func crashNumber(t *testing.T, name string, number int) int {
	if text := os.Getenv(name); text != "" {
		var err error
		if number, err = strconv.Atoi(text); err != nil || number < 1 {
			t.Fatalf("%s must be a number, not %q", name, text)
		}
	}
	return number
}

// crashLinks has some customers who are known by one name first and by both later: in the end each is one customer.
func crashLinks(t *testing.T, server *serverProcess, ledger *crashLedger) {
	t.Helper()
	current := server.addr()
	var address atomic.Pointer[string]
	var stop atomic.Bool
	address.Store(&current)
	s := &crashSender{ledger: ledger, address: &address, stop: &stop}
	defer s.hangUp()
	for i := range 20 {
		who := fmt.Sprintf("l%d", i)
		events := []*crashEvent{ledger.event("Hello", who, false), ledger.event("Hello", who, false)}
		events[1].body = bytes.Replace(events[1].body, []byte(`"userId"`), fmt.Appendf(nil, `"anonymousId":"x%d","userId"`, i), 1)
		if err := s.send(events); err != nil {
			t.Fatal(err)
		}
		ledger.take(events)
	}
}

// crashWant is what must be true in the end.
type crashWant struct {
	pings, timers, gos int
	customers          int
	inA, inB           int
	enteredA, enteredB int
}

// expect computes it from what was acknowledged.
func (l *crashLedger) expect() crashWant {
	var want crashWant
	moves := map[string]int{}
	for _, e := range l.acked {
		moves[e.who] += 0
		switch e.name {
		case "Ping":
			want.pings++
		case "Timer":
			want.timers++
		case "Go":
			want.gos++
			moves[e.who]++
		}
	}
	want.customers = len(moves)
	for _, n := range moves {
		want.enteredA += 1 + n/2
		want.enteredB += (n + 1) / 2
		want.inA += 1 - n%2
		want.inB += n % 2
	}
	return want
}

// crashSettle waits until nothing is left to do.
func crashSettle(t *testing.T, server *serverProcess, want crashWant) shown {
	t.Helper()
	var last shown
	var lastText string
	for changed := time.Now(); time.Since(changed) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		o, err := server.overview()
		if err != nil {
			t.Fatal(err)
		}
		crash, calm := o.journey("crash"), o.journey("calm")
		if text := fmt.Sprint(crash.Messages, calm.Messages); text != lastText {
			last, lastText, changed = o, text, time.Now()
		}
		pings, pinged, _, _ := crash.message("ping")
		timers, fired, _, _ := crash.message("later")
		quiet, told, _, _ := calm.message("silence")
		if int(pings) >= want.pings && int(timers) >= want.timers && int(quiet) >= want.customers &&
			pinged == pings && fired == timers && told == quiet {
			time.Sleep(1500 * time.Millisecond) // whatever fires twice would do so about now
			if o, err = server.overview(); err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	t.Errorf("nothing has changed for two minutes, and not all is done")
	return last
}

// checkFigures compares the counters with the ledger.
func (want crashWant) checkFigures(t *testing.T, o shown, samples map[string]float64) {
	t.Helper()
	equal := func(what string, got int64, want int) {
		t.Helper()
		if got != int64(want) {
			t.Errorf("%s: %d, but the ledger says %d", what, got, want)
		}
	}
	for _, e := range o.Errors {
		t.Errorf("a step was set aside: %s:%d: %s (user %s)", e.File, e.Line, e.Message, e.User)
	}
	crash, calm := o.journey("crash"), o.journey("calm")
	equal("customers", int64(samples["stagecraft_customers"]), want.customers)
	equal("customers in crash", crash.Customers, want.customers)
	equal("customers in calm", calm.Customers, want.customers)
	equal("refused moves", crash.Refused, 0)
	for _, stage := range crash.Stages {
		entered, in := want.enteredA, want.inA
		if stage.Name == "b" {
			entered, in = want.enteredB, want.inB
		}
		equal("entered "+stage.Name, stage.Entered, entered)
		equal("customers in "+stage.Name, stage.Customers, in)
	}
	moves := 0
	for _, move := range crash.Moves {
		moves += int(move.Count)
	}
	equal("moves", int64(moves), want.gos)
	for _, m := range []struct {
		journey shownJourney
		name    string
		count   int
	}{{crash, "ping", want.pings}, {crash, "later", want.timers}, {calm, "silence", want.customers}} {
		decided, accepted, queued, other := m.journey.message(m.name)
		equal(m.name+" decided", decided, m.count)
		equal(m.name+" accepted", accepted, m.count)
		equal(m.name+" queued", queued, 0)
		equal(m.name+" failed or suppressed", other, 0)
	}
}

// checkMail compares what left with the ledger, message by message, and returns how many left.
func (want crashWant) checkMail(t *testing.T, data string, ledger *crashLedger) int {
	t.Helper()
	left := map[string]int{}
	messages := 0
	if err := readMail(data, func(line logged) error {
		messages++
		left[line.Subject]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	shownProblems := 0
	once := func(subject string, e *crashEvent) {
		t.Helper()
		if n := left[subject]; n != 1 {
			if shownProblems++; shownProblems <= 20 {
				t.Errorf("%q left %d times (event %s of %s, sent %d times)", subject, n, e.name, e.who, e.tries)
			}
		}
		delete(left, subject)
	}
	customers := map[string]bool{}
	for _, e := range ledger.acked {
		switch e.name {
		case "Ping":
			once(fmt.Sprintf("ping n=%d;", e.n), e)
		case "Timer":
			once(fmt.Sprintf("later n=%d;", e.n), e)
		}
		if !customers[e.who] {
			customers[e.who] = true
			once("silence "+e.who+";", e)
		}
	}
	for subject := range left {
		if shownProblems++; shownProblems <= 20 {
			t.Errorf("%q left, but nobody asked for it", subject)
		}
	}
	if shownProblems > 20 {
		t.Errorf("and %d more", shownProblems-20)
	}
	return messages
}

// process is a process as told from a later one with the same number.
type process struct {
	pid     int
	started string
}

// pluginsOf returns the connectors of a program that run now.
func pluginsOf(program string) []process {
	var list []process
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		words := strings.Split(string(command), "\x00")
		if len(words) > 1 && words[0] == program && words[1] == "plugin" {
			if started := startOf(pid); started != "" {
				list = append(list, process{pid, started})
			}
		}
	}
	return list
}

// startOf returns when a process was started, or "" if it is gone or about to be.
func startOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

// outlived returns those of the processes that still run when the time is over.
func outlived(list []process, within time.Duration) []int {
	for deadline := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
		var left []int
		for _, p := range list {
			if startOf(p.pid) == p.started {
				left = append(left, p.pid)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
