package social_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/social"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(social.New())
		return
	}
	os.Exit(m.Run())
}

var _ channel.Listener = (*social.Connector)(nil)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Unix(1_700_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

// configured is a connector with settings, on a clock.
func configured(t testing.TB, at *clock, settings string) *social.Connector {
	t.Helper()
	c := social.WithClock(at.now)
	if err := c.Configure(context.Background(), json.RawMessage(settings)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func note(i int, to, text string, data ...string) channel.Message {
	m := channel.Message{ID: fmt.Sprintf("%052x", i), To: to, Text: text, Attempt: 1, Kind: "transactional"}
	for at := 0; at+1 < len(data); at += 2 {
		if m.Data == nil {
			m.Data = map[string]string{}
		}
		m.Data[data[at]] = data[at+1]
	}
	return m
}

func send(t testing.TB, c *social.Connector, m channel.Message) channel.Receipt {
	t.Helper()
	receipts := c.Send(t.Context(), []channel.Message{m})
	if len(receipts) != 1 || receipts[0].ID != m.ID {
		t.Fatalf("%+v", receipts)
	}
	return receipts[0]
}

// want compares a receipt with an outcome and a part of its reason.
func want(t testing.TB, what string, r channel.Receipt, outcome channel.Outcome, part string) {
	t.Helper()
	if r.Outcome != outcome || !strings.Contains(r.Reason, part) {
		t.Errorf("%s: %s %q, expected %s with %q", what, r.Outcome, r.Reason, outcome, part)
	}
	if r.RetryAfter != 0 && r.Outcome != channel.Temporary {
		t.Errorf("%s: %s and to be tried again", what, r.Outcome)
	}
}

func isGone(r channel.Receipt) bool { return r.Data["gone"] == "1" }

func everything(t testing.TB) (settings string) {
	z := newZalo(t)
	return fmt.Sprintf(`{"telegram": {"token": %q, "url": %q}, "slack": {"token": %q, "url": %q},
		"whatsapp": {"token": %q, "phone_number_id": %q, "url": %q}, "messenger": {"token": %q, "page_id": %q, "url": %q},
		"zalo": {"app_id": %q, "app_secret": %q, "refresh_token": "refresh-0", "state": %s, "url": %q, "zns_url": %q, "oauth_url": %q}}`,
		botToken, newTelegram(t).url, slackToken, newSlack(t).url+"/api", graphToken, numberID, newGraph(t).url+"/v25.0",
		graphToken, pageID, newGraph(t).url+"/v25.0", zaloApp, zaloSecret, quoted(filepath.Join(t.TempDir(), "zalo.json")), z.url, z.url, z.url+"/v4/oa/access_token")
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, channeltest.Self(t, "plugin"), everything(t),
		channeltest.WithMessage(func(i int) channel.Message {
			to := []string{"telegram:12345", "slack:C0123ABCD", "whatsapp:+84901234567", "messenger:555", "zalo:777", "zns:+84901234567"}[i%6]
			return note(i+1, to, "Hello there.", "template", map[bool]string{true: "7895417"}[i%6 == 5], "body.name", "Ada")
		}),
		channeltest.WithRefusedSettings(`{}`, `{"timeout": 0}`, `{"telegram": {}}`, `{"telegram": {"token": "a b"}}`, `{"telegram": "x"}`,
			`{"telegram": {"token": "a", "url": "ftp://x"}}`, `{"telegram": {"token": "a", "colour": "blue"}}`, `{"slack": {"token": ""}}`,
			`{"whatsapp": {"token": "a", "phone_number_id": "+84"}}`, `{"messenger": {"token": "a"}}`,
			`{"zalo": {"app_id": "1", "app_secret": "s", "refresh_token": "r"}}`,
			`{"zalo": {"app_id": "1", "app_secret": "s", "refresh_token": "r", "state": "/nowhere/at/all/zalo.json"}}`, `{"email": {}}`, `{} {}`))
}

func TestSettingsNameWhatIsWrong(t *testing.T) {
	for settings, part := range map[string]string{
		`{"telegram": {"token": "a b"}}`:                                  "telegram.token",
		`{"whatsapp": {"token": "a", "phone_number_id": 7}}`:              "whatsapp.phone_number_id",
		`{"messenger": {"token": "a", "page_id": "1", "url": "nothing"}}`: "messenger.url",
		`{"zalo": {"app_id": "1", "app_secret": "s"}}`:                    "zalo.refresh_token",
		`{"timeout": 99}`: "timeout",
	} {
		if err := social.New().Configure(t.Context(), json.RawMessage(settings)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, expected to name %s", settings, err, part)
		}
	}
}

func TestAddresses(t *testing.T) {
	c := configured(t, newClock(), `{"telegram": {"token": "a"}}`)
	for _, to := range []string{"", "telegram", "telegram:", "telegram:ada", "telegram:1\r\n2", "viber:1", "slack:C1", "12345"} {
		r := send(t, c, note(1, to, "Hello"))
		if r.Outcome != channel.Permanent || r.Reason == "" {
			t.Errorf("%q: %+v", to, r)
		}
	}
}

// What has certainly not left is tried again, what may have left is in doubt.
func TestWithoutAnAnswer(t *testing.T) {
	n := newTelegram(t)
	c := configured(t, newClock(), fmt.Sprintf(`{"telegram": {"token": %q, "url": %q}}`, botToken, n.url))
	for _, f := range []fault{{}, {status: 502, body: "<html>bad gateway"}, {status: 200, body: "hello"}} {
		n.fail("1", f)
		if r := send(t, c, note(1, "telegram:1", "Hello")); r.Outcome != channel.InDoubt {
			t.Errorf("%+v: %+v", f, r)
		}
	}
	n.fail("1", fault{status: 503, header: map[string]string{"Retry-After": "7"}, body: "busy"})
	if r := send(t, c, note(1, "telegram:1", "Hello")); r.Outcome != channel.Temporary || r.RetryAfter != 7*time.Second {
		t.Errorf("503: %+v", r)
	}
	n.fail("1", fault{status: 302, header: map[string]string{"Location": n.url}})
	want(t, "a redirect", send(t, c, note(1, "telegram:1", "Hello")), channel.Temporary, "redirects")
	away := configured(t, newClock(), fmt.Sprintf(`{"telegram": {"token": %q, "url": "http://127.0.0.1:1"}}`, botToken))
	r := send(t, away, note(1, "telegram:1", "Hello"))
	want(t, "nobody there", r, channel.Temporary, "cannot be reached")
	if strings.Contains(r.Reason, botToken) {
		t.Errorf("the token stands in %q", r.Reason)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Send(ended, []channel.Message{note(1, "telegram:1", "Hello")})[0]; r.Outcome != channel.Temporary {
		t.Errorf("after the end of the call: %+v", r)
	}
	if len(n.all()) != 0 {
		t.Errorf("taken: %v", n.all())
	}
}

// A network that never answers is tried with one message at a time, and what goes by another does not wait for it.
func TestANetworkThatNeverAnswersHoldsNoneUp(t *testing.T) {
	arrived, answers := make(chan struct{}, 10), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that it is noticed when they go
		arrived <- struct{}{}
		select {
		case <-answers:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	c := configured(t, newClock(), fmt.Sprintf(`{"timeout": 2, "telegram": {"token": %q, "url": %q}, "slack": {"token": %q, "url": %q}}`,
		botToken, hanging.URL, slackToken, newSlack(t).url+"/api"))
	if r := send(t, c, note(1, "telegram:1", "Hello")); r.Outcome != channel.InDoubt {
		t.Fatalf("%+v", r)
	}
	<-arrived
	probed := make(chan channel.Receipt)
	go func() { probed <- send(t, c, note(2, "telegram:1", "Hello")) }()
	<-arrived
	got := c.Send(t.Context(), []channel.Message{note(3, "telegram:2", "Hello"), note(4, "slack:C0123ABCD", "Hello")})
	if got[0].Outcome != channel.Temporary || got[0].Data[channel.FactUntried] != "1" || got[1].Outcome != channel.Accepted {
		t.Errorf("%+v", got)
	}
	close(answers)
	<-probed
}

func TestCallbackToNobody(t *testing.T) {
	c := configured(t, newClock(), `{"telegram": {"token": "a"}}`)
	for _, path := range []string{"", "/", "/slack", "/telegramm"} {
		if reply, reports := c.Callback(t.Context(), channel.Callback{Method: "POST", Path: path}); reply.Status != 404 || reports != nil {
			t.Errorf("%q: %+v %v", path, reply, reports)
		}
	}
}

// Without a secret in the settings nobody is believed, also who signs with none.
func TestCallbackWithoutSecrets(t *testing.T) {
	c := configured(t, newClock(), everything(t))
	sum := hmac.New(sha256.New, nil)
	_, _ = sum.Write([]byte(`{}`))
	graph := hex.EncodeToString(sum.Sum(nil))
	sum.Reset()
	_, _ = sum.Write([]byte(`v0:1700000000:{}`))
	plain := sha256.Sum256([]byte(zaloApp + `{}`))
	headers := map[string]string{"x-telegram-bot-api-secret-token": "", "x-hub-signature-256": "sha256=" + graph, "x-slack-request-timestamp": "1700000000",
		"x-slack-signature": "v0=" + hex.EncodeToString(sum.Sum(nil)), "x-zevent-signature": "mac=" + hex.EncodeToString(plain[:])}
	for _, path := range []string{"/telegram", "/slack", "/whatsapp", "/messenger", "/zalo"} {
		if reply, _ := c.Callback(t.Context(), channel.Callback{Method: "POST", Path: path, Headers: headers, Body: []byte(`{}`)}); reply.Status != 403 {
			t.Errorf("%s: %+v", path, reply)
		}
	}
}
