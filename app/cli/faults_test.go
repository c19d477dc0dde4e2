//go:build linux

package cli_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
)

// faultScripts send what a customer is owed, or an offer, by the one channel that reaches them; and notes by mail.
var faultScripts = map[string]string{
	"faults/journey.lua": `journey { title = "Faults", stages = { "all" }, moves = {} }`,
	"faults/all.lua": `stage { title = "All" }

on("Owed", function(customer)
  send "owed"
end)

on("Offer", function(customer)
  send "offer"
end)

on("Note", function(customer)
  send "note"
end)
`,
	"faults/messages/note.email.liquid": "---\nsubject: 'n={{ event.properties.n }};'\nkind: transactional\n---\nNote.\n",
}

// faultAddresses reach a customer by one channel each; a number makes them unique.
var faultAddresses = map[string]string{
	"sms":    `"phone":"+84%09d"`,
	"push":   `"push":"token-%d"`,
	"social": `"telegram":"%d"`,
	"letter": `"name":"Ada","address":{"street":"Lake Road %d","city":"Hanoi","postalCode":"100000","country":"VN"}`,
}

const (
	faultMailRate = 100 // notes a second by the channel that is well
	faultMailers  = 16  // connections that post them
	faultOwed     = 2   // messages to each faulty channel in a round: so many that are sent again when in doubt …
	faultOffers   = 4   // … and so many that are held then
)

// TestFaults breaks connectors of the running program in every way that a connector can break, while mail goes on. In the
// end every message of every channel has one final state, the connectors' own ledgers agree with it, and no process is
// left. `make faults` has each fault a hundred times, by itself; else all of them happen a few times, four at once.
func TestFaults(t *testing.T) {
	times := 0
	if text := os.Getenv("STAGECRAFT_FAULTS"); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil || times < 1 {
			t.Fatalf("STAGECRAFT_FAULTS must be how often each fault happens, not %q", text)
		}
	}
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	t.Parallel()
	s := newFaultStand(t)
	if times == 0 {
		s.stint("stop, slow, flood and lies", 1, faultStop, faultSlow, faultFlood, faultLies)
		s.stint("crash, garbage, protocol and changed", 2, faultCrash, faultGarbage, faultProtocol, faultChanged)
	} else {
		only := os.Getenv("STAGECRAFT_FAULTS_ONLY")
		for _, fault := range []string{faultCrash, faultStop, faultSlow, faultGarbage, faultFlood, faultLies, faultProtocol, faultChanged} {
			if only == "" || strings.Contains(only, fault) {
				s.stint(fault, (times+len(faultyChannels)-1)/len(faultyChannels), fault, fault, fault, fault)
			}
		}
	}
	s.close()
}

// faultStand is a server with four connectors that can be broken, and mail.
type faultStand struct {
	*testing.T
	server *serverProcess
	dir    string
	wire   *wire
	strict bool // the machine does nothing else

	next   int            // the next message to a faulty channel
	posted map[string]int // how many each channel was given
	hits   map[string]int // how often each fault took hold

	mailing sync.WaitGroup
	stop    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	sent    []time.Time // when each note's event was due
}

