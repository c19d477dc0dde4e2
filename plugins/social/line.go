package social

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of what is read of an answer, and of what a network may ask for.
const (
	maxAnswer = 256 << 10
	maxQuoted = 300 // of it in a reason
	maxWait   = 24 * time.Hour
)

// How long to wait where a network does not say.
const (
	limitPause = 30 * time.Second // after too many requests
	setupPause = time.Minute      // after a refusal of the token: everyone else would be refused too
	setupRetry = 5 * time.Minute  // for a message that only the operator can help
)

// line is the way to one network: it makes the requests, waits when the network asked for that, and remembers what the
// operator must do.
type line struct {
	name    string // as people write it
	base    string // URL without a slash at the end
	client  http.RoundTripper
	timeout time.Duration
	now     func() time.Time
	secrets []string // never shown in a reason

	mu    sync.Mutex
	until time.Time // nothing is sent before
	why   string
	wrong string // what the operator must do
	sent  sent

	silence channel.Silence // by host
}

// answer is what a network answered.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// post sends a JSON object. Without an answer the receipt says what became of it: until the first byte of the request is
// written nothing has left; from then on it may or may not have arrived.
func (l *line) post(ctx context.Context, path string, headers map[string]string, object any) (answer, *channel.Receipt) {
	body, err := json.Marshal(object)
	if err != nil {
		return answer{}, receipt(refused("the message cannot be written as JSON"))
	}
	return l.call(ctx, l.base+path, "application/json", headers, body)
}

func (l *line) call(ctx context.Context, target, contentType string, headers map[string]string, body []byte) (answer, *channel.Receipt) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var begun atomic.Bool
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { begun.Store(true) },
	}), http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, receipt(refused("the address cannot be used"))
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("User-Agent", "Stagecraft")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	host, began := request.URL.Host, time.Now()
	if kept := l.silence.Begin(host, l.name, l.now()); kept != nil {
		return answer{}, kept
	}
	defer func() { l.silence.End(host, ctx.Err() == nil, time.Since(began), l.now()) }()
	response, err := l.client.RoundTrip(request)
	switch {
	case err == nil:
	case begun.Load():
		return answer{}, receipt(doubtful(l.name + " did not answer: " + l.plain(err)))
	default:
		return answer{}, receipt(later(l.name+" cannot be reached: "+l.plain(err), 0))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && response.StatusCode < 300 {
		return answer{}, receipt(doubtful(l.name + " broke off its answer: " + l.plain(err)))
	}
	return answer{response.StatusCode, response.Header, text}, nil
}

// unexpected judges an answer in which the network does not say by its own error codes what it thinks.
func (l *line) unexpected(a answer) channel.Receipt {
	reason := fmt.Sprintf("%s answered %d %s", l.name, a.code, http.StatusText(a.code))
	if text := l.clean(string(a.body)); text != "" {
		reason += ": " + text
	}
	wait := channel.RetryAfter(a.header.Get("Retry-After"), l.now())
	switch {
	case a.code == http.StatusTooManyRequests:
		return l.limited(reason, wait)
	case a.code == http.StatusServiceUnavailable:
		return later(reason, wait)
	case a.code == http.StatusUnauthorized || a.code == http.StatusForbidden:
		return l.misconfigured(reason, true)
	case a.code >= 300 && a.code < 400:
		return l.misconfigured(reason+"; redirects are not followed, set the url of the network itself", false)
	case a.code >= 400 && a.code < 500:
		return refused(reason)
	}
	return doubtful(reason) // of a gateway in between, or not what is documented
}

// Receipts.

func receipt(r channel.Receipt) *channel.Receipt { return &r }

func accepted() channel.Receipt { return channel.Receipt{Outcome: channel.Accepted} }

func refused(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason}
}

// gone is the receipt of an address that does not exist any more.
func gone(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason, Data: map[string]string{channel.FactGone: "1"}}
}

// blocked is the receipt of somebody who wants to hear nothing by this network.
func blocked(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.Permanent, Reason: reason, Data: map[string]string{channel.FactUnsubscribed: "1"}}
}

func doubtful(reason string) channel.Receipt {
	return channel.Receipt{Outcome: channel.InDoubt, Reason: reason}
}

func later(reason string, wait time.Duration) channel.Receipt {
	return channel.Receipt{Outcome: channel.Temporary, Reason: reason, RetryAfter: max(0, min(wait, maxWait))}
}

// limited stops the line for as long as the network asks, which otherwise only asks for longer.
func (l *line) limited(reason string, wait time.Duration) channel.Receipt {
	if wait <= 0 {
		wait = limitPause
	}
	l.pause(reason, wait)
	return later(reason, wait)
}

// misconfigured is for what only the operator can put right. It shows in Health until a message is accepted; token says
// that every other message would be refused too.
func (l *line) misconfigured(reason string, token bool) channel.Receipt {
	l.mu.Lock()
	l.wrong = reason
	l.mu.Unlock()
	if token {
		l.pause(reason, setupPause)
	}
	return later(reason, setupRetry)
}

// fine takes note of a message that was accepted.
func (l *line) fine() channel.Receipt {
	l.mu.Lock()
	l.wrong = ""
	l.mu.Unlock()
	return accepted()
}

func (l *line) pause(why string, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.now().Add(min(wait, maxWait)); until.After(l.until) {
		l.until, l.why = until, why
	}
}

// paused returns a receipt while the line waits.
func (l *line) paused() *channel.Receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := l.until.Sub(l.now()); wait > 0 {
		return receipt(channel.Untried(l.why, wait))
	}
	return nil
}

func (l *line) trouble() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}

func (l *line) close(time.Duration) {}

// plain words an error in one line.
func (l *line) plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time was over"
	}
	return l.clean(err.Error())
}

// clean is what another program said, as one short line without secrets.
func (l *line) clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for _, secret := range l.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return strings.TrimSpace(text)
}

// idleLimit is how long a connection is kept for the next request. Servers close theirs after five seconds or more; one
// that is closed while a request is under way leaves that request in doubt.
const idleLimit = 3 * time.Second

// newTransport makes connections and follows no redirects, which would carry tokens elsewhere.
func newTransport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		TLSHandshakeTimeout: timeout, MaxIdleConns: 4 * parallel, MaxIdleConnsPerHost: parallel, IdleConnTimeout: idleLimit,
		MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
	}
}

// escape makes a text part of a path.
func escape(text string) string { return url.PathEscape(text) }
