package email

import (
	"bytes"
	"context"

	"stagecraft/plugins/channel"
)

// command is a verb with its arguments and what the server answers when it agrees; 25 stands for 250 to 259.
type command struct {
	verb, line string
	expect     int
}

// envelope brings the server to the point where it takes the content, or returns what became of the message. A server
// that offers PIPELINING (RFC 2920) gets all commands at once; the answers come in their order and mean the same.
func (s *session) envelope(ctx context.Context, mail *letter) *result {
	reused := s.used
	s.used = true
	commands := make([]command, 0, 4)
	if reused {
		// Also finds out whether the server is still there.
		commands = append(commands, command{"RSET", "RSET", 250})
	}
	from := "MAIL FROM:" + mail.from
	if ok, _ := s.client.Extension("8BITMIME"); ok {
		from += " BODY=8BITMIME"
	}
	if mail.international {
		from += " SMTPUTF8"
	}
	commands = append(commands, command{"MAIL", from, 250}, command{"RCPT", "RCPT TO:" + mail.to, 25}, command{"DATA", "DATA", 354})
	together, _ := s.client.Extension("PIPELINING")
	for i, c := range commands {
		err := s.step(ctx, func() error {
			switch {
			case !together:
				return s.exchange(commands[i:i+1], c.expect)
			case i == 0:
				return s.exchange(commands, c.expect)
			}
			return s.exchange(nil, c.expect)
		})
		if err == nil {
			continue
		}
		if c.verb == "RSET" {
			// Whatever it says to this is about the connection and not about the message.
			s.broken = true
			r := outcome(channel.Temporary, "the connection was lost between two messages: "+plain(ctx, err))
			r.stale = true
			return &r
		}
		r := s.refused(ctx, c.verb, err, reused)
		if c.verb == "RCPT" && r.Outcome == channel.Permanent && gone(r.Reason) {
			r.Data = map[string]string{"gone": "1"}
		}
		if together {
			s.settle(ctx, commands[i+1:])
		}
		return &r
	}
	return nil
}

// exchange writes commands and reads one answer.
func (s *session) exchange(commands []command, expect int) error {
	text := s.client.Text
	for _, c := range commands {
		_, _ = text.W.WriteString(c.line) // Flush says what went wrong
		_, _ = text.W.WriteString("\r\n")
	}
	if err := text.W.Flush(); err != nil {
		return err
	}
	_, _, err := text.ReadResponse(expect)
	return err
}

// settle reads the answers to what was sent behind a command that was refused. A server that wants the content all the
// same is left without a word: nothing has left, because there is no recipient.
func (s *session) settle(ctx context.Context, rest []command) {
	for range rest {
		if s.broken {
			return
		}
		var code int
		err := s.step(ctx, func() (err error) {
			code, _, err = s.client.Text.ReadResponse(0)
			return err
		})
		s.broken = s.broken || err != nil || code == 354 || code == 421
	}
}

// stuffed doubles the dots at the beginning of lines (RFC 5321 4.5.2) and ends the last line.
func stuffed(body []byte) []byte {
	if bytes.HasPrefix(body, []byte(".")) || bytes.Contains(body, []byte("\n.")) {
		body = bytes.ReplaceAll(append([]byte("\n"), body...), []byte("\n."), []byte("\n.."))[1:]
	}
	if !bytes.HasSuffix(body, []byte("\r\n")) {
		body = append(body, "\r\n"...)
	}
	return body
}