func newFaultStand(t *testing.T) *faultStand {
	t.Helper()
	s := &faultStand{T: t, dir: t.TempDir(), posted: map[string]int{}, hits: map[string]int{}, stop: make(chan struct{}),
		strict: os.Getenv("STAGECRAFT_FAULTS") != ""}
	scripts, data := filepath.Join(s.dir, "scripts"), filepath.Join(s.dir, "data")
	files := map[string]string{}
	for name, text := range faultScripts {
		files[name] = text
	}
	for _, channel := range faultyChannels {
		for name, kind := range map[string]string{"owed": "transactional", "offer": "marketing"} {
			files["faults/messages/"+name+"."+channel+".liquid"] = "---\nkind: " + kind + "\nexpires: 30 days\n---\nn={{ event.properties.n }};\n"
		}
	}
	writeFiles(t, scripts, files)
	for _, channel := range faultyChannels {
		if err := os.MkdirAll(filepath.Join(s.dir, channel), 0o700); err != nil {
			t.Fatal(err)
		}
		s.install(channel, "")
		if _, err := s.plugins().Approve("faulty-"+channel, "", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	s.server = startServer(t, data, scripts, "STAGECRAFT_SEND_HOURS=sms=always") // offers are sent at night too
	s.server.live(t, "faults")
	for _, channel := range faultyChannels {
		s.begin(channel)
	}
	var err error
	if s.wire, err = dialWire(s.server.addr()); err != nil {
		t.Fatal(err)
	}
	s.mailing.Go(s.mail)
	t.Cleanup(s.hush)
	return s
}

// hush ends the mail, whichever way the test ends.
func (s *faultStand) hush() {
	s.once.Do(func() { close(s.stop) })
	s.mailing.Wait()
}

func (s *faultStand) plugins() channels.Plugins {
	return channels.Plugins{Data: filepath.Join(s.dir, "data")}
}

// install puts the connector of a channel into the data folder, with words that change what it is and not what it does.
func (s *faultStand) install(channel, words string) {
	s.Helper()
	executable, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	path := filepath.Join(s.dir, "data", "plugins", "stagecraft-channel-faulty-"+channel)
	text := "#!/bin/sh\n# " + words + "\nexec '" + executable + "' faulty '" + filepath.Join(s.dir, channel) + "'\n"
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		err = os.WriteFile(path+".new", []byte(text), 0o700)
	}
	if err == nil {
		err = os.Rename(path+".new", path) // in one go, as installers do: what runs is never written to
	}
	if err != nil {
		s.Fatal(err)
	}
}

// begin has a channel served by a fresh connector, whose failures are not counted yet.
func (s *faultStand) begin(channel string) {
	s.Helper()
	if err := s.server.call("PUT", "/api/channels/"+channel, map[string]any{"connector": "faulty-" + channel}, nil); err != nil {
		s.Fatal(err)
	}
}

// mail posts the events of notes at a steady rate, until stop is closed. A slow answer must not slow the next event down.
func (s *faultStand) mail() {
	due := make(chan int)
	var posting sync.WaitGroup
	for range faultMailers {
		posting.Go(func() {
			w, err := dialWire(s.server.addr())
			if err != nil {
				s.Error(err)
				return
			}
			defer w.close()
			for n := range due {
				body := fmt.Appendf(nil, `{"event":"Note","messageId":"note-%d","userId":"mail-%d","properties":{"n":%d},"context":{"traits":{"email":"mail-%d@example.com"}}}`, n, n%1000, n, n%1000)
				if status, err := w.post(request("/v1/track", body)); err != nil || status != 200 {
					s.Errorf("note %d: %d %v", n, status, err)
					return
				}
			}
		})
	}
	defer posting.Wait()
	defer close(due)
	began := time.Now()
	for n := 0; ; n++ {
		at := began.Add(time.Duration(n) * time.Second / faultMailRate)
		select {
		case <-s.stop:
			return
		case <-time.After(time.Until(at)):
		}
		select {
		case due <- n:
		case <-s.stop:
			return
		}
		s.mu.Lock()
		s.sent = append(s.sent, at)
		s.mu.Unlock()
	}
}

// post gives a channel the messages of one round.
func (s *faultStand) post(channel string) {
	s.Helper()
	for i := range faultOwed + faultOffers {
		event := "Owed"
		if i >= faultOwed {
			event = "Offer"
		}
		n := s.next
		s.next++
		s.posted[channel]++
		body := fmt.Appendf(nil, `{"event":%q,"messageId":"m%d","userId":"%s-%d","properties":{"n":%d},"context":{"traits":{%s}}}`,
			event, n, channel, n, n, fmt.Sprintf(faultAddresses[channel], n))
		if status, err := s.wire.post(request("/v1/track", body)); err != nil || status != 200 {
			s.Fatalf("%s: %d %v", body, status, err)
		}
	}
}

// hasHold says by what one sees that a fault has taken hold of a connector.
func hasHold(fault string, status channels.Status) bool {
	switch fault {
	case faultCrash:
		return status.Restarts > 0 && strings.Contains(status.LastError, "killed")
	case faultStop:
		return strings.Contains(status.LastError, "health check") || strings.Contains(status.LastError, "deadline")
	case faultSlow:
		return strings.Contains(status.LastError, "deadline")
	case faultGarbage:
		return strings.Contains(status.LastError, "502 Bad Gateway")
	case faultFlood:
		return len(strings.Join(status.Log, "")) > 10_000
	case faultLies:
		return status.Broken || strings.Contains(status.LastError, "no receipt that can be trusted") || strings.Contains(status.LastError, "no ID")
	case faultProtocol:
		return strings.Contains(status.LastError, "ncompatible")
	case faultChanged:
		return strings.Contains(status.LastError, "has changed")
	}
	return false
}

func (s *faultStand) status() map[string]channels.Status {
	s.Helper()
	var view struct{ Channels []channels.Status }
	if err := s.server.call("GET", "/api/channels", nil, &view); err != nil {
		s.Fatal(err)
	}
	statuses := map[string]channels.Status{}
	for _, status := range view.Channels {
		statuses[status.Channel] = status
	}
	return statuses
}

func (s *faultStand) await(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if s.Failed() {
			s.FailNow()
		}
		if time.Now().After(deadline) {
			s.Fatalf("never happened: %s; %+v; queued: %+v; %s", what, s.status(), s.queued(), s.server.lastWords())
		}
	}
}

