package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	stdmail "net/mail"
	"strings"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"

	"stagecraft/plugins/channel"
)

// letter is a message as it goes over SMTP.
type letter struct {
	id            string
	from, to      string // paths
	international bool   // an address needs SMTPUTF8
	body          []byte // header and content, lines end with CRLF
}

// compose makes the bytes of a message. They depend on the settings and the message without its attempt number, and on
// nothing else, so that a retry sends the same ones. An error is for good.
func compose(s *settings, m *channel.Message) (*letter, error) {
	parsed, err := stdmail.ParseAddress(m.To)
	if err != nil {
		return nil, fmt.Errorf("%q is not an e-mail address", m.To)
	}
	to, err := newAddress(parsed)
	if err != nil {
		return nil, fmt.Errorf("%q is not an e-mail address: %w", m.To, err)
	}
	sum := sha256.Sum256([]byte("boundary\x00" + m.ID))
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP),
		mail.WithBoundary(hex.EncodeToString(sum[:20])))
	msg.FromMailAddress(&s.from.Address)
	msg.ToMailAddress(&to.Address)
	msg.Subject(oneLine(m.Subject))
	msg.SetMessageIDWithValue(messageID(m.ID) + "@" + s.from.domain)
	date := m.Date
	if date.IsZero() {
		date = time.Unix(0, 0)
	}
	msg.SetDateWithValue(date.UTC())
	for name, value := range m.Headers {
		if err := checkHeaderName(name); err != nil {
			return nil, err
		}
		if value = oneLine(value); strings.EqualFold(name, "Reply-To") || strings.EqualFold(name, "Sender") {
			// Only the names in a list of addresses may be encoded.
			if value, err = addressList(value); err != nil {
				return nil, fmt.Errorf("the header %s is not a list of addresses: %w", name, err)
			}
		}
		msg.SetGenHeader(mail.Header(name), value)
	}
	switch {
	case m.HTML == "":
		msg.SetBodyString(mail.TypeTextPlain, m.Text)
	case m.Text == "":
		msg.SetBodyString(mail.TypeTextHTML, m.HTML)
	default:
		msg.SetBodyString(mail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	}
	var body bytes.Buffer
	body.Grow(len(m.Text) + len(m.HTML)*5/4 + 1<<10)
	if _, err := msg.WriteTo(&body); err != nil {
		return nil, fmt.Errorf("the message cannot be put together: %w", err)
	}
	return &letter{
		id: m.ID, from: s.from.path, to: to.path, international: to.international || s.from.international, body: body.Bytes(),
	}, nil
}

// messageID is the left side of the Message-ID: the ID itself where it is fit for one.
func messageID(id string) string {
	fit := id != "" && len(id) <= 64
	for i := 0; i < len(id) && fit; i++ {
		c := id[i]
		fit = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
	}
	if fit {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// checkHeaderName takes the characters of RFC 5322 3.6.8 and refuses the headers that are the connector's own.
func checkHeaderName(name string) error {
	if name == "" || len(name) > 76 {
		return fmt.Errorf("%q is not the name of a header", name)
	}
	for i := 0; i < len(name); i++ {
		if name[i] <= ' ' || name[i] >= 0x7f || name[i] == ':' {
			return fmt.Errorf("%q is not the name of a header", name)
		}
	}
	lower := strings.ToLower(name)
	switch lower {
	case "from", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version", "return-path", "received":
	default:
		if !strings.HasPrefix(lower, "content-") {
			return nil
		}
	}
	return fmt.Errorf("the header %s is set by the e-mail connector; take it out of the message", name)
}

// oneLine turns what would end a header's line, and other control characters, into spaces.
func oneLine(text string) string {
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

func addressList(text string) (string, error) {
	list, err := stdmail.ParseAddressList(text)
	if err != nil {
		return "", err
	}
	var out []string
	for _, parsed := range list {
		a, err := newAddress(parsed)
		if err != nil {
			return "", err
		}
		out = append(out, a.String())
	}
	return strings.Join(out, ", "), nil
}
