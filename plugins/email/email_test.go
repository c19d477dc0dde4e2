package email_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/email"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(email.New())
		return
	}
	goleak.VerifyTestMain(m)
}

// inbox is a mail server that keeps what it is sent.
type inbox struct {
	mu      sync.Mutex
	letters map[string][]letter // by recipient
	users   []string            // who signed in
}

type letter struct {
	from string
	utf8 bool
	data []byte
}

func (b *inbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{inbox: b}, nil }

func (b *inbox) count() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.letters {
		n += len(l)
	}
	return n
}

func (b *inbox) only(t *testing.T, to string) letter {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.letters[to]) != 1 {
		t.Fatalf("%d letters to %s; there are %v", len(b.letters[to]), to, b.letters)
	}
	return b.letters[to][0]
}

type session struct {
	inbox    *inbox
	from, to string
	utf8     bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != "shop" || password != "correct horse" {
			return &smtp.SMTPError{Code: 535, Message: "wrong password"}
		}
		s.inbox.mu.Lock()
		defer s.inbox.mu.Unlock()
		s.inbox.users = append(s.inbox.users, username)
		return nil
	}), nil
}

func (s *session) Mail(from string, options *smtp.MailOptions) error {
	s.from, s.utf8 = from, options.UTF8
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.letters[s.to] = append(s.inbox.letters[s.to], letter{s.from, s.utf8, data})
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// authority is a certificate authority of the test, in a file, with a certificate for 127.0.0.1 and localhost.
func authority(t *testing.T) (file string, config *tls.Config) {
	t.Helper()
	certificate := func(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER := certificate(ca, ca, caKey, caKey)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER := certificate(leaf, ca, key, caKey)
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leafDER}, PrivateKey: key}}}
}

// serve starts the inbox; change may adapt the server before it listens.
func serve(t *testing.T, implicit *tls.Config, change func(*smtp.Server)) (*inbox, int) {
	t.Helper()
	box := &inbox{letters: map[string][]letter{}}
	server := smtp.NewServer(box)
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8 = "test.example", true, true
	server.ErrorLog = quiet{}
	if change != nil {
		change(server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if implicit != nil {
		listener = tls.NewListener(listener, implicit)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		wg.Wait()
	})
	return box, port
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func settings(port int, more string) string {
	return fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"from":"Größe & Söhne <hello@shop.example>","helo":"test.example"%s}`, port, more)
}

func TestConformance(t *testing.T) {
	_, port := serve(t, nil, func(s *smtp.Server) { s.MaxLineLength = 1 << 20 })
	channeltest.Run(t, channeltest.Self(t, "plugin"), settings(port, `,"security":"none","connections":4`),
		channeltest.WithRefusedSettings(
			`{}`, `{"host":"mail.example.com"}`, `{"host":"mail.example.com","from":"nobody"}`,
			`{"host":"mail.example.com","from":"a@b.example","port":"25"}`, `{"host":"mail.example.com","from":"a@b.example","port":70000}`,
			`{"host":"mail.example.com","from":"a@b.example","security":"magic"}`, `{"host":"mail.example.com","from":"a@b.example","connections":51}`,
			`{"host":"mail.example.com","from":"a@b.example","timeout":-1}`, `{"host":"mail.example.com","from":"a@b.example","username":"x"}`,
			`{"host":"mail.example.com","from":"a@b.example","security":"none","username":"x","password":"y"}`,
			`{"host":"mail.example.com","from":"a@b.example","helo":"a b"}`, `{"host":"mail.example.com","from":"a@b.example","ca_file":"/does/not/exist"}`,
			`{"host":"mail.example.com","from":"a@b.example","tls_skip_verify":true}`, `{"host":"a b","from":"a@b.example"}`,
			`{"host":"mail.example.com","from":"a@b.example","dkim":[{"selector":"s"}]}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_folder":"/tmp"}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_secret":"short","return_path":"r@b.example"}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_secret":"0123456789abcdef"}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_secret":"0123456789abcdef","return_path":"much-too-long@b.example"}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_secret":"0123456789abcdef","return_path":"r@b.example","bounce_folder":"/does/not/exist"}`,
			`{"host":"mail.example.com","from":"a@b.example","bounce_secret":"0123456789abcdef","return_path":"r@b.example","callback_secret":"x"}`,
			`{"host":"mail.example.com","from":"a@b.example","rate_per_domain":{"a b":1}}`, `{"host":"mail.example.com","from":"a@b.example","rate_per_domain":{"*":0}}`,
			`{"host":"mail.example.com","from":"a@b.example","max_bounces":101}`, `{"host":"mail.example.com","from":"a@b.example","max_complaints":-1}`,
			`{"host":"mail.example.com","from":"a@b.example","pause_after":0}`, `{"host":"mail.example.com","from":"a@b.example","bounce_poll":0}`,
		))
}

