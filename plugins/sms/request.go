package sms

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"stagecraft/plugins/channel"
)

// Bounds of what is read of an answer.
const (
	maxAnswer = 64 << 10
	maxQuoted = 200 // of it in a reason
)

// maxText is the longest text that is looked at, in bytes: 25 parts of UCS-2 take less.
const maxText = 8 << 10

// provider is who takes messages: Twilio, or a gateway that the settings describe.
type provider interface {
	// request makes the request that hands a message over. An error is one of the message.
	request(ctx context.Context, m *outgoing) (*http.Request, error)
	// judge makes a receipt of the provider's answer; it need not set the ID.
	judge(a *answer) verdict
	// callback reads what the provider reports.
	callback(call channel.Callback) (channel.Reply, []channel.Report)
	// took remembers under which ID the provider keeps a message.
	took(messageID, providerID string)
}

// outgoing is one message as it is handed over.
type outgoing struct {
	id   string
	to   string // E.164
	from string
	text string
	kind string // "transactional" or "marketing"
	size size
}

// answer is what the provider answered.
type answer struct {
	status     int
	retryAfter time.Duration
	body       []byte
	whole      bool // the body was read to its end
}

// verdict is a receipt and what it means for the messages after it.
type verdict struct {
	channel.Receipt
	providerID string // the message's ID there, when accepted
	refer      bool   // reports name the message by that ID alone
	general    bool   // the reason is not the message's: credentials, or how much is sent
}

// sender turns messages into requests and answers into receipts.
type sender struct {
	settings  *settings
	provider  provider
	transport *http.Transport
	now       func() time.Time
	rest      rest
}

func newSender(s *settings, now func() time.Time) (*sender, error) {
	o := &sender{settings: s, now: now, transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: s.timeout,
		MaxIdleConnsPerHost: s.Connections, MaxConnsPerHost: s.Connections, IdleConnTimeout: 30 * time.Second,
		MaxResponseHeaderBytes: 32 << 10, DisableCompression: true,
	}}
	if s.Provider == providerTwilio {
		o.provider = &twilio{settings: s, now: now}
		return o, nil
	}
	gateway, err := newGateway(s, now)
	o.provider = gateway
	return o, err
}

// send sends one message.
func (s *sender) send(ctx context.Context, m *channel.Message) channel.Receipt {
	out, err := s.prepare(m)
	if err != nil {
		return channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}
	}
	if wait, why := s.rest.left(s.now()); wait > 0 {
		return channel.Untried(why, wait)
	}
	if ctx.Err() != nil {
		return channel.Untried("the time for the batch was over before this message was tried", 0)
	}
	v := s.exchange(ctx, out)
	switch {
	case v.general:
		s.rest.begin(s.now(), v.RetryAfter, v.Reason)
	case v.Outcome == channel.Accepted || v.Outcome == channel.Permanent: // the provider works
		s.rest.over()
	}
	if v.Outcome == channel.Accepted {
		s.provider.took(out.id, v.providerID)
		v.Data = map[string]string{"parts": strconv.Itoa(out.size.Parts)}
		if v.providerID != "" {
			v.Data["provider_id"] = v.providerID
		}
		if v.refer && v.providerID != "" && len(v.providerID) <= channel.MaxReferenceBytes {
			v.References = []string{v.providerID}
		}
	}
	return v.Receipt
}

// prepare makes the number and the text. Its errors are for good.
func (s *sender) prepare(m *channel.Message) (*outgoing, error) {
	to, err := number(m.To, s.settings.Country)
	if err != nil {
		return nil, err
	}
	if len(m.Text) > maxText {
		return nil, fmt.Errorf("the text has %d bytes; no text message is that long", len(m.Text))
	}
	out := &outgoing{id: m.ID, to: to, from: s.settings.From, text: prepare(m.Text, s.settings.Encoding == encodingPlain), kind: m.Kind}
	if out.text == "" {
		return nil, errors.New("the message has no text")
	}
	if m.Kind == "marketing" && s.settings.MarketingFrom != "" {
		out.from = s.settings.MarketingFrom
	}
	if out.size = measure(out.text); out.size.Parts > s.settings.MaxParts {
		return nil, fmt.Errorf("the text takes %d parts as %s, more than max_parts, %d; shorten it", out.size.Parts, out.size.alphabet(), s.settings.MaxParts)
	}
	return out, nil
}

// alphabet is how the text goes, for people.
func (s size) alphabet() string {
	if s.Unicode {
		return "UCS-2"
	}
	return "GSM-7"
}

// exchange makes the request. Until the first byte of it is written, nothing has left; from then on, without an answer, the
// message may or may not be on its way.
func (s *sender) exchange(ctx context.Context, m *outgoing) verdict {
	ctx, cancel := context.WithTimeout(ctx, s.settings.timeout)
	defer cancel()
	var begun atomic.Bool
	request, err := s.provider.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { begun.Store(true) },
	}), m)
	if err != nil {
		return verdict{Receipt: channel.Receipt{Outcome: channel.Permanent, Reason: err.Error()}}
	}
	request.Header.Set("User-Agent", "Stagecraft")
	response, err := s.transport.RoundTrip(request)
	switch {
	case err == nil:
	case begun.Load():
		return verdict{Receipt: channel.Receipt{Outcome: channel.InDoubt, Reason: request.URL.Hostname() + " did not answer: " + plain(err)}}
	default:
		return verdict{Receipt: channel.Receipt{Outcome: channel.Temporary, Reason: request.URL.Hostname() + " cannot be reached: " + plain(err)}, general: true}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	return s.provider.judge(&answer{
		status: response.StatusCode, retryAfter: channel.RetryAfter(response.Header.Get("Retry-After"), s.now()),
		body: body[:min(len(body), maxAnswer)], whole: err == nil && len(body) <= maxAnswer,
	})
}

// quote is what an answer says in one line, for a reason.
func quote(text string) string {
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")))
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
