//go:build linux

package cli_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cutScripts sends one mail that is owed and one of marketing for each event. Two lanes, two connections.
var cutScripts = map[string]string{
	"cut/journey.lua": `journey { title = "Cut", stages = { "all" }, moves = {} }`,
	"cut/all.lua": `stage { title = "All" }

on("Go", function(customer)
  send "owed"
  send "news"
end)
`,
	"cut/messages/owed.email.liquid": "---\nsubject: owed\nkind: transactional\n---\nHello.\n",
	"cut/messages/news.email.liquid": "---\nsubject: news\nkind: marketing\n---\nHello.\n",
}

// cutSteps are the steps of an SMTP dialogue before whose answer it breaks. At BODY and DOT the connector has handed the
// whole mail to the system: a small one goes through at once. At AFTER the 250 is on its way, and nobody has read it.
var cutSteps = []string{"BANNER", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "DOT", "AFTER"}

// TestSMTPCut breaks the dialogue with the mail server at each step, by a cut of the connection, by the death of the
// connector and by that of the server itself, and compares what the ledger says in the end with what the mail server got:
// what is owed arrives, twice if it must be, marketing at most once, and every doubt is counted.
func TestSMTPCut(t *testing.T) {
	program := builtBinary(t)
	room := make(chan struct{}, 8) // so many at once; they wait most of the time
	var running sync.WaitGroup
	for _, who := range []string{"connection", "connector", "host"} {
		for i, step := range cutSteps {
			if testing.Short() && (i+len(who))%3 > 0 {
				continue
			}
			running.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				t.Run(who+" at "+step, func(t *testing.T) { cutOnce(t, program, who, step) })
			})
		}
	}
	running.Wait()
}

// cutWant is what must have become of the two mails.
type cutWant struct {
	news         string // its state
	doubts       int    // of each
	owed, copies int    // how many whole mails the server has read
	attempts     int    // of the mail that is owed; marketing has one less if it is held, and as many if not
}

// cutExpect is what DESIGN.md promises. Before the mail was handed over whole, a cut costs an attempt; after that, nobody
// can know, and so it is after a death: what is owed is sent again, marketing is held.
func cutExpect(who, step string) cutWant {
	whole := 0 // the server had read the mail when it happened
	if step == "DOT" || step == "AFTER" {
		whole = 1
	}
	switch {
	case who != "connection" || step == "DOT" || step == "BODY":
		return cutWant{news: "held", doubts: 1, owed: whole + 1, copies: whole, attempts: 2}
	case step == "AFTER":
		return cutWant{news: "accepted", owed: 1, copies: 1, attempts: 1}
	}
	return cutWant{news: "accepted", owed: 1, copies: 1, attempts: 2}
}

func cutOnce(t *testing.T, program, who, step string) {
	mails := startCutServer(t, step)
	data, scripts := t.TempDir(), filepath.Join(t.TempDir(), "scripts")
	writeFiles(t, scripts, cutScripts)
	env := []string{"STAGECRAFT_SMTP_HOST=127.0.0.1", "STAGECRAFT_SMTP_PORT=" + strconv.Itoa(mails.port), "STAGECRAFT_SMTP_SECURITY=none",
		"STAGECRAFT_SMTP_FROM=Shop <hello@shop.example>"}
	start := func() *serverProcess {
		server, err := launchServer(program, data, scripts, env...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.kill)
		if _, err = server.ready(); err != nil {
			t.Fatal(err)
		}
		return server
	}
	server := start()
	server.live(t, "cut")
	connector := running(t, server)
	post(t, server, `{"userId":"ada","event":"Go","messageId":"1","context":{"traits":{"email":"ada@example.com"}}}`)
	if !mails.bothReach() {
		t.Fatal("the mails did not come as far as ", step)
	}
	victim := map[string]int{"connector": connector.pid, "host": server.cmd.Process.Pid}[who]
	if step == "AFTER" {
		if victim != 0 { // it must not come to hear of the answer
			halt(t, victim)
		}
		close(mails.answer)
		mails.answered.Wait()
	}
	switch who {
	case "connector":
		_ = syscall.Kill(victim, syscall.SIGKILL)
	case "host":
		server.kill()
	}
	if who != "connection" {
		if left := outlived([]process{connector}, time.Minute); len(left) > 0 {
			t.Errorf("the connector %v still runs", left)
		}
	}
	close(mails.cut)
	if who == "host" {
		server = start()
	}

	want := cutExpect(who, step)
	var owed, news cutMessage
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		owed, news = cutMessages(t, server)
		if owed.State == "accepted" && news.State == want.news {
			break
		}
	}
	if owed.State != "accepted" || owed.InDoubt != want.doubts || owed.Attempts != want.attempts {
		t.Errorf("what is owed is %+v, want %+v", owed, want)
	}
	if attempts := want.attempts - want.doubts; news.State != want.news || news.InDoubt != want.doubts || news.Attempts != attempts {
		t.Errorf("marketing is %+v, want %+v", news, want)
	}
	if o, err := server.overview(); err != nil || o.InDoubt != int64(2*want.doubts) {
		t.Errorf("%d are counted as in doubt, want %d; %v", o.InDoubt, 2*want.doubts, err)
	}
	ids := mails.ids()
	if len(ids["owed"]) != want.owed || len(ids["news"]) != want.copies {
		t.Errorf("the mail server has read %d and %d mails, want %d and %d", len(ids["owed"]), len(ids["news"]), want.owed, want.copies)
	}
	for _, list := range ids {
		for _, id := range list {
			if id == "" || id != list[0] {
				t.Errorf("not every copy has the same Message-ID: %q", list)
			}
		}
	}
	if err := server.stop(); err != nil {
		t.Error(err)
	}
}