// stint has each of the channels break in its way, so many times, and prints what became of mail meanwhile.
func (s *faultStand) stint(name string, rounds int, faults ...string) {
	s.Helper()
	calm := 3 * time.Second
	if s.strict {
		calm = 10 * time.Second
	}
	memory := anonymousMB(s.server.cmd.Process.Pid)
	quiet := time.Now()
	for time.Since(quiet) < calm { // the same load on connectors that are well
		for _, channel := range faultyChannels {
			s.post(channel)
		}
		time.Sleep(500 * time.Millisecond)
	}
	broken := time.Now()
	for range rounds {
		s.round(faults)
	}
	over := time.Now()
	s.settled()
	before, during := s.latency(quiet, broken), s.latency(broken, over)
	ratio := float64(during.p99) / float64(before.p99)
	after := anonymousMB(s.server.cmd.Process.Pid)
	s.Logf("%-40s %3d times in %s: mail p99 %s before, %s during: ratio %.2f (p50 %s, %s; max %s, %s; %d, %d mails); the server's memory %.0f MB before, %.0f MB after",
		name+":", rounds*len(faults), over.Sub(broken).Round(time.Second), ms(before.p99), ms(during.p99), ratio, ms(before.p50), ms(during.p50),
		ms(before.max), ms(during.max), before.count, during.count, memory, after)
	if after > memory+150 {
		s.Errorf("%s: the server holds %.0f MB, %.0f MB before", name, after, memory)
	}
}

// round breaks each channel once, waits until that has taken hold, sees mail leave meanwhile, and mends it.
func (s *faultStand) round(faults []string) {
	s.Helper()
	for i, channel := range faultyChannels {
		s.write(channel, faults[i])
		s.post(channel)
	}
	open := slices.Clone(faultyChannels)
	s.await("the faults "+strings.Join(faults, ", "), func() bool {
		statuses := s.status()
		open = slices.DeleteFunc(open, func(channel string) bool {
			fault := faults[slices.Index(faultyChannels, channel)]
			if !hasHold(fault, statuses[channel]) {
				return false
			}
			s.hits[fault]++
			return true
		})
		return len(open) == 0
	})
	s.passes(faults)
	for _, channel := range faultyChannels {
		s.write(channel, "")
	}
	// They recover by themselves. What floods and lies runs all the time; the others are started again.
	s.await("recovery", func() bool {
		statuses := s.status()
		for _, channel := range faultyChannels {
			if status := statuses[channel]; status.State != channels.Running || status.Broken {
				return false
			}
		}
		return true
	})
	var mending sync.WaitGroup
	for _, channel := range faultyChannels {
		mending.Go(func() { s.begin(channel) })
	}
	mending.Wait()
	for _, channel := range faultyChannels {
		if left := processesWith(filepath.Join(s.dir, channel)); len(left) != 1 {
			s.Errorf("after %s: %d processes of %s", faults[slices.Index(faultyChannels, channel)], len(left), channel)
		}
	}
	s.settled()
}

