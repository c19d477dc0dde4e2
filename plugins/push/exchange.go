package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of what is read of an answer.
const (
	maxAnswer = 64 << 10 // read so that the connection can be used again
	maxQuoted = 200      // of it in a reason
)

// answer is what a server said.
type answer struct {
	status     int
	retryAfter time.Duration
	body       []byte
}

// exchange makes one request. Until the first byte of it is written, nothing has left; from then on, without an answer, it
// may or may not have arrived. The receipt has an outcome only when there is no answer.
func exchange(ctx context.Context, client *http.Transport, request *http.Request) (answer, channel.Receipt) {
	host := request.URL.Hostname()
	var begun atomic.Bool
	request = request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { begun.Store(true) },
	}))
	request.Header.Set("User-Agent", "Stagecraft")
	response, err := client.RoundTrip(request)
	if err == nil {
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		return answer{response.StatusCode, channel.RetryAfter(response.Header.Get("Retry-After"), time.Now()), body}, channel.Receipt{}
	}
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		return answer{}, permanent(refused.Error())
	case begun.Load():
		return answer{}, channel.Receipt{Outcome: channel.InDoubt, Reason: host + " did not answer: " + plainly(err)}
	}
	return answer{}, temporary(host+" cannot be reached: "+plainly(err), 0)
}

// passing reports whether the same request may be welcome later.
func (a answer) passing() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return a.status >= 500
}

// reason words an answer.
func (a answer) reason(host string) string {
	reason := fmt.Sprintf("%s answered %d %s", host, a.status, http.StatusText(a.status))
	if text := quoted(string(a.body)); text != "" {
		reason += ": " + text
	}
	return reason
}

// quoted is the beginning of what a server says, in one line.
func quoted(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))), " ")
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}

// plainly words an error in one line.
func plainly(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the time was over"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
