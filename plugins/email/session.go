package email

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"stagecraft/plugins/channel"
)

// session is one connection to the server, greeted, encrypted and signed in. One goroutine uses it at a time.
type session struct {
	settings *settings
	wire     *wire
	client   *smtp.Client
	room     room
	used     bool // a message was tried on it
	broken   bool // it must not be used again
	idle     time.Time
}

// result is the outcome of one attempt; its ID is not set.
type result struct {
	channel.Receipt
	stale bool // a kept connection turned out to be closed before the message was begun: try a new one
}

// send makes one attempt. Where it fails decides what is known:
//
//	before the final dot was handed to the system   the message has not left: temporary
//	the server answered 4xx or 5xx, at any verb     it has not left: temporary or permanent
//	after the dot, without an answer to it          nobody can know: in doubt
//
// A server that takes the dot takes the message over with its 250 (RFC 5321 4.2.5); what happens after that does not
// change the outcome.
func (s *session) send(ctx context.Context, mail *letter) result {
	defer s.wire.watch(ctx)()
	if mail.international {
		if ok, _ := s.client.Extension("SMTPUTF8"); !ok {
			return outcome(channel.Permanent, "the mail server takes only ASCII addresses")
		}
	}
	if r := s.envelope(ctx, mail); r != nil {
		return *r
	}
	return s.content(ctx, mail)
}

// content writes header, body and the final dot at once, and reads the answer. What the system took only in part has no
// dot, since that is what comes last.
func (s *session) content(ctx context.Context, mail *letter) result {
	s.wire.extend(ctx, s.settings.timeout)
	if err := ctx.Err(); err != nil {
		s.broken = true
		return outcome(channel.Temporary, "the message was not written: "+plain(ctx, err))
	}
	text, written := s.client.Text, s.wire.written.Load()
	_, err := text.W.Write(append(stuffed(mail.body), ".\r\n"...))
	if err == nil {
		err = text.W.Flush()
	}
	if err != nil {
		s.broken = true
		if s.wire.written.Load() == written || s.wire.short.Load() {
			return outcome(channel.Temporary, "the connection was lost while the message was being written: "+plain(ctx, err))
		}
		return outcome(channel.InDoubt, "the connection was lost while the message was being completed: "+plain(ctx, err))
	}
	s.wire.extend(ctx, s.settings.timeout)
	code, words, err := text.ReadResponse(2)
	var answer *textproto.Error
	switch {
	case err == nil:
		return outcome(channel.Accepted, "")
	case errors.As(err, &answer) && code >= 400 && code < 600:
		if code == 421 {
			s.broken = true
		}
		return s.answered("the message", code, words)
	}
	s.broken = true
	return outcome(channel.InDoubt, "the message was complete, but the mail server's answer did not come: "+plain(ctx, err))
}

// step runs one exchange with the server within its deadline.
func (s *session) step(ctx context.Context, exchange func() error) error {
	s.wire.extend(ctx, s.settings.timeout)
	if err := ctx.Err(); err != nil {
		s.broken = true
		return err
	}
	return exchange()
}

// refused turns an error before the dot into an outcome.
func (s *session) refused(ctx context.Context, verb string, err error, reused bool) result {
	var answer *textproto.Error
	if !errors.As(err, &answer) {
		s.broken = true
		r := outcome(channel.Temporary, fmt.Sprintf("the connection was lost at %s: %s", verb, plain(ctx, err)))
		r.stale = reused
		return r
	}
	if answer.Code == 421 {
		s.broken = true
		r := s.answered(verb, answer.Code, answer.Msg)
		r.stale = reused
		return r
	}
	if answer.Code < 400 || answer.Code > 599 {
		s.broken = true
	}
	return s.answered(verb, answer.Code, answer.Msg)
}

// answered turns the server's answer into an outcome, with its words as the reason.
func (s *session) answered(verb string, code int, words string) result {
	reason := fmt.Sprintf("%d %s", code, strings.ReplaceAll(words, "\n", " "))
	switch {
	case code == 530, code == 534, code == 535, code == 538:
		// It is about our signing in, not about this message (RFC 4954 6): the operator can mend it.
		return outcome(channel.Temporary, reason)
	case code >= 500 && code < 600:
		return outcome(channel.Permanent, reason)
	case code >= 400 && code < 500:
		return outcome(channel.Temporary, reason)
	}
	return outcome(channel.Temporary, fmt.Sprintf("the mail server gave an answer to %s that makes no sense: %s", verb, reason))
}

func outcome(o channel.Outcome, reason string) result {
	return result{Receipt: channel.Receipt{Outcome: o, Reason: reason}}
}

// quit says goodbye, for at most a moment, and closes the connection.
func (s *session) quit() {
	if !s.broken {
		_ = s.wire.SetDeadline(time.Now().Add(300 * time.Millisecond))
		_ = s.client.Quit()
	}
	_ = s.wire.Close()
}

// plain words a network error for people. What the end of ctx broke off was not the server's fault.
func plain(ctx context.Context, err error) string {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return "the time for the batch was over"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the mail server did not answer in time"
	}
	if text := err.Error(); text != "EOF" {
		return text
	}
	return "the mail server closed it"
}