// passes waits until mail has left that was decided when all the faults had taken hold. They stay until it has: a channel
// that waited for another one would wait in vain.
func (s *faultStand) passes(faults []string) {
	s.Helper()
	began := time.Now()
	s.await("mail beside "+strings.Join(faults, ", "), func() bool {
		var page struct{ Messages []ledgerLine }
		if err := s.server.call("GET", "/api/messages?limit=1&state=accepted&channel=email", nil, &page); err != nil {
			s.Fatal(err)
		}
		return len(page.Messages) > 0 && page.Messages[0].Decided.After(began)
	})
}

// write says how a connector is to break; "" mends it.
func (s *faultStand) write(channel, fault string) {
	s.Helper()
	path := filepath.Join(s.dir, channel, "fault")
	if fault == "" {
		s.install(channel, "")
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.Fatal(err)
		}
		return
	}
	if fault == faultChanged {
		s.install(channel, "not what was approved")
	}
	if err := os.WriteFile(path+".new", []byte(fault), 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.Fatal(err)
	}
}

// settled waits until nothing is queued.
func (s *faultStand) settled() {
	s.Helper()
	s.await("every message settled", func() bool { return len(s.queued()) == 0 })
}

// queued returns messages of faulty channels that have not come to an end.
func (s *faultStand) queued() (queued []ledgerLine) {
	s.Helper()
	for _, channel := range faultyChannels {
		var page struct{ Messages []ledgerLine }
		if err := s.server.call("GET", "/api/messages?limit=3&state=queued&channel="+channel, nil, &page); err != nil {
			s.Fatal(err)
		}
		queued = append(queued, page.Messages...)
	}
	return queued
}

// latencies are of notes, from when their event was due to the line in the log connector's file.
type latencies struct {
	p50, p99, max time.Duration
	count         int
}

func (s *faultStand) latency(from, until time.Time) (l latencies) {
	s.Helper()
	s.mu.Lock()
	sent := slices.Clone(s.sent)
	s.mu.Unlock()
	var took []time.Duration
	s.await("the last note", func() bool {
		took = nil
		missing := map[int]bool{}
		for n, at := range sent {
			if !at.Before(from) && at.Before(until) {
				missing[n] = true
			}
		}
		if err := readMail(s.server.Data, func(line logged) error {
			var n int
			if _, err := fmt.Sscanf(line.Subject, "n=%d;", &n); err != nil || n >= len(sent) {
				return nil
			}
			if missing[n] {
				delete(missing, n)
				took = append(took, line.Time.Sub(sent[n]))
			}
			return nil
		}); err != nil {
			return false // the last line is being written
		}
		return len(missing) == 0
	})
	slices.Sort(took)
	return latencies{quantile(took, 0.5), quantile(took, 0.99), took[len(took)-1], len(took)}
}

// close ends the stand and compares what the server says of every message with what the connectors did.
func (s *faultStand) close() {
	s.Helper()
	s.hush()
	s.wire.close()
	s.compareMail()
	for _, channel := range faultyChannels {
		s.compare(channel)
	}
	if err := s.server.stop(); err != nil {
		s.Error(err)
	}
	if left := processesWith(s.dir); len(left) > 0 {
		s.Errorf("processes are left: %v", left)
	}
	s.Logf("the faults took hold so often: %v", s.hits)
}

