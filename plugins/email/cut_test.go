package email_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/email"
)

// scripted is a mail server that does something of its own at one verb: "BANNER", "EHLO", "MAIL", "RCPT", "DATA",
// "BODY" (while the message is being read), "DOT" (when it is complete), "AFTER" (when its answer was sent) or "RSET".
// What it does is "cut", "hang" until goOn, "wait" for 200 ms, or an answer to give.
type scripted struct {
	listener net.Listener
	verb     string
	do       string
	times    int    // how often; 0 is always
	offers   string // further extensions, as they stand in the answer to EHLO

	wg sync.WaitGroup
	on chan struct{} // closed by goOn
	mu sync.Mutex
	n  int
	// what arrived
	connections int
	complete    []string // messages whose dot came, by recipient
	verbs       []string
}

func newScripted(t *testing.T, verb, do string, times int, offers ...string) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{on: make(chan struct{}), listener: listener, verb: verb, do: do, times: times, offers: strings.Join(append(offers, "SIZE"), "\r\n250-")}
	ctx, cancel := context.WithCancel(context.Background())
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections++
			s.mu.Unlock()
			s.wg.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
				defer stop()
				defer conn.Close()
				s.serve(ctx, conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		s.wg.Wait()
	})
	return s
}

// at does what is to be done at a verb. It returns whether the verb is done with, and whether the connection goes on.
func (s *scripted) at(ctx context.Context, conn net.Conn, verb string) (done, goesOn bool) {
	s.mu.Lock()
	s.verbs = append(s.verbs, verb)
	hit := verb == s.verb && (s.times == 0 || s.n < s.times)
	if hit {
		s.n++
	}
	s.mu.Unlock()
	switch {
	case !hit:
		return false, true
	case s.do == "cut":
		return true, false
	case s.do == "reset":
		_ = conn.(*net.TCPConn).SetLinger(0)
		return true, false
	case s.do == "hang":
		select {
		case <-s.on:
			return false, true
		case <-ctx.Done():
			return true, false
		}
	case s.do == "wait":
		time.Sleep(200 * time.Millisecond)
		return false, true
	}
	fmt.Fprintf(conn, "%s\r\n", s.do)
	return true, true
}

func (s *scripted) serve(ctx context.Context, conn net.Conn) {
	reader := bufio.NewReader(conn)
	to := ""
	step := func(verb, answer string) bool {
		done, goesOn := s.at(ctx, conn, verb)
		if !done {
			fmt.Fprintf(conn, "%s\r\n", answer)
		}
		return goesOn
	}
	if !step("BANNER", "220 test") {
		return
	}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(line[:min(4, len(line))])
		answer := "250 ok"
		switch verb {
		case "EHLO":
			answer = "250-test\r\n250-8BITMIME\r\n250-" + s.offers + "\r\n250 ENHANCEDSTATUSCODES"
		case "RCPT":
			to = strings.TrimSpace(strings.TrimPrefix(line, "RCPT TO:"))
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		case "DATA":
			answered, goesOn := s.at(ctx, conn, "DATA")
			if !goesOn {
				return
			}
			if answered {
				continue
			}
			fmt.Fprint(conn, "354 go on\r\n")
			if _, err := reader.Peek(1); err != nil {
				return
			}
			if _, goesOn := s.at(ctx, conn, "BODY"); !goesOn {
				return
			}
			for {
				line, err := reader.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
			}
			s.mu.Lock()
			s.complete = append(s.complete, to)
			s.mu.Unlock()
			if !step("DOT", "250 taken") {
				return
			}
			if _, goesOn := s.at(ctx, conn, "AFTER"); !goesOn {
				return
			}
			continue
		}
		if !step(verb, answer) {
			return
		}
	}
}