// cutMessage is a message as the ledger has it.
type cutMessage struct {
	Name, State, Reason string
	Attempts, InDoubt   int
}

func cutMessages(t *testing.T, server *serverProcess) (owed, news cutMessage) {
	t.Helper()
	var page struct{ Messages []cutMessage }
	if err := server.call("GET", "/api/messages", nil, &page); err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Messages {
		switch m.Name {
		case "owed":
			owed = m
		case "news":
			news = m
		}
	}
	return owed, news
}

// cutServer is a mail server that stops at one step, on the first two connections that come to it, until both are cut.
type cutServer struct {
	port     int
	step     string
	reached  chan struct{}
	answer   chan struct{} // closed: at AFTER it answers
	answered sync.WaitGroup
	cut      chan struct{} // closed: it hangs up, and goes on as any mail server

	mu    sync.Mutex
	hits  int
	mails map[string][]string // the Message-IDs of whole mails, by subject
}

func startCutServer(t *testing.T, step string) *cutServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &cutServer{port: listener.Addr().(*net.TCPAddr).Port, step: step, reached: make(chan struct{}, 2), answer: make(chan struct{}),
		cut: make(chan struct{}), mails: map[string][]string{}}
	s.answered.Add(2)
	done := make(chan struct{})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				s.serve(conn, done)
			}()
		}
	}()
	t.Cleanup(func() {
		close(done)
		listener.Close()
	})
	return s
}

// halt stops a process, and returns when none of its threads runs any more: the signal itself only asks for it.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatal("the process is gone", err)
		}
		if !slices.ContainsFunc(threads, func(path string) bool {
			text, err := os.ReadFile(path)
			_, state, _ := strings.Cut(string(text), ") ") // proc_pid_stat(5)
			return err == nil && !strings.HasPrefix(state, "T")
		}) {
			return
		}
	}
	t.Fatal("the process goes on after SIGSTOP")
}

// bothReach waits until both mails have come to the step.
func (s *cutServer) bothReach() bool {
	limit := time.After(2 * time.Minute)
	for range 2 {
		select {
		case <-s.reached:
		case <-limit:
			return false
		}
	}
	return true
}

// at answers a step. It returns false when the connection is to be cut instead.
func (s *cutServer) at(conn net.Conn, step, answer string, done chan struct{}) bool {
	s.mu.Lock()
	hit := step == s.step && s.hits < 2
	if hit {
		s.hits++
	}
	s.mu.Unlock()
	if hit {
		s.reached <- struct{}{}
		if step == "AFTER" {
			select {
			case <-s.answer:
			case <-done:
				return false
			}
			_, _ = fmt.Fprintf(conn, "%s\r\n", answer)
			s.answered.Done()
		}
		select {
		case <-s.cut:
		case <-done:
		}
		return false
	}
	if answer == "" {
		return true
	}
	_, err := fmt.Fprintf(conn, "%s\r\n", answer)
	return err == nil
}

func (s *cutServer) serve(conn net.Conn, done chan struct{}) {
	reader := bufio.NewReader(conn)
	if !s.at(conn, "BANNER", "220 cut", done) {
		return
	}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		verb, answer := strings.ToUpper(line[:min(4, len(line))]), "250 ok"
		if verb == "DATA" {
			answer = "354 go on"
		}
		if !s.at(conn, verb, answer, done) || verb == "QUIT" {
			return
		}
		if verb != "DATA" {
			continue
		}
		if _, err = reader.Peek(1); err != nil {
			return
		}
		if s.step == "BODY" && !s.at(conn, "BODY", "", done) { // which has no answer
			return
		}
		subject, id := "", ""
		for {
			if line, err = reader.ReadString('\n'); err != nil {
				return
			}
			if line == ".\r\n" {
				break
			}
			if text, ok := strings.CutPrefix(line, "Subject: "); ok {
				subject = strings.TrimSpace(text)
			} else if text, ok := strings.CutPrefix(line, "Message-ID: "); ok {
				id = strings.TrimSpace(text)
			}
		}
		s.mu.Lock()
		s.mails[subject] = append(s.mails[subject], id)
		s.mu.Unlock()
		step := "DOT"
		if s.step == "AFTER" {
			step = "AFTER"
		}
		if !s.at(conn, step, "250 taken", done) {
			return
		}
	}
}

func (s *cutServer) ids() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string][]string{}
	for subject, list := range s.mails {
		ids[subject] = append([]string(nil), list...)
	}
	return ids
}

// running returns the process of the mail connector, once there is one.
func running(t *testing.T, server *serverProcess) process {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		o, err := server.overview()
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Channels) > 0 && o.Channels[0].PID != 0 {
			return process{pid: o.Channels[0].PID, started: startOf(o.Channels[0].PID)}
		}
	}
	t.Fatal("the mail connector does not start")
	return process{}
}
