package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// What to do where the server does not take the key, for events and for its operator.
const (
	writeKeyHint = "give the server's write key with --key or STAGECRAFT_WRITE_KEY, or name its data folder with --data"
	adminKeyHint = "give it with --admin-key or STAGECRAFT_ADMIN_KEY, or name the server's data folder with --data"
)

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 8 << 20

// Client talks to a running server. Calls that find it busy, starting, stopping or away are repeated; what it is used
// for has to be safe to repeat. It may be used by several goroutines.
type Client struct {
	Patience time.Duration   // how long one call is repeated; 0: not at all
	Absent   time.Duration   // how long it is repeated where nothing listens at the address; bounded by Patience
	Pause    time.Duration   // the first pause before a repeat; it doubles up to MaxPause
	MaxPause time.Duration   // bounds the pauses, and a Retry-After four times over
	Timeout  time.Duration   // of one request
	Grace    time.Duration   // how long a request in flight may go on when the context has ended
	Clock    lifecycle.Clock // for the pauses
	HTTP     *http.Client
	KeyHint  string // what to do where the server wants another key
	// Idempotency is sent as Idempotency-Key with what is posted; empty: none.
	Idempotency string
	// Waits is told of an answer 429 for which a call is repeated, and since when it is; may be nil.
	Waits func(answer error, since time.Time)

	server string
	key    string
}

// NewClient returns a client of the server at a base URL such as http://127.0.0.1:8080, which authenticates with a
// key as user name (HTTP Basic). Repeats are spread over 2 minutes.
func NewClient(server, key string) (*Client, error) {
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "--server %q is not an http or https URL; write it like http://127.0.0.1:8080", server)
	}
	return &Client{
		Patience: 2 * time.Minute,
		Absent:   2 * time.Minute,
		Pause:    200 * time.Millisecond,
		MaxPause: 15 * time.Second,
		Timeout:  time.Minute,
		Clock:    lifecycle.WallClock{},
		HTTP:     &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second}},
		KeyHint:  writeKeyHint,
		server:   strings.TrimRight(server, "/"),
		key:      key,
	}, nil
}

// Post sends a JSON body (or a []byte that is JSON already) to a path and decodes the JSON answer of a 2xx status into answer (which may be nil). It
// returns the status. Any other end is a *lifecycle.Error: with the server's sentence where it gave one, and
// Unavailable where it could not be reached.
func (c *Client) Post(ctx context.Context, path string, body, answer any) (int, error) {
	return c.call(ctx, http.MethodPost, path, body, answer)
}

// Get asks for a path and decodes the JSON answer; otherwise it is Post.
func (c *Client) Get(ctx context.Context, path string, answer any) (int, error) {
	return c.call(ctx, http.MethodGet, path, nil, answer)
}

func (c *Client) call(ctx context.Context, method, path string, body, answer any) (int, error) {
	encoded, written := body.([]byte)
	if body != nil && !written {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return 0, lifecycle.Wrap(lifecycle.Internal, err, "the request cannot be written")
		}
	}
	began := c.Clock.Now()
	for pause := c.Pause; ; pause = min(2*pause, c.MaxPause) {
		status, wish, err := c.once(ctx, method, path, encoded, answer)
		if err == nil {
			return status, nil
		}
		var again *repeatable
		if !errors.As(err, &again) {
			return status, err
		}
		if ctx.Err() != nil {
			return status, again.error
		}
		// Half of the pause is left to chance, so that several senders do not come back together.
		wait := max(pause/2, min(wish, 4*c.MaxPause)) + rand.N(pause/2+1)
		patience := c.Patience
		if refused(err) {
			patience = min(patience, c.Absent)
		}
		until := c.Clock.Now().Add(wait)
		if until.After(began.Add(patience)) {
			return status, again.error
		}
		if c.Waits != nil && status == http.StatusTooManyRequests {
			c.Waits(again.error, began)
		}
		if c.Clock.Wait(ctx, until) != nil {
			return status, again.error
		}
	}
}

// repeatable marks a failure after which the same call may be tried again.
type repeatable struct{ error }

func (r *repeatable) Unwrap() error { return r.error }