// ledgerLine is what these tests read of GET /api/messages.
type ledgerLine struct {
	Ref, User, Name, State, Reason string
	Decided                        time.Time
	InDoubt                        int
}

// messages returns what the server says of all messages of a channel, by customer.
func (s *faultStand) messages(channel string) map[string][]ledgerLine {
	s.Helper()
	all := map[string][]ledgerLine{}
	for cursor := ""; ; {
		var page struct {
			Messages []ledgerLine
			Next     string
		}
		if err := s.server.call("GET", "/api/messages?limit=200&channel="+channel+"&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			s.Fatal(err)
		}
		for _, m := range page.Messages {
			all[m.User] = append(all[m.User], m)
		}
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}

// compare holds a faulty channel to its promise: nothing is lost, nobody gets an offer twice, and who may have got
// something twice is counted in doubt.
func (s *faultStand) compare(channel string) {
	s.Helper()
	left := map[string]int{}
	file, err := os.Open(filepath.Join(s.dir, channel, "ledger"))
	if err != nil {
		s.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "n=%d;", &n); err != nil {
			s.Errorf("%s: a line of the ledger is %q", channel, lines.Text())
		}
		left[fmt.Sprintf("%s-%d", channel, n)]++
	}
	known := s.messages(channel)
	if len(known) != s.posted[channel] {
		s.Errorf("%s: %d messages were asked for, the server knows of %d", channel, s.posted[channel], len(known))
	}
	states, inDoubt, twice := map[string]int{}, 0, 0
	for user, list := range known {
		m, copies := list[0], left[user]
		delete(left, user)
		states[m.State]++
		inDoubt += m.InDoubt
		twice += max(0, copies-1)
		switch {
		case len(list) != 1:
			s.Errorf("%s: %s has %d messages", channel, user, len(list))
		case m.State == "accepted" && copies >= 1 && copies <= 1+m.InDoubt && (m.Name == "owed" || m.InDoubt == 0):
		case m.State == "held" && m.Name == "offer" && m.InDoubt == 1 && copies <= 1:
		default:
			s.Errorf("%s: %s of %s is %s (%s), in doubt %d times, and left %d times", channel, m.Name, user, m.State, m.Reason, m.InDoubt, copies)
		}
	}
	if len(left) > 0 {
		s.Errorf("%s: the connector sent what the server does not know of: %v", channel, left)
	}
	s.Logf("%-8s %d messages: %v; in doubt %d times, left once more %d times", channel+":", s.posted[channel], states, inDoubt, twice)
}

// compareMail: every note left once.
func (s *faultStand) compareMail() {
	s.Helper()
	var o shown
	s.await("every note's receipt", func() bool {
		var err error
		if o, err = s.server.overview(); err != nil {
			s.Fatal(err)
		}
		j := o.journey("faults")
		_, _, queued, _ := j.message("note")
		return queued == 0
	})
	j := o.journey("faults")
	decided, accepted, _, other := j.message("note")
	count, ids := 0, map[string]bool{}
	if err := readMail(s.server.Data, func(line logged) error {
		count++
		ids[line.ID] = true
		return nil
	}); err != nil {
		s.Error(err)
	}
	if n := int64(len(s.sent)); decided != n || accepted != n || other != 0 || count != len(s.sent) || len(ids) != count {
		s.Errorf("%d notes: %d decided, %d accepted, %d ended otherwise; %d lines with %d IDs in the file", n, decided, accepted, other, count, len(ids))
	}
}

// processesWith returns the processes that name a folder in their command lines.
func processesWith(folder string) (list []string) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		for _, word := range strings.Split(string(command), "\x00") {
			if (word == folder || strings.HasPrefix(word, folder+"/")) && startOf(pid) != "" {
				list = append(list, strconv.Itoa(pid)+" "+strings.ReplaceAll(string(command), "\x00", " "))
				break
			}
		}
	}
	return list
}