func (s *scripted) settings(more string) string {
	return fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"security":"none","from":"Shop <hello@shop.example>","helo":"test.example"%s}`,
		s.listener.Addr().(*net.TCPAddr).Port, more)
}

// goOn ends what hangs, for good.
func (s *scripted) goOn() { close(s.on) }

// done sets how often it was already done.
func (s *scripted) done(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n = n
}

func (s *scripted) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.complete)
}

func open(t testing.TB, settings string) *email.Connector {
	t.Helper()
	c := email.New()
	if err := c.Configure(context.Background(), json.RawMessage(settings)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// hand sends, and does so again with what could not be begun in time, as the host does: a busy machine may be slow.
func hand(t *testing.T, c *email.Connector, messages []channel.Message) []channel.Receipt {
	t.Helper()
	receipts := c.Send(t.Context(), messages)
	for i := range receipts {
		for receipts[i].Data[channel.FactUntried] != "" && receipts[i].RetryAfter == 0 && t.Context().Err() == nil {
			receipts[i] = c.Send(t.Context(), messages[i:i+1])[0]
		}
	}
	return receipts
}

func message(i int) channel.Message {
	return channel.Message{
		ID: fmt.Sprintf("%032x", i), To: fmt.Sprintf("person-%d@example.com", i), Subject: "Hello", Text: "Hello there.",
		HTML: "<p>Hello there.</p>", Date: time.UnixMilli(1700000000000).UTC(), Attempt: 1, Kind: "marketing",
	}
}

func messages(n int) []channel.Message {
	out := make([]channel.Message, n)
	for i := range out {
		out[i] = message(i)
	}
	return out
}

func TestOutcomeOfEveryFailure(t *testing.T) {
	const accepted, temporary, permanent, inDoubt = channel.Accepted, channel.Temporary, channel.Permanent, channel.InDoubt
	for _, test := range []struct {
		verb, do string
		want     channel.Outcome
		reason   string
		taken    int
	}{
		{"BANNER", "cut", temporary, "did not greet", 0},
		{"EHLO", "cut", temporary, "refused EHLO", 0},
		{"MAIL", "cut", temporary, "lost at MAIL", 0},
		{"RCPT", "cut", temporary, "lost at RCPT", 0},
		{"DATA", "cut", temporary, "lost at DATA", 0},
		{"DOT", "cut", inDoubt, "the mail server closed it", 1},
		{"DOT", "reset", inDoubt, "complete", 1},
		{"AFTER", "cut", accepted, "", 1},
		{"AFTER", "reset", accepted, "", 1},

		{"BANNER", "421 too busy", temporary, "421", 0},
		{"BANNER", "554 go away", temporary, "go away", 0},
		{"MAIL", "451 later", temporary, "451 later", 0},
		{"MAIL", "421 closing", temporary, "421 closing", 0},
		{"MAIL", "550 bad sender", permanent, "550 bad sender", 0},
		{"MAIL", "530 sign in first", temporary, "530 sign in first", 0},
		{"RCPT", "450 greylisted", temporary, "450 greylisted", 0},
		{"RCPT", "550-no such\r\n550 user here", permanent, "550 no such user here", 0},
		{"DATA", "451 disk", temporary, "451 disk", 0},
		{"DATA", "554 no", permanent, "554 no", 0},
		{"DOT", "451 scanner is down", temporary, "451 scanner is down", 1},
		{"DOT", "421 shutting down", temporary, "421 shutting down", 1},
		{"DOT", "554 spam", permanent, "554 spam", 1},
		{"DOT", "250-two\r\n250 lines", accepted, "", 1},
		{"DOT", "yes, thank you", inDoubt, "yes, thank you", 1},
		{"DOT", "354 what", inDoubt, "answer did not come", 1},
		{"RCPT", "999 what", temporary, "makes no sense", 0},
		{"RCPT", "nonsense", temporary, "lost at RCPT", 0},
	} {
		for _, offers := range []string{"CHUNKING", "PIPELINING"} {
			t.Run(test.verb+" "+test.do+" "+offers, func(t *testing.T) {
				server := newScripted(t, test.verb, test.do, 0, offers)
				c := open(t, server.settings(""))
				got := c.Send(t.Context(), []channel.Message{message(0)})[0]
				if got.ID != message(0).ID || got.Outcome != test.want || !strings.Contains(got.Reason, test.reason) {
					t.Errorf("%+v", got)
				}
				if server.taken() != test.taken {
					t.Errorf("the server read %d complete messages", server.taken())
				}
			})
		}
	}
}

// TestHangs has a server that stops answering: the outcome depends only on whether the dot was written.
func TestHangs(t *testing.T) {
	var all sync.WaitGroup // they wait, and do so together
	hangs := func(name string, test func(t *testing.T)) { all.Go(func() { t.Run(name, test) }) }
	for _, test := range []struct {
		verb string
		want channel.Outcome
	}{
		{"BANNER", channel.Temporary}, {"EHLO", channel.Temporary}, {"MAIL", channel.Temporary}, {"RCPT", channel.Temporary},
		{"DATA", channel.Temporary}, {"DOT", channel.InDoubt},
	} {
		hangs("deadline at "+test.verb, func(t *testing.T) {
			server := newScripted(t, test.verb, "hang", 0)
			c := open(t, server.settings(`,"connections":1`))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a busy machine may take long to come to the dot
			defer cancel()
			got := c.Send(ctx, messages(3))
			for got[0].Data[channel.FactUntried] != "" && ctx.Err() == nil { // it was not even begun
				got = c.Send(ctx, messages(3))
			}
			if got[0].Outcome != test.want || !strings.Contains(got[0].Reason, "the time for the batch was over") {
				t.Errorf("%+v", got[0])
			}
			for _, r := range got[1:] {
				if r.Outcome != channel.Temporary || r.Reason == "" {
					t.Errorf("not begun: %+v", r)
				}
			}
		})
		hangs("timeout at "+test.verb, func(t *testing.T) {
			server := newScripted(t, test.verb, "hang", 1)
			c := open(t, server.settings(`,"connections":1,"timeout":10`))
			if got := c.Send(t.Context(), messages(1))[0]; got.Outcome != test.want || !strings.Contains(got.Reason, "in time") {
				t.Errorf("%+v", got)
			}
			if got := c.Send(t.Context(), messages(1))[0]; got.Outcome != channel.Accepted {
				t.Errorf("afterwards: %+v", got)
			}
		})
	}
	all.Wait()
}

// What a slow server leaves no time for is not begun: a second after the call was made the host has not looked for long whether
// a message may still leave.
func TestASlowServerIsNotGivenMore(t *testing.T) {
	server := newScripted(t, "DOT", "hang", 0)
	c := open(t, server.settings(`,"connections":2`))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	waiting := make(chan []channel.Receipt)
	begun := time.Now()
	go func() { waiting <- c.Send(ctx, messages(100)) }()
	for server.taken() < 2 {
		time.Sleep(time.Millisecond)
	}
	// While both connections are busy a call does not stand behind them for long.
	for _, r := range c.Send(ctx, messages(5)) {
		if r.Outcome != channel.Temporary || r.Data[channel.FactUntried] == "" || r.RetryAfter != 0 || r.Reason == "" {
			t.Errorf("%+v", r)
		}
	}
	server.goOn() // both are answered from now on
	var outcomes [5]int
	for _, r := range <-waiting {
		if outcomes[r.Outcome]++; r.Outcome == channel.Temporary && (r.Data[channel.FactUntried] == "" || r.RetryAfter != 0) {
			t.Errorf("%+v", r)
		}
	}
	if outcomes[channel.Accepted] != 2 || outcomes[channel.Temporary] != 98 {
		t.Errorf("after %v: %v", time.Since(begun), outcomes)
	}
	// What has not left is handed over again, and does.
	for _, r := range c.Send(t.Context(), messages(3)) {
		if r.Outcome != channel.Accepted {
			t.Errorf("afterwards: %+v", r)
		}
	}
}

// Our own deadline cuts no mail that the server answers in time.
func TestNothingIsCutByTheDeadline(t *testing.T) {
	server := newScripted(t, "DOT", "wait", 0)
	c := open(t, server.settings(`,"connections":4`))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	accepted := 0
	for _, r := range c.Send(ctx, messages(100)) {
		switch {
		case r.Outcome == channel.Accepted:
			accepted++
		case r.Outcome != channel.Temporary || r.Data[channel.FactUntried] == "":
			t.Errorf("%+v", r)
		}
	}
	if accepted < 4 || ctx.Err() != nil {
		t.Errorf("%d mails have left", accepted)
	}
}

func TestCutInTheMiddleOfAMessage(t *testing.T) {
	server := newScripted(t, "BODY", "reset", 0)
	c := open(t, server.settings(""))
	m := message(0)
	m.Text = strings.Repeat("more than all buffers on the way can hold\n", 1<<19)
	got := c.Send(t.Context(), []channel.Message{m})[0]
	if got.Outcome != channel.Temporary || !strings.Contains(got.Reason, "while the message was being written") {
		t.Errorf("%+v", got)
	}
}

func TestHangInTheMiddleOfAMessage(t *testing.T) {
	server := newScripted(t, "BODY", "hang", 0)
	c := open(t, server.settings(""))
	m := message(0)
	m.Text = strings.Repeat("more than all buffers on the way can hold\n", 1<<19)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	got := c.Send(ctx, []channel.Message{m})[0]
	if got.Outcome != channel.Temporary {
		t.Errorf("%+v", got)
	}
}

// TestClosedBetweenMessages has a server that ends each connection after a message: nobody may notice.
func TestClosedBetweenMessages(t *testing.T) {
	for _, do := range []string{"cut", "reset"} {
		server := newScripted(t, "AFTER", do, 0)
		c := open(t, server.settings(`,"connections":2`))
		for _, r := range hand(t, c, messages(20)) {
			if r.Outcome != channel.Accepted {
				t.Errorf("%s: %+v", do, r)
			}
		}
		if server.taken() != 20 {
			t.Errorf("%s: %d messages taken", do, server.taken())
		}
	}
}

func TestOldConnectionIsReplaced(t *testing.T) {
	for _, test := range []struct{ verb, do string }{
		{"RSET", "cut"}, {"RSET", "421 too long idle"}, {"RSET", "500 what"},
	} {
		server := newScripted(t, test.verb, test.do, 1)
		c := open(t, server.settings(`,"connections":1`))
		for i := range 2 {
			got := c.Send(t.Context(), []channel.Message{message(i)})[0]
			if got.Outcome != channel.Accepted {
				t.Errorf("%v, message %d: %+v", test, i, got)
			}
		}
	}
}

// TestPipelining has servers that refuse in the middle of a group of commands, some of which want the content all the
// same: what follows on the connection, or on a new one, is not disturbed.
func TestPipelining(t *testing.T) {
	for _, test := range []struct {
		verb, do string
		want     channel.Outcome
	}{
		{"MAIL", "451 later", channel.Temporary}, {"RCPT", "550 5.1.1 unknown", channel.Permanent}, {"RCPT", "421 closing", channel.Accepted},
		{"DATA", "554 no recipients", channel.Permanent}, {"DOT", "554 spam", channel.Permanent}, {"RSET", "500 what", channel.Accepted},
	} {
		server := newScripted(t, test.verb, test.do, 1, "PIPELINING")
		c := open(t, server.settings(`,"connections":1`))
		if test.want == channel.Accepted { // on a kept connection
			server.done(1)
			if got := c.Send(t.Context(), messages(1))[0]; got.Outcome != channel.Accepted {
				t.Fatalf("%+v", got)
			}
			server.done(0)
		}
		for i, r := range c.Send(t.Context(), messages(5)) {
			if want := map[bool]channel.Outcome{true: test.want, false: channel.Accepted}[i == 0]; r.Outcome != want {
				t.Errorf("%v, message %d: %+v", test, i, r)
			}
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	server := newScripted(t, "", "", 0)
	c := open(t, server.settings(`,"connections":3`))
	for range 4 {
		for _, r := range hand(t, c, messages(25)) {
			if r.Outcome != channel.Accepted {
				t.Errorf("%+v", r)
			}
		}
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.connections > 3 || len(server.complete) != 100 {
		t.Errorf("%d connections for %d messages", server.connections, len(server.complete))
	}
}

func TestOneBadRecipientAmongGoodOnes(t *testing.T) {
	server := newScripted(t, "RCPT", "550 unknown", 1)
	c := open(t, server.settings(`,"connections":1`))
	batch := messages(4)
	batch[2].To = "nobody at all"
	got := c.Send(t.Context(), batch)
	want := []channel.Outcome{channel.Permanent, channel.Accepted, channel.Permanent, channel.Accepted}
	for i, r := range got {
		if r.Outcome != want[i] || r.ID != batch[i].ID {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if !strings.Contains(got[2].Reason, "nobody at all") {
		t.Errorf("%+v", got[2])
	}
}

func TestServerDown(t *testing.T) {
	c := open(t, `{"host":"127.0.0.1","port":1,"security":"none","from":"a@b.example"}`)
	for _, r := range c.Send(t.Context(), messages(100)) {
		if r.Outcome != channel.Temporary || !strings.Contains(r.Reason, "cannot be reached") {
			t.Errorf("%+v", r)
		}
	}
	if c.Health(t.Context()) == nil {
		t.Error("healthy")
	}
}

// TestOneConnectionRefused has a server that takes fewer connections than are configured.
func TestOneConnectionRefused(t *testing.T) {
	server := newScripted(t, "BANNER", "421 too many connections", 3)
	c := open(t, server.settings(`,"connections":4`))
	for _, r := range hand(t, c, messages(50)) {
		if r.Outcome != channel.Accepted {
			t.Errorf("%+v", r)
		}
	}
}

func TestNothingBegunAfterTheDeadline(t *testing.T) {
	server := newScripted(t, "", "", 0)
	c := open(t, server.settings(""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range c.Send(ctx, messages(10)) {
		if r.Outcome != channel.Temporary || r.Reason == "" {
			t.Errorf("%+v", r)
		}
	}
	if server.taken() != 0 {
		t.Error("messages were sent")
	}
}
