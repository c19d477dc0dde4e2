//go:build unix

package cli_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"encoding/json"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server that answers as the recipient's name says and keeps what it took.
type mailServer struct {
	addr  string
	mu    sync.Mutex
	took  map[string][]*mail.Reader // by recipient
	ids   map[string][]string       // Message-IDs of every DATA, by recipient
	tries map[string]int
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{addr: listener.Addr().String(), took: map[string][]*mail.Reader{}, ids: map[string][]string{}, tries: map[string]int{}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: m}, nil }))
	server.Domain = "mail.test"
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return m
}

type session struct {
	server *mailServer
	to     string
}

func (s *session) Reset()                               { s.to = "" }
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "gone") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user here"}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	reader, err := mail.CreateReader(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	id, _ := reader.Header.MessageID()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.ids[s.to] = append(s.server.ids[s.to], id)
	s.server.tries[s.to]++
	if strings.HasPrefix(s.to, "later") && s.server.tries[s.to] == 1 {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, come back"}
	}
	s.server.took[s.to] = append(s.server.took[s.to], reader)
	return nil
}

func (m *mailServer) count(to string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.took[to])
}

// states returns the newest messages as "user: state reason".
func (p *serverProcess) states(t *testing.T) map[string]string {
	t.Helper()
	answer, err := http.Get("http://" + p.addr() + "/api/overview")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var overview struct {
		Messages []struct{ User, State, Reason string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&overview); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, m := range overview.Messages {
		states[m.User] = m.State + " " + m.Reason
	}
	return states
}

func TestRealMail(t *testing.T) {
	mails := startMailServer(t)
	host, port, _ := net.SplitHostPort(mails.addr)
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"),
		"STAGECRAFT_SMTP_HOST="+host, "STAGECRAFT_SMTP_PORT="+port, "STAGECRAFT_SMTP_SECURITY=none",
		"STAGECRAFT_SMTP_FROM=Shop <hello@shop.example>")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"ada", "later", "gone"} {
		post(t, server, fmt.Sprintf(`{"userId":%q,"event":"Order Completed","messageId":%q,
			"context":{"traits":{"email":"%s@example.com","first_name":"Ada"}}}`, user, user, user))
	}
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		states := server.states(t)
		if strings.HasPrefix(states["ada"], "accepted") && strings.HasPrefix(states["later"], "accepted") && strings.HasPrefix(states["gone"], "failed") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if states := server.states(t); !strings.Contains(states["gone"], "no such user here") || mails.count("gone@example.com") != 0 {
		t.Errorf("a refused address fails with the server's words: %v", states)
	}
	if mails.count("ada@example.com") != 1 || mails.count("later@example.com") != 1 {
		t.Fatalf("each mail arrives once: %d, %d; %v", mails.count("ada@example.com"), mails.count("later@example.com"), server.states(t))
	}
	mails.mu.Lock()
	defer mails.mu.Unlock()
	if ids := mails.ids["later@example.com"]; len(ids) != 2 || ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("a retry keeps the Message-ID: %q", ids)
	}
	header := mails.took["ada@example.com"][0].Header
	subject, _ := header.Subject()
	from, _ := header.AddressList("From")
	if subject == "" || len(from) != 1 || from[0].Address != "hello@shop.example" {
		t.Errorf("subject %q from %v", subject, from)
	}
}
