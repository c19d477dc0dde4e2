package email

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// letter is a message as it goes over SMTP.
type letter struct {
	id            string
	from, to      string // paths
	international bool   // an address needs SMTPUTF8
	body          []byte // header and content, lines end with CRLF
}

// room is the memory in which a session's letters are made, one after the other.
type room struct{ content, relaxed, body []byte }

// maxRoom is how many bytes of each are kept for the next letter.
const maxRoom = 256 << 10

// tidy lets go of what one large letter needed.
func (r *room) tidy() {
	for _, b := range []*[]byte{&r.content, &r.relaxed, &r.body} {
		if cap(*b) > maxRoom {
			*b = nil
		}
	}
}

// compose makes the bytes of a message, which are good until the next one is made in the same room. They depend on the settings and the message without its attempt number, and on
// nothing else, so that a retry sends the same ones. An error is for good.
func compose(s *settings, m *channel.Message, to address, in *room) (*letter, error) {
	in.tidy()
	out := &letter{
		id: m.ID, from: s.from.path, to: to.path, international: to.international || s.from.international,
	}
	if s.returns != nil {
		out.from = s.returns.path(m.ID)
	}
	fields, err := out.header(s, m, to)
	if err != nil {
		return nil, err
	}
	var kind []field
	in.content, kind = content(in.content[:0], m)
	fields = append(fields, kind...)

	signatures, err := in.sign(s.DKIM, fields, m.Date)
	if err != nil {
		return nil, err
	}
	body := in.body[:0]
	for _, list := range [][]field{signatures, fields} {
		for _, f := range list {
			body = append(append(append(append(body, f.name...), ": "...), f.value...), "\r\n"...)
		}
	}
	in.body = append(append(body, "\r\n"...), in.content...)
	out.body = in.body
	return out, nil
}

// sign makes one signature with each key.
func (r *room) sign(keys []signingKey, fields []field, date time.Time) ([]field, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	r.relaxed = relaxBody(r.relaxed[:0], r.content)
	body := sha256.Sum256(r.relaxed)
	signatures := make([]field, len(keys))
	for i := range keys {
		var err error
		if signatures[i], err = keys[i].sign(fields, body, date); err != nil {
			return nil, fmt.Errorf("the message cannot be signed with the DKIM selector %s: %w", keys[i].Selector, err)
		}
	}
	return signatures, nil
}

// recipient reads the address of a message.
func recipient(to string) (address, error) {
	parsed, err := mail.ParseAddress(to)
	if err != nil {
		return address{}, fmt.Errorf("%q is not an e-mail address", to)
	}
	a, err := newAddress(parsed)
	if err != nil {
		return address{}, fmt.Errorf("%q is not an e-mail address: %w", to, err)
	}
	return a, nil
}

// header makes the fields that do not depend on the content.
func (l *letter) header(s *settings, m *channel.Message, to address) ([]field, error) {
	date := m.Date
	if date.IsZero() {
		date = time.Unix(0, 0)
	}
	fields := make([]field, 0, 10+len(m.Headers))
	var failed error
	add := func(name, value string, raw bool) {
		f, err := newField(name, value, raw)
		if err != nil && failed == nil {
			failed = err
		}
		fields = append(fields, f)
	}
	add("From", s.from.String(), true)
	add("To", to.String(), true)
	add("Subject", m.Subject, false)
	add("Date", date.UTC().Format(time.RFC1123Z), true)
	add("Message-ID", "<"+messageID(s, m.ID)+"@"+s.from.domain+">", true)
	first := len(fields)
	for name, value := range m.Headers {
		if err := checkHeaderName(name); err != nil {
			return nil, err
		}
		addresses := strings.EqualFold(name, "Reply-To") || strings.EqualFold(name, "Sender")
		if addresses {
			// Only the names in a list of addresses may be encoded.
			list, international, err := addressList(oneLine(value))
			if err != nil {
				return nil, fmt.Errorf("the header %s is not a list of addresses: %w", name, err)
			}
			value, l.international = list, l.international || international
		}
		add(name, value, addresses)
	}
	slices.SortFunc(fields[first:], func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i := first + 1; i < len(fields); i++ {
		if strings.EqualFold(fields[i].name, fields[i-1].name) {
			return nil, fmt.Errorf("the header %s is there twice", fields[i].name)
		}
	}
	return fields, failed
}

// content appends the body and returns the fields that describe it. There is always a text part: programs that show no
// HTML, and people who cannot see it, read that, and filters distrust mail without.
func content(out []byte, m *channel.Message) ([]byte, []field) {
	version := field{"MIME-Version", "1.0"}
	if m.HTML == "" {
		return quote(out, m.Text), []field{
			version, {"Content-Type", "text/plain; charset=UTF-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
		}
	}
	text := m.Text
	if strings.TrimSpace(text) == "" {
		text = plainText(m.HTML)
	}
	sum := sha256.Sum256([]byte("boundary\x00" + m.ID))
	boundary := "=_" + hex.EncodeToString(sum[:20])
	for _, part := range []struct{ kind, text string }{{"text/plain", text}, {"text/html", m.HTML}} {
		out = append(append(append(out, "--"...), boundary...), "\r\nContent-Type: "...)
		out = append(append(out, part.kind...), "; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"...)
		out = append(quote(out, part.text), "\r\n"...)
	}
	out = append(append(append(out, "--"...), boundary...), "--\r\n"...)
	return out, []field{version, {"Content-Type", "multipart/alternative;\r\n boundary=\"" + boundary + "\""}}
}

// messageID is the left side of the Message-ID: the ID itself where it is fit for one, and behind it the proof that it
// is ours where bounces are read.
func messageID(s *settings, id string) string {
	fit := id != "" && len(id) <= 80
	for i := 0; i < len(id) && fit; i++ {
		c := id[i]
		fit = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
	}
	switch {
	case !fit:
		sum := sha256.Sum256([]byte(id))
		return hex.EncodeToString(sum[:16])
	case s.returns != nil:
		return s.returns.messageID(id)
	}
	return id
}

func addressList(text string) (list string, international bool, err error) {
	parsed, err := mail.ParseAddressList(text)
	if err != nil {
		return "", false, err
	}
	out := make([]string, len(parsed))
	for i := range parsed {
		a, err := newAddress(parsed[i])
		if err != nil {
			return "", false, err
		}
		out[i], international = a.String(), international || a.international
	}
	return strings.Join(out, ", "), international, nil
}
