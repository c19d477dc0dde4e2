package email

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// Limits of a mail that is read for what it reports.
const (
	maxReturnBytes = 1 << 20 // of the mail; what is behind is not looked at
	maxReturnParts = 10
	maxReason      = 500 // bytes
)

// read returns what a mail says about a message of ours: a delivery status notification (RFC 3464), a complaint
// (RFC 5965), or somebody's answer. Everything else, also a report whose message cannot be proved to be ours, says nothing.
// now becomes the date of what a server reports.
func (r *returns) read(mail []byte, now time.Time) (channel.Report, bool) {
	mail = mail[:min(len(mail), maxReturnBytes)]
	top, body := cutHeader(mail)
	kind, parameters, err := mime.ParseMediaType(top.first("content-type"))
	if err != nil || kind != "multipart/report" {
		return r.readReply(top, body, now)
	}
	id := r.arrivedAt(top) // the return path of the message, which names it
	var report channel.Report
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for range maxReturnParts {
		part, err := parts.NextPart()
		if err != nil {
			break
		}
		partKind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		// A mail that was cut short still says what it says.
		content, _ := io.ReadAll(part)
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
			decoded := make([]byte, base64.StdEncoding.DecodedLen(len(content)))
			n, _ := base64.StdEncoding.Decode(decoded, bytes.Join(bytes.Fields(content), nil))
			content = decoded[:n]
		}
		switch partKind {
		case "message/delivery-status", "message/global-delivery-status":
			report = readStatus(content)
		case "message/feedback-report":
			feedback, _ := cutHeader(content)
			report = readFeedback(feedback)
			if id == "" {
				id = r.fromPath(feedback.first("original-mail-from"))
			}
		case "message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global", "message/global-headers":
			returned, _ := cutHeader(content)
			if id == "" {
				id = r.fromPath(returned.first("return-path"))
			}
			if id == "" {
				id = r.fromMessageID(returned.first("message-id"))
			}
		}
	}
	if report.Event == "" || id == "" {
		return channel.Report{}, false
	}
	report.ID, report.Date = id, now
	return report, true
}

// readStatus reads the fields of a delivery status notification. Each message of ours has one recipient, so the first
// group of fields that says what was done is the one.
func readStatus(content []byte) channel.Report {
	for len(content) > 0 {
		var group header
		group, content = cutHeader(content)
		status, diagnostic := group.first("status"), group.first("diagnostic-code")
		if _, text, found := strings.Cut(diagnostic, ";"); found {
			diagnostic = strings.TrimSpace(text)
		}
		reason := diagnostic
		if reason == "" {
			reason = status
		}
		switch strings.ToLower(group.first("action")) {
		case "failed":
			kind := "soft"
			if gone(status + " " + diagnostic) {
				kind = "hard"
			}
			return channel.Report{Event: "bounced", Reason: short(reason), Data: map[string]string{"kind": kind}}
		case "delivered":
			return channel.Report{Event: "delivered", Reason: short(reason)}
		}
	}
	return channel.Report{}
}

// readFeedback reads the fields of a complaint.
func readFeedback(feedback header) channel.Report {
	kind := strings.ToLower(feedback.first("feedback-type"))
	switch kind {
	case "abuse", "fraud", "virus", "other":
		return channel.Report{Event: "complained", Reason: kind}
	case "opt-out":
		return channel.Report{Event: "unsubscribed", Reason: kind}
	}
	return channel.Report{}
}

// short makes a reason fit to be shown.
func short(reason string) string {
	reason = oneLine(reason)
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "")
}

// header holds the fields of a header, or a group of such fields, by name in lower case.
type header map[string][]string

func (h header) first(name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// cutHeader reads fields up to an empty line and returns what is behind it. What is no field is passed over: bounces
// come from programs of all ages.
func cutHeader(text []byte) (header, []byte) {
	h := header{}
	name := ""
	begun := false
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		text = rest
		if len(line) == 0 {
			if begun {
				break
			}
			continue
		}
		begun = true
		if line[0] == ' ' || line[0] == '\t' {
			if values := h[name]; name != "" {
				values[len(values)-1] += " " + string(bytes.TrimSpace(line))
			}
			continue
		}
		before, value, found := bytes.Cut(line, []byte(":"))
		if name = ""; found {
			name = strings.ToLower(string(bytes.TrimSpace(before)))
			h[name] = append(h[name], string(bytes.TrimSpace(value)))
		}
	}
	return h, text
}
