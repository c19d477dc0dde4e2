package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// dial connects, encrypts, greets and signs in. Whatever fails here is temporary for the messages that wait: it is
// about the server or the settings, not about them.
func dial(ctx context.Context, s *settings) (*session, error) {
	fail := func(what string, err error) error {
		return fmt.Errorf("mail server %s: %s: %s", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), what, plain(ctx, err))
	}
	connecting, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(connecting, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		return nil, fail("cannot be reached", err)
	}
	w := &wire{Conn: conn}
	defer w.watch(ctx)()
	w.extend(ctx, s.timeout)
	var secured net.Conn = w
	if s.Security == implicitTLS {
		encrypted := tls.Client(w, s.tls.Clone())
		if err := encrypted.HandshakeContext(connecting); err != nil {
			_ = conn.Close()
			return nil, fail("TLS failed", err)
		}
		secured = encrypted
	}
	client, err := smtp.NewClient(secured, s.Host)
	if err != nil {
		_ = conn.Close()
		return nil, fail("did not greet", err)
	}
	session := &session{settings: s, wire: w, client: client}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"refused EHLO", func() error { return client.Hello(s.Helo) }},
		{"STARTTLS failed", session.encrypt},
		{"signing in failed", session.signIn},
	} {
		if err := session.step(ctx, step.do); err != nil {
			_ = conn.Close()
			return nil, fail(step.what, err)
		}
	}
	return session, nil
}

// encrypt turns TLS on where the settings want it.
func (s *session) encrypt() error {
	if s.settings.Security != startTLS && s.settings.Security != opportunistic {
		return nil
	}
	if offered, _ := s.client.Extension("STARTTLS"); !offered {
		if s.settings.Security == startTLS {
			return errors.New("the server does not offer it; where that is right, set security to tls or none")
		}
		return nil
	}
	return s.client.StartTLS(s.settings.tls.Clone())
}

// signIn sends user name and password, the strongest way that both sides know, and never in the clear to another machine.
func (s *session) signIn() error {
	set := s.settings
	if set.Username == "" {
		return nil
	}
	_, encrypted := s.client.TLSConnectionState()
	if !encrypted && set.Security != implicitTLS && !local(set.Host) {
		return errors.New("the connection is not encrypted, so the password was not sent")
	}
	_, offered := s.client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(set.Username, set.Password)},
		{"PLAIN", smtp.PlainAuth("", set.Username, set.Password, set.Host, local(set.Host))},
		{"LOGIN", smtp.LoginAuth(set.Username, set.Password, set.Host, local(set.Host))},
		{"CRAM-MD5", smtp.CRAMMD5Auth(set.Username, set.Password)},
	} {
		if slices.Contains(mechanisms, way.name) {
			return s.client.Auth(way.auth)
		}
	}
	return fmt.Errorf("the server offers no way to sign in that is known here (%s)", strings.Join(mechanisms, ", "))
}
