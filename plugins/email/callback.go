package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"stagecraft/plugins/channel"
)

// Callback takes a bounce or complaint that a mail service hands on by POST: the mail itself (message/rfc822 or text), or a
// form that holds it in the field email, body-mime or message. The caller shows the callback's secret as a bearer token or
// as the password of basic authentication; the mail shows by its token that it is about a message of ours.
func (c *Connector) Callback(_ context.Context, call channel.Callback) (channel.Reply, []channel.Report) {
	c.mu.Lock()
	s, rep := c.settings, c.standing
	c.mu.Unlock()
	switch {
	case s == nil || s.returns == nil || s.CallbackSecret == "":
		return reply(http.StatusNotFound, "no callback is configured: set bounce_secret and callback_secret"), nil
	case !authorised(call.Headers["authorization"], s.CallbackSecret):
		return reply(http.StatusUnauthorized, "the secret is wrong or missing"), nil
	case call.Method != http.MethodPost:
		return reply(http.StatusMethodNotAllowed, "use POST"), nil
	}
	mail := mailOf(call.Headers["content-type"], call.Body)
	if mail == nil {
		return reply(http.StatusBadRequest, "send the mail as it is, or in the field email, body-mime or message of a form"), nil
	}
	now := time.Now()
	report, ok := s.returns.read(mail, now)
	if !ok {
		return reply(http.StatusOK, "the mail reports nothing about a message of ours"), nil
	}
	rep.report(report, now)
	return reply(http.StatusOK, "taken"), []channel.Report{report}
}

func reply(status int, text string) channel.Reply {
	return channel.Reply{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(text + "\n")}
}

// authorised compares the secret that the caller shows, in a time that says nothing about it.
func authorised(header, secret string) bool {
	scheme, shown, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		shown = strings.TrimSpace(shown)
	case "basic":
		pair, err := base64.StdEncoding.DecodeString(strings.TrimSpace(shown))
		if err != nil {
			return false
		}
		_, shown, _ = strings.Cut(string(pair), ":")
	default:
		return false
	}
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// mailOf finds the mail in a request's body; nil if there is none.
func mailOf(contentType string, body []byte) []byte {
	fields := []string{"email", "body-mime", "message"}
	kind, parameters, _ := mime.ParseMediaType(contentType)
	switch kind {
	case "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(string(body))
		for _, name := range fields {
			if text := values.Get(name); text != "" {
				return []byte(text)
			}
		}
		return nil
	case "multipart/form-data":
		parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
		for range 100 {
			part, err := parts.NextPart()
			if err != nil {
				return nil
			}
			for _, name := range fields {
				if part.FormName() == name {
					text, _ := io.ReadAll(part)
					return text
				}
			}
		}
		return nil
	}
	if len(body) == 0 {
		return nil
	}
	return body
}
