//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchMailScripts is a handler that sends a personalised mail of 5 KB for each event: HTML with three links, which are
// tracked, and the picture that shows that it was opened. The text part is made of the HTML.
var benchMailScripts = map[string]string{
	"bench/journey.lua": benchScripts["bench/journey.lua"],
	"bench/all.lua":     benchScripts["bench/all.lua"],
	"bench/messages/receipt.email.liquid": `---
subject: 'n={{ event.properties.n }};'
kind: transactional
track: clicks, opens
---
<h1>Thank you, {{ customer.first_name | default: "friend" }}!</h1>
<p>Your order {{ event.properties.order_id }} over {{ event.properties.total }} {{ event.properties.currency }} has reached us.
<a href="https://shop.example/orders/{{ event.properties.order_id }}">See how it stands</a>.</p>
{% if customer.traits.plan == "gold" %}<p>As a gold member you pay no shipping.</p>{% endif %}
` + strings.Repeat(`<p style="margin:0 0 16px">We pack each order by hand, and it leaves the house within a day. Should anything not be as you
expected it, send it back within thirty days; the label is in the box.</p>
`, 12) + `<p><a href="https://shop.example/returns?order={{ event.properties.order_id | url_encode }}&amp;ref=mail">Returns</a> and
<a href="https://shop.example/help">help</a>.</p>
`,
}

// mailRate is how many events a second are offered, a little more than what should leave: what comes in faster would take
// the processors from what goes out.
const mailRate = 7_200

// benchMail measures mail as it is sent in earnest: event in, ledger, connector, SMTP over 20 connections, receipt stored.
func benchMail(t *testing.T, program string) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name   string
		key    any
		events int
	}{{"mail", nil, 150_000}, {"mail, Ed25519", ed, 150_000}, {"mail, RSA-2048", rsaKey, 30_000}} {
		if !benchOnly(kind.name) {
			continue
		}
		scripts, data := filepath.Join(t.TempDir(), "scripts"), filepath.Join(t.TempDir(), "data")
		writeFiles(t, scripts, benchMailScripts)
		sink := startMailSink(t)
		server := startServer(t, data, scripts, "STAGECRAFT_PUBLIC_URL=https://mail.shop.example", "STAGECRAFT_ADMIN_KEY=bench-admin-key")
		settings := sink.settings()
		if kind.key != nil {
			der, err := x509.MarshalPKCS8PrivateKey(kind.key)
			if err != nil {
				t.Fatal(err)
			}
			settings["dkim"] = []map[string]any{{"selector": "s1",
				"key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}}
		}
		if err := server.call("PUT", "/api/channels/email", map[string]any{"connector": "email", "settings": settings}, nil); err != nil {
			t.Fatal(err)
		}
		server.live(t, "bench")
		b := &bench{t: t, server: server, sink: sink}
		b.meet()
		together := b.watchTogether()
		b.run(load{name: kind.name, events: benchScale(kind.events), batch: 100, connections: 16, rate: mailRate})
		median, highest := together()
		t.Logf("%-14s both together, shared pages counted once: %.0f MB in the middle, %.0f MB at the most", "", median, highest)
		b.memory("after " + kind.name)
		connector := b.connector()
		t.Logf("%-14s server %.0f MB, connector %.0f MB at the most; %d bytes a mail over %d connections; %s", "", statusMB(server.cmd.Process.Pid, "VmHWM:"),
			statusMB(connector, "VmHWM:"), sink.meanBytes(), sink.opened(), loadAverage())
		b.check()
		o, err := server.overview()
		if err != nil {
			t.Fatal(err)
		}
		if _, accepted, _, other := o.journey("bench").message("receipt"); accepted != int64(b.next) || other != 0 {
			t.Fatalf("%d of %d mails are accepted in the ledger, %d came to another end", accepted, b.next, other)
		}
		if err := server.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// settings are those of an email connector that sends to the sink over 20 connections.
func (s *mailSink) settings() map[string]any {
	return map[string]any{"host": "127.0.0.1", "port": s.port, "security": "none", "connections": 20, "from": "The Shop <hello@shop.example>"}
}

// loadAverage says how busy the machine was.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) > 1 {
		return "load average of the machine " + fields[0]
	}
	return "the system does not say how busy it is"
}

// mailSink is an SMTP server that takes everything, as cheaply as it can, and keeps of each mail its subject and when it
// was taken.
type mailSink struct {
	port int

	mu          sync.Mutex
	subjects    []string
	times       []time.Time
	bytes       int
	connections int
}

func startMailSink(t testing.TB) *mailSink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailSink{port: listener.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections++
			s.mu.Unlock()
			go func() { // it ends when the connector hangs up
				defer conn.Close()
				s.serve(conn)
			}()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return s
}

func (s *mailSink) serve(conn net.Conn) {
	reader, answer := bufio.NewReaderSize(conn, 32<<10), bufio.NewWriter(conn)
	mail := make([]byte, 0, 16<<10)
	_, _ = answer.WriteString("220 sink\r\n")
	for {
		if reader.Buffered() == 0 && answer.Flush() != nil {
			return
		}
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		switch string(bytes.ToUpper(line[:min(4, len(line))])) {
		case "EHLO":
			_, _ = answer.WriteString("250-sink\r\n250-8BITMIME\r\n250 PIPELINING\r\n")
		case "DATA":
			_, _ = answer.WriteString("354 go on\r\n")
			if answer.Flush() != nil {
				return
			}
			if mail, err = readDotted(reader, mail[:0]); err != nil {
				return
			}
			s.take(mail)
			_, _ = answer.WriteString("250 taken\r\n")
		case "QUIT":
			_, _ = answer.WriteString("221 bye\r\n")
			_ = answer.Flush()
			return
		default:
			_, _ = answer.WriteString("250 ok\r\n")
		}
	}
}

// readDotted reads up to the line that is only a dot.
func readDotted(reader *bufio.Reader, mail []byte) ([]byte, error) {
	for {
		if reader.Buffered() == 0 {
			if _, err := reader.Peek(1); err != nil {
				return mail, err
			}
		}
		piece, _ := reader.Peek(reader.Buffered())
		from := max(0, len(mail)-4)
		before := len(mail)
		mail = append(mail, piece...)
		if end := bytes.Index(mail[from:], []byte("\r\n.\r\n")); end >= 0 {
			end += from + 5
			_, err := reader.Discard(end - before)
			return mail[:end], err
		}
		if _, err := reader.Discard(len(piece)); err != nil {
			return mail, err
		}
	}
}

func (s *mailSink) take(mail []byte) {
	now := time.Now()
	head, _, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	_, subject, _ := bytes.Cut(head, []byte("\r\nSubject: "))
	subject, _, _ = bytes.Cut(subject, []byte("\r\n"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subjects, s.times = append(s.subjects, string(subject)), append(s.times, now)
	s.bytes += len(mail)
}

// each calls take for every mail, in the order in which they came.
func (s *mailSink) each(take func(subject string, at time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, subject := range s.subjects {
		if err := take(subject, s.times[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *mailSink) meanBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes / max(1, len(s.subjects))
}

func (s *mailSink) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}