func TestEncryption(t *testing.T) {
	ca, config := authority(t)
	_, other := authority(t)
	withTLS := func(s *smtp.Server) { s.TLSConfig = config }
	_, starttls := serve(t, nil, withTLS)
	_, implicit := serve(t, config, nil)
	_, bare := serve(t, nil, nil)
	_, stranger := serve(t, nil, func(s *smtp.Server) { s.TLSConfig = other })
	for _, test := range []struct {
		name     string
		port     int
		security string
		want     channel.Outcome
		reason   string
	}{
		{"starttls", starttls, "starttls", channel.Accepted, ""},
		{"starttls not offered", bare, "starttls", channel.Temporary, "does not offer"},
		{"starttls by a stranger", stranger, "starttls", channel.Temporary, "certificate"},
		{"tls", implicit, "tls", channel.Accepted, ""},
		{"tls to a server without", bare, "tls", channel.Temporary, "TLS failed"},
		{"opportunistic with", starttls, "opportunistic", channel.Accepted, ""},
		{"opportunistic without", bare, "opportunistic", channel.Accepted, ""},
		{"none", starttls, "none", channel.Accepted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, settings(test.port, fmt.Sprintf(`,"security":%q,"ca_file":%q,"timeout":10`, test.security, ca)))
			for _, r := range c.Send(t.Context(), messages(3)) {
				if r.Outcome != test.want || !strings.Contains(r.Reason, test.reason) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestSigningIn(t *testing.T) {
	ca, config := authority(t)
	box, port := serve(t, nil, func(s *smtp.Server) { s.TLSConfig = config })
	for _, test := range []struct {
		password string
		want     channel.Outcome
		reason   string
	}{
		{"correct horse", channel.Accepted, ""},
		{"battery staple", channel.Temporary, "wrong password"},
	} {
		c := open(t, settings(port, fmt.Sprintf(`,"username":"shop","password":%q,"ca_file":%q,"connections":1`, test.password, ca)))
		got := c.Send(t.Context(), messages(1))[0]
		if got.Outcome != test.want || !strings.Contains(got.Reason, test.reason) || strings.Contains(got.Reason, test.password) {
			t.Errorf("%+v", got)
		}
	}
	if len(box.users) != 1 || box.users[0] != "shop" {
		t.Errorf("signed in: %v", box.users)
	}
}

func TestLetter(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`))
	m := message(7)
	m.To = "Ada Lovelace <ada@example.com>"
	m.Subject = "Größe 😀: " + strings.Repeat("ein langer Betreff ", 10)
	m.Text = "Zeile 1\nZeile 2 äöü\n.\n..Punkte\r\nEnde ohne Umbruch"
	m.HTML = "<p>Hallo " + strings.Repeat("lange Zeile ", 500) + "😀</p>"
	m.Headers = map[string]string{
		"List-Unsubscribe":      "<https://example.com/u/0123456789abcdef0123456789abcdef0123456789abcdef?x=1>, <mailto:u@example.com>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Reply-To": "Söhne <reply@shop.example>", "X-Campaign": "Frühling",
	}
	if got := c.Send(t.Context(), []channel.Message{m})[0]; got.Outcome != channel.Accepted {
		t.Fatalf("%+v", got)
	}
	l := box.only(t, "ada@example.com")
	if l.from != "hello@shop.example" || l.utf8 {
		t.Errorf("envelope: %+v", l)
	}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(l.data, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line of %d bytes: %q", len(line), line)
		}
		for _, b := range line {
			if b >= 0x80 {
				t.Errorf("not ASCII: %q", line)
				break
			}
		}
	}
	got, err := mail.ReadMessage(bytes.NewReader(l.data))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(name string) string {
		text, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get(name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, want := range map[string]string{
		"Subject": m.Subject, "Message-Id": "<" + m.ID + "@shop.example>", "Mime-Version": "1.0", "Date": "Tue, 14 Nov 2023 22:13:20 +0000",
		"To": `"Ada Lovelace" <ada@example.com>`, "From": "Größe & Söhne <hello@shop.example>", "List-Unsubscribe": m.Headers["List-Unsubscribe"],
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "Reply-To": "Söhne <reply@shop.example>", "X-Campaign": "Frühling",
		"User-Agent": "", "X-Mailer": "",
	} {
		if text := decode(name); strings.TrimSpace(text) != strings.TrimSpace(want) {
			t.Errorf("%s: %q, expected %q", name, text, want)
		}
	}
	kind, parameters, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	parts := multipart.NewReader(got.Body, parameters["boundary"])
	for _, want := range []struct{ kind, text string }{
		{"text/plain; charset=UTF-8", strings.ReplaceAll(strings.ReplaceAll(m.Text, "\r\n", "\n"), "\n", "\r\n")}, {"text/html; charset=UTF-8", m.HTML},
	} {
		part, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil || string(text) != want.text || part.Header.Get("Content-Type") != want.kind {
			t.Errorf("%s %v: %q, expected %q", part.Header, err, text, want.text)
		}
	}
	if _, err := parts.NextPart(); !errors.Is(err, io.EOF) {
		t.Errorf("more parts: %v", err)
	}
}

func TestRetriesAreTheSameBytes(t *testing.T) {
	box, port := serve(t, nil, nil)
	m := message(7)
	m.Headers = map[string]string{"X-A": "1", "X-B": "2", "X-C": "3", "List-Id": "x", "Precedence": "bulk"}
	for attempt := 1; attempt <= 5; attempt++ {
		m.Attempt = attempt
		c := open(t, settings(port, `,"security":"none"`))
		if got := c.Send(t.Context(), []channel.Message{m})[0]; got.Outcome != channel.Accepted {
			t.Fatalf("%+v", got)
		}
	}
	letters := box.letters[m.To]
	for _, l := range letters[1:] {
		if !bytes.Equal(l.data, letters[0].data) {
			t.Errorf("a retry differs:\n%s\n%s", letters[0].data, l.data)
		}
	}
	if len(letters) != 5 {
		t.Errorf("%d letters", len(letters))
	}
}

func TestHeaderInjection(t *testing.T) {
	box, port := serve(t, nil, nil)
	c := open(t, settings(port, `,"security":"none"`))
	m := message(1)
	m.ID = "odd id\r\nBcc: evil@example.com"
	m.Subject = "Hi\r\nBcc: evil@example.com\r\n\r\nbody"
	m.Headers = map[string]string{
		"X-A": "1\r\nBcc: evil@example.com", "X-B": "ä\nBcc: evil@example.com", "X-C": "1\u0085Bcc: evil@example.com\u2028Bcc: x\vBcc: y\x00",
		"Reply-To": "\"a\r\nBcc: x\" <reply@shop.example>", "List-Unsubscribe": "<https://x.example>\r\n\r\nbody",
	}
	if got := c.Send(t.Context(), []channel.Message{m})[0]; got.Outcome != channel.Accepted {
		t.Fatalf("%+v", got)
	}
	got, err := mail.ReadMessage(bytes.NewReader(box.only(t, m.To).data))
	if err != nil || got.Header.Get("Bcc") != "" {
		t.Errorf("%v %v", got.Header, err)
	}
	for _, test := range []struct{ to, name string }{
		{"a@example.com>\r\nRCPT TO:<evil@example.com", "X"}, {"a@example.com, b@example.com", "X"}, {"<>", "X"}, {"@example.com", "X"},
		{"a@ex ample.com", "X"}, {strings.Repeat("a", 65) + "@example.com", "X"}, {"a@" + strings.Repeat("a", 64) + ".example", "X"},
		{"a@example.com", "X\r\nBcc"}, {"a@example.com", "Bcc"}, {"a@example.com", "content-type"}, {"a@example.com", ""}, {"a@example.com", "Ä"},
		{"a@example.com", "DKIM-Signature"}, {"a@example.com", "Resent-From"}, {"a@example.com", "X:"}, {"a\u0000@example.com", "X"},
	} {
		m := message(1)
		m.To, m.Headers = test.to, map[string]string{test.name: "x"}
		if got := c.Send(t.Context(), []channel.Message{m})[0]; got.Outcome != channel.Permanent || got.Reason == "" {
			t.Errorf("%q: %+v", test, got)
		}
	}
	if box.count() != 1 {
		t.Errorf("%d letters", box.count())
	}
}

func TestInternationalAddresses(t *testing.T) {
	box, port := serve(t, nil, nil)
	_, ascii := serve(t, nil, func(s *smtp.Server) { s.EnableSMTPUTF8 = false })
	m := message(1)
	m.To = "info@größe.example"
	umlaut := message(2)
	umlaut.To = "größe@example.com"
	reply := message(4)
	reply.Headers = map[string]string{"Reply-To": "größe@shop.example"}
	quoted := message(3)
	quoted.To = `"two words"@example.com`
	for _, test := range []struct {
		port int
		want []channel.Outcome
	}{
		{port, []channel.Outcome{channel.Accepted, channel.Accepted, channel.Accepted, channel.Accepted}},
		{ascii, []channel.Outcome{channel.Accepted, channel.Permanent, channel.Accepted, channel.Permanent}},
	} {
		c := open(t, settings(test.port, `,"security":"none","connections":1`))
		for i, r := range c.Send(t.Context(), []channel.Message{m, umlaut, quoted, reply}) {
			if r.Outcome != test.want[i] {
				t.Errorf("%+v", r)
			}
		}
	}
	if l := box.only(t, "info@xn--gre-6ka8i.example"); l.utf8 {
		t.Error("SMTPUTF8 where none is needed")
	}
	if l := box.only(t, "größe@example.com"); !l.utf8 {
		t.Error("no SMTPUTF8")
	}
	if l := box.only(t, reply.To); !l.utf8 {
		t.Error("no SMTPUTF8 for an address in the header")
	}
}

func TestPasswordsAreNotQuoted(t *testing.T) {
	err := email.New().Configure(context.Background(), json.RawMessage(`{"host":"x.example","from":"a@b.example","username":"u","password":["hunter2"]}`))
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "password") {
		t.Errorf("%v", err)
	}
}

// FuzzMessage sends whatever a message may hold: it must be refused, or arrive with the headers that are ours intact.
func FuzzMessage(f *testing.F) {
	f.Add("ada@example.com", "Hi", "text", "<p>html</p>", "X-Name", "value")
	f.Add("Ada <ada@example.com>", "a\r\nb", ".\r\n", "", "List-Id", "ä\x00\r\n")
	f.Add(`"a\"b"@[127.0.0.1]`, "", "", "\xff", "Reply-To", "x <y@z.example>")
	box := &inbox{letters: map[string][]letter{}}
	server := smtp.NewServer(box)
	server.EnableSMTPUTF8, server.ErrorLog = true, quiet{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	f.Cleanup(func() { _ = server.Close(); wg.Wait() })
	c := open(f, settings(listener.Addr().(*net.TCPAddr).Port, `,"security":"none"`))
	f.Fuzz(func(t *testing.T, to, subject, text, html, name, value string) {
		box.mu.Lock()
		clear(box.letters)
		box.mu.Unlock()
		m := channel.Message{ID: "00ff", To: to, Subject: subject, Text: text, HTML: html, Headers: map[string]string{name: value}, Date: time.UnixMilli(1)}
		r := c.Send(t.Context(), []channel.Message{m})[0]
		if r.Outcome != channel.Accepted {
			if r.Outcome != channel.Permanent || r.Reason == "" {
				t.Errorf("%+v", r)
			}
			return
		}
		box.mu.Lock()
		defer box.mu.Unlock()
		for _, letters := range box.letters {
			got, err := mail.ReadMessage(bytes.NewReader(letters[0].data))
			if err != nil {
				t.Fatalf("unreadable: %v\n%q", err, letters[0].data)
			}
			for _, only := range []string{"From", "To", "Subject", "Date", "Message-Id", "Content-Type", "Mime-Version"} {
				if n := len(got.Header[only]); n != 1 {
					t.Errorf("%d headers %s: %q", n, only, letters[0].data)
				}
			}
			if got.Header.Get("Message-Id") != "<00ff@shop.example>" {
				t.Errorf("%q", letters[0].data)
			}
		}
	})
}

func BenchmarkSend(b *testing.B) {
	box := &inbox{letters: map[string][]letter{}}
	server := smtp.NewServer(box)
	server.ErrorLog = quiet{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(listener) })
	b.Cleanup(func() { _ = server.Close(); wg.Wait() })
	c := open(b, settings(listener.Addr().(*net.TCPAddr).Port, `,"security":"none","connections":8`))
	batch := messages(100)
	for b.Loop() {
		for _, r := range c.Send(b.Context(), batch) {
			if r.Outcome != channel.Accepted {
				b.Fatalf("%+v", r)
			}
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "messages/s")
}
