package email

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"stagecraft/plugins/channel"
)

// Limits of an answer that is read.
const (
	maxReplyText  = 1000 // bytes of it that are handed on
	maxReplyDepth = 3    // of parts in parts
	maxReplyRefs  = 50   // message IDs that it may name, the latest ones
	replyDateAge  = 7 * 24 * time.Hour
)

// recipients are the fields that say where a mail arrived.
var recipients = [...]string{"delivered-to", "x-original-to", "envelope-to", "to", "cc"}

// arrivedAt is the message whose return path a mail was sent to; "" if there is none.
func (r *returns) arrivedAt(top header) string {
	for _, name := range recipients {
		for _, value := range top[name] {
			if id := r.fromPath(value); id != "" {
				return id
			}
		}
	}
	return ""
}

// readReply returns the answer that somebody wrote to a message of ours. The message is known by the return path to which
// the answer went, or by a Message-ID of ours in In-Reply-To or References (RFC 5322, 3.6.4). What a program answered,
// such as a notice of absence, is no answer.
func (r *returns) readReply(top header, body []byte, now time.Time) (channel.Report, bool) {
	if automatic(top) {
		return channel.Report{}, false
	}
	id := r.arrivedAt(top)
	if id == "" {
		id = r.referredTo(top)
	}
	if id == "" {
		return channel.Report{}, false
	}
	report := channel.Report{ID: id, Event: "replied", Date: written(top, now)}
	if text := answerText(top.first("content-type"), top.first("content-transfer-encoding"), body, maxReplyDepth); text != "" {
		report.Data = map[string]string{"text": text}
	}
	return report, true
}

// referredTo is the latest message of ours that a mail names as the one it answers.
func (r *returns) referredTo(top header) string {
	for _, name := range [...]string{"in-reply-to", "references"} {
		named := strings.Fields(strings.ReplaceAll(strings.Join(top[name], " "), "><", "> <"))
		for i := len(named) - 1; i >= max(0, len(named)-maxReplyRefs); i-- {
			if id := r.fromMessageID(named[i]); id != "" {
				return id
			}
		}
	}
	return ""
}

// automatic reports whether a program wrote the mail (RFC 3834, and what programs that are older write).
func automatic(top header) bool {
	if word, _, _ := strings.Cut(top.first("auto-submitted"), ";"); word != "" && !strings.EqualFold(strings.TrimSpace(word), "no") {
		return true
	}
	switch strings.ToLower(top.first("precedence")) {
	case "bulk", "junk", "list", "auto_reply":
		return true
	}
	for _, name := range [...]string{"x-autoreply", "x-autorespond", "x-failed-recipients", "list-id"} {
		if top.first(name) != "" {
			return true
		}
	}
	from := strings.ToLower(top.first("from"))
	return strings.TrimSpace(top.first("return-path")) == "<>" || strings.Contains(from, "mailer-daemon@") || strings.Contains(from, "postmaster@")
}

// written is when the mail says that it was written, so that reading it twice says the same; now where it says nothing of use.
func written(top header, now time.Time) time.Time {
	at, err := mail.ParseDate(top.first("date"))
	if err != nil || at.After(now) || now.Sub(at) > replyDateAge {
		return now
	}
	return at.UTC()
}

// answerText is what somebody wrote: the first plain text of the mail, without what is quoted behind it; "" where there is
// none, or none in UTF-8.
func answerText(kind, encoding string, body []byte, depth int) string {
	media, parameters, err := mime.ParseMediaType(kind)
	if kind == "" {
		media = "text/plain"
	} else if err != nil || depth == 0 {
		return ""
	}
	if strings.HasPrefix(media, "multipart/") {
		parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
		for range maxReturnParts {
			part, err := parts.NextRawPart()
			if err != nil {
				return ""
			}
			content, _ := io.ReadAll(part) // a mail that was cut short still says what it says
			if text := answerText(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), content, depth-1); text != "" {
				return text
			}
		}
		return ""
	}
	if media != "text/plain" {
		return ""
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body, _ = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body)))
	case "quoted-printable":
		body, _ = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	}
	if !utf8.Valid(body) {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "--" || strings.HasPrefix(line, "-----Original Message") {
			break
		}
		if !strings.HasPrefix(line, ">") {
			lines = append(lines, line)
		}
	}
	text := strings.TrimSpace(strings.Join(lines, "\n"))
	return strings.ToValidUTF8(text[:min(len(text), maxReplyText)], "")
}
