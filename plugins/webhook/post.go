package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of what is read of an answer.
const (
	maxAnswer = 64 << 10 // read so that the connection can be used again
	maxQuoted = 200      // of it in a reason
	maxKept   = 1 << 10  // of it in the log of deliveries
)

// post makes one request and judges what became of it. Until the first byte of the request is written, nothing has left;
// from then on, without an answer, it may or may not have arrived.
func post(ctx context.Context, s *settings, client *http.Transport, silence *channel.Silence, m *channel.Message) channel.Receipt {
	target, err := parseURL(m.To)
	if err != nil {
		return channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}
	}
	if !json.Valid([]byte(m.Text)) {
		return channel.Receipt{Outcome: channel.Permanent, Reason: "what is to be posted is not JSON"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var begun atomic.Bool
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { begun.Store(true) },
	}), http.MethodPost, target.String(), bytes.NewReader([]byte(m.Text)))
	if err != nil {
		return channel.Receipt{Outcome: channel.Permanent, Reason: "the address cannot be used"}
	}
	start := time.Now()
	if kept := silence.Begin(target.Host, target.Hostname(), start); kept != nil {
		return *kept
	}
	defer func() { silence.End(target.Host, ctx.Err() == nil, time.Since(start), time.Now()) }()
	setHeaders(request, s, m, start)
	answer, err := client.RoundTrip(request)
	if err == nil {
		defer answer.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		text := cover(s, request, beginning(body))
		return told(judge(target.Hostname(), answer, text, time.Now()), time.Since(start), answer.StatusCode, text)
	}
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		return channel.Receipt{Outcome: channel.Permanent, Reason: refused.Error()}
	case begun.Load():
		return told(channel.Receipt{Outcome: channel.InDoubt, Reason: target.Hostname() + " did not answer: " + plain(err)}, time.Since(start), 0, "")
	}
	return told(channel.Receipt{Outcome: channel.Temporary, Reason: target.Hostname() + " cannot be reached: " + plain(err)}, time.Since(start), 0, "")
}

// parseURL checks an address as far as this can be done without looking its host up.
func parseURL(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	switch {
	case err != nil || target.Scheme != "https" && target.Scheme != "http" || target.Hostname() == "" || target.Opaque != "":
		return nil, errors.New("the address is not an http or https URL; write it like https://hooks.example.com/path")
	case target.User != nil:
		return nil, errors.New("the address holds a user name; give the receiver a path or a query that proves it")
	}
	if port := target.Port(); port != "" {
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return nil, errors.New("the address has a port that is none")
		}
	}
	target.Fragment, target.RawFragment = "", ""
	return target, nil
}

// setHeaders says what the request is: the scheme's message ID, which is the same in every attempt, the moment of this
// attempt, and the signature over both and the body.
func setHeaders(request *http.Request, s *settings, m *channel.Message, now time.Time) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Stagecraft")
	request.Header.Set("Webhook-Id", headerText(m.ID))
	request.Header.Set("Webhook-Timestamp", stamp)
	var signatures []string // one for each secret: while they change, a receiver may know either
	for _, key := range s.keys {
		sum := hmac.New(sha256.New, key)
		_, _ = io.WriteString(sum, headerText(m.ID)+"."+stamp+"."+m.Text)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	if len(signatures) > 0 {
		request.Header.Set("Webhook-Signature", strings.Join(signatures, " "))
	}
}

// headerText drops what a header may not hold.
func headerText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

// judge makes a receipt of an answer that says text.
func judge(host string, answer *http.Response, text string, now time.Time) channel.Receipt {
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return channel.Receipt{Outcome: channel.Accepted}
	}
	reason := fmt.Sprintf("%s answered %d %s", host, code, http.StatusText(code))
	if code >= 300 && code < 400 {
		return channel.Receipt{Outcome: channel.Permanent, Reason: reason + "; redirects are not followed, name the address itself"}
	}
	if line := firstLine(text); line != "" {
		reason += ": " + line
	}
	switch {
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests || code >= 500:
		return channel.Receipt{Outcome: channel.Temporary, Reason: reason, RetryAfter: channel.RetryAfter(answer.Header.Get("Retry-After"), now)}
	}
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason}
}

// firstLine is what an answer says, for a reason.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	line = strings.ReplaceAll(line, "\t", " ")
	if len(line) > maxQuoted {
		line = strings.ToValidUTF8(line[:maxQuoted], "") + "…"
	}
	return strings.TrimSpace(line)
}

// plain words an error in one line.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time was over"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