// once makes one request. It returns the server's wish for a pause too.
func (c *Client) once(ctx context.Context, method, path string, body []byte, answer any) (int, time.Duration, error) {
	request := context.WithoutCancel(ctx)
	request, cancel := context.WithTimeout(request, c.Timeout)
	defer cancel()
	if ctx.Err() != nil {
		return 0, 0, &repeatable{lifecycle.Wrap(lifecycle.Unavailable, ctx.Err(), "the call was not made")}
	}
	defer context.AfterFunc(ctx, func() {
		if c.Grace == 0 || c.Clock.Wait(request, c.Clock.Now().Add(c.Grace)) == nil {
			cancel()
		}
	})()
	req, err := http.NewRequestWithContext(request, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return 0, 0, lifecycle.Wrap(lifecycle.Internal, err, "the request cannot be made")
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		req.Header.Set("X-Stagecraft", "cli") // changes need it; a page in a browser cannot send it
	}
	if c.Idempotency != "" && method == http.MethodPost {
		req.Header.Set("Idempotency-Key", c.Idempotency)
	}
	if c.key != "" {
		req.SetBasicAuth(c.key, "")
	}
	response, err := c.HTTP.Do(req)
	if err != nil {
		return 0, 0, &repeatable{c.unreachable(err)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return response.StatusCode, 0, &repeatable{c.unreachable(err)}
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		if raw, ok := answer.(*page); ok {
			if len(text) == maxAnswerBytes {
				return response.StatusCode, 0, lifecycle.Errorf(lifecycle.Internal, "a page of the server's answer is longer than %d bytes", maxAnswerBytes)
			}
			raw.text, raw.next = text, response.Header.Get(nextCursor)
		} else if answer != nil {
			if err := json.Unmarshal(text, answer); err != nil {
				return response.StatusCode, 0, lifecycle.Wrap(lifecycle.Internal, err, "%s answered something that is not Stagecraft's; is --server right?", c.server)
			}
		}
		return response.StatusCode, 0, nil
	}
	failure := c.refusal(response.StatusCode, text)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return response.StatusCode, retryAfter(response.Header.Get("Retry-After"), c.Clock.Now()), &repeatable{failure}
	}
	return response.StatusCode, 0, failure
}

// unreachable says that the server could not be reached. The cause is cut out of net/http's wrapping, which would
// repeat the whole URL.
func (c *Client) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	failure := lifecycle.Wrap(lifecycle.Unavailable, err, "the server at %s does not answer", c.server)
	if refused(err) {
		failure.Hint = "start it with stagecraft serve, or name another one with --server"
	}
	return failure
}

// refused reports whether nobody was there to connect to.
func refused(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// refusal makes an error of an answer that is no success, with the server's own sentence where there is one.
func (c *Client) refusal(status int, text []byte) error {
	var answer struct {
		lifecycle.Error
		Detail string          `json:"detail"` // of a problem as RFC 9457 writes it
		Nested json.RawMessage `json:"error"`  // of other servers, on the way to ours
	}
	failure := &lifecycle.Error{}
	if json.Unmarshal(text, &answer) == nil {
		*failure = answer.Error
		failure.Message = cmp.Or(answer.Detail, failure.Message)
		if len(answer.Nested) > 0 && json.Unmarshal(answer.Nested, failure) != nil {
			_ = json.Unmarshal(answer.Nested, &failure.Message)
		}
	}
	if failure.Code == "" {
		failure.Code = codeOf(status)
	}
	if failure.Message == "" {
		failure.Message = fmt.Sprintf("the server answered %d %s", status, http.StatusText(status))
		if plain := strings.TrimSpace(string(text)); plain != "" && plain[0] != '<' && plain[0] != '{' {
			failure.Message += ": " + shorten(plain)
		}
	}
	if status == http.StatusUnauthorized && failure.Hint == "" {
		failure.Hint = c.KeyHint
	}
	return &answered{failure, status}
}

func codeOf(status int) lifecycle.Code {
	switch status {
	case http.StatusUnauthorized:
		return lifecycle.Unauthorized
	case http.StatusForbidden:
		return lifecycle.Forbidden
	case http.StatusNotFound:
		return lifecycle.NotFound
	case http.StatusConflict:
		return lifecycle.Conflict
	case http.StatusRequestEntityTooLarge:
		return lifecycle.TooLarge
	case http.StatusTooManyRequests:
		return lifecycle.Busy
	case http.StatusInsufficientStorage:
		return lifecycle.Full
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return lifecycle.Unavailable
	}
	if status >= 500 {
		return lifecycle.Internal
	}
	return lifecycle.Invalid
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if moment, err := http.ParseTime(header); err == nil {
		return max(0, moment.Sub(now))
	}
	return 0
}
