package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/webhook"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(webhook.New())
		return
	}
	os.Exit(m.Run())
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // the example of the Standard Webhooks specification

// serve is a receiver of webhooks on loopback.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func configured(t testing.TB, c *webhook.Connector, settings string) *webhook.Connector {
	t.Helper()
	if err := c.Configure(context.Background(), json.RawMessage(settings)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// local is a connector that may post to this machine.
func local(t testing.TB) *webhook.Connector {
	t.Helper()
	return configured(t, webhook.New(), `{"allow": ["127.0.0.1"], "secret": "`+secret+`"}`)
}

func message(i int, to, text string) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i), To: to, Text: text, Attempt: 1, Kind: "transactional"}
}

func send(t testing.TB, c *webhook.Connector, to string) channel.Receipt {
	t.Helper()
	return c.Send(t.Context(), []channel.Message{message(1, to, `{"total": 20}`)})[0]
}

func TestConformance(t *testing.T) {
	var mu sync.Mutex
	arrived := map[string]int{}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		arrived[r.Header.Get("Webhook-Id")]++
	})
	channeltest.Run(t, channeltest.Self(t, "plugin"), `{"allow": ["127.0.0.1"], "secret": "`+secret+`", "timeout": 5}`,
		channeltest.WithMessage(func(i int) channel.Message { return message(i+1, url+"/hook", `{"n": 1}`) }),
		channeltest.WithRefusedSettings(`{"timeout": 0}`, `{"timeout": 60}`, `{"timeout": "long"}`, `{"secret": "whsec_c2hvcnQ="}`, `{"secret": "?"}`, `{"former_secret": "`+secret+`"}`, `{"secret": "`+secret+`", "former_secret": "x"}`,
			`{"allow": "localhost"}`, `{"allow": [""]}`, `{"allow": ["http://localhost"]}`, `{"allow": ["*"]}`, `{"colour": "blue"}`, `{} {}`),
		channeltest.WithDelivered(func(_ *testing.T, id string) int {
			mu.Lock()
			defer mu.Unlock()
			return arrived[id]
		}))
}

// A request is what Standard Webhooks says, signed over exactly what arrives.
func TestTheRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, body = r.Clone(context.Background()), nil
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	const text = `{"customer": "Ada", "note": "déjà vu <&>"}`
	before := time.Now().Unix()
	receipt := local(t).Send(t.Context(), []channel.Message{message(7, url+"/a%2Fb?q=1#fragment", text)})[0]
	if receipt.Outcome != channel.Accepted || receipt.ID != fmt.Sprintf("%032x", 7) {
		t.Fatalf("%+v", receipt)
	}
	if got.Method != http.MethodPost || got.RequestURI != "/a%2Fb?q=1" || string(body) != text {
		t.Errorf("%s %s: %s", got.Method, got.RequestURI, body)
	}
	if kind := got.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type %q", kind)
	}
	id, stamp := got.Header.Get("Webhook-Id"), got.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id != receipt.ID || err != nil || seconds < before || seconds > time.Now().Unix() {
		t.Errorf("Webhook-Id %q, Webhook-Timestamp %q", id, stamp)
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	sum := hmac.New(sha256.New, key)
	_, _ = io.WriteString(sum, id+"."+stamp+"."+text)
	if signature := got.Header.Get("Webhook-Signature"); signature != "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)) {
		t.Errorf("Webhook-Signature %q", signature)
	}
	if receipt := send(t, configured(t, webhook.New(), `{"allow": ["127.0.0.1"]}`), url); receipt.Outcome != channel.Accepted || got.Header.Get("Webhook-Signature") != "" {
		t.Errorf("without a secret: %+v, signed %q", receipt, got.Header.Get("Webhook-Signature"))
	}
}

func TestAnswers(t *testing.T) {
	c := local(t)
	for _, answer := range []struct {
		code       int
		retryAfter string
		want       channel.Outcome
		after      time.Duration
	}{
		{200, "", channel.Accepted, 0},
		{204, "7", channel.Accepted, 0},
		{301, "", channel.Permanent, 0},
		{307, "7", channel.Permanent, 0},
		{400, "", channel.Permanent, 0},
		{404, "7", channel.Permanent, 0},
		{408, "", channel.Temporary, 0},
		{410, "", channel.Permanent, 0},
		{425, "2", channel.Temporary, 2 * time.Second},
		{429, "90", channel.Temporary, 90 * time.Second},
		{500, "", channel.Temporary, 0},
		{503, "120", channel.Temporary, 2 * time.Minute},
		{503, "soon", channel.Temporary, 0},
	} {
		followed := false
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if followed = r.URL.Path != "/hook"; followed {
				return
			}
			w.Header().Set("Retry-After", answer.retryAfter)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(answer.code)
			if answer.code != http.StatusNoContent {
				_, _ = io.WriteString(w, "the order\x07 is unknown\nand more")
			}
		})
		receipt := send(t, c, url+"/hook")
		if receipt.Outcome != answer.want || receipt.RetryAfter != answer.after || followed {
			t.Errorf("%d: %+v, followed %v", answer.code, receipt, followed)
		}
		if answer.want != channel.Accepted && !strings.Contains(receipt.Reason, strconv.Itoa(answer.code)) || strings.ContainsAny(receipt.Reason, "\n\x07") {
			t.Errorf("%d: the reason is %q", answer.code, receipt.Reason)
		}
	}
}

// Before the request is written nothing has left; once it is, nobody knows.
func TestBrokenConnections(t *testing.T) {
	silent := make(chan struct{})
	defer close(silent) // before the receivers are closed, which wait for it
	c := configured(t, webhook.New(), `{"allow": ["127.0.0.1"], "timeout": 2}`)
	for name, check := range map[string]struct {
		url  string
		want channel.Outcome
	}{
		"nobody listens": {"http://127.0.0.1:1", channel.Temporary},
		"no TLS":         {strings.Replace(serve(t, func(http.ResponseWriter, *http.Request) {}), "http", "https", 1), channel.Temporary},
		"hung up": {serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		}), channel.InDoubt},
		"no answer": {serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-silent
		}), channel.InDoubt},
		"no HTTP": {serveRaw(t, "220 mail.example.com ESMTP\r\n"), channel.InDoubt},
	} {
		if receipt := send(t, c, check.url); receipt.Outcome != check.want || receipt.Reason == "" || receipt.RetryAfter != 0 {
			t.Errorf("%s: %+v", name, receipt)
		}
	}
}

// serveRaw answers everything with a text.
func serveRaw(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

// A batch that nobody has time for any more has certainly not left.
func TestNoTimeLeft(t *testing.T) {
	arrived := atomic.Int64{}
	url := serve(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	receipt := local(t).Send(ctx, []channel.Message{message(1, url, `{}`)})[0]
	if receipt.Outcome != channel.Temporary || receipt.Reason == "" || arrived.Load() != 0 {
		t.Errorf("%+v, %d arrived", receipt, arrived.Load())
	}
}

// The messages of a batch wait for none of each other.
func TestABatchIsPostedAtOnce(t *testing.T) {
	c := local(t)
	n := c.Describe().MaxBatch
	var together sync.WaitGroup
	together.Add(n)
	url := serve(t, func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait()
	})
	var batch []channel.Message
	for i := range n {
		batch = append(batch, message(i, url, `{}`))
	}
	for i, receipt := range c.Send(t.Context(), batch) {
		if receipt.Outcome != channel.Accepted || receipt.ID != batch[i].ID {
			t.Fatalf("message %d: %+v", i, receipt)
		}
	}
}

// A receiver that never answers is tried with one webhook at a time; what goes elsewhere does not wait for it.
func TestAReceiverThatNeverAnswersHoldsNoneUp(t *testing.T) {
	c := configured(t, webhook.New(), `{"allow": ["127.0.0.1"], "timeout": 2}`)
	arrived, answers := make(chan struct{}, 10), make(chan struct{})
	dead := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that it is noticed when they go
		arrived <- struct{}{}
		select {
		case <-answers:
		case <-r.Context().Done():
		}
	})
	fine := serve(t, func(http.ResponseWriter, *http.Request) {})
	if r := send(t, c, dead); r.Outcome != channel.InDoubt {
		t.Fatalf("%+v", r)
	}
	<-arrived
	probed := make(chan channel.Receipt)
	go func() { probed <- send(t, c, dead) }()
	<-arrived
	got := c.Send(t.Context(), []channel.Message{message(1, dead, `{}`), message(2, fine, `{}`), message(3, dead+"/another", `{}`)})
	for _, i := range []int{0, 2} {
		if got[i].Outcome != channel.Temporary || got[i].Data[channel.FactUntried] != "1" || got[i].RetryAfter < time.Second {
			t.Errorf("beside the one that is tried: %+v", got[i])
		}
	}
	if got[1].Outcome != channel.Accepted {
		t.Errorf("elsewhere: %+v", got[1])
	}
	close(answers)
	if r := <-probed; r.Outcome != channel.Accepted {
		t.Errorf("the one that is tried: %+v", r)
	}
	if r := send(t, c, dead); r.Outcome != channel.Accepted {
		t.Errorf("once it answers: %+v", r)
	}
}

func TestRefusedAddresses(t *testing.T) {
	c := configured(t, webhook.New(), `{"timeout": 2}`)
	for _, url := range []string{
		"http://127.0.0.1/", "http://127.8.9.1:8080/", "http://[::1]/", "http://localhost:1/", "http://0.0.0.0/", "http://[::]/",
		"http://10.1.2.3/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/",
		"http://100.64.0.1/", "http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/", "http://198.18.0.1/", "http://224.0.0.1/",
		"http://255.255.255.255/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::1]/",
		"http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[2002:7f00:1::]/", "http://[2001:0:1::]/", "http://[2001:db8::1]/",
		"http://[ff02::1]/", "http://[::127.0.0.1]/",
	} {
		if receipt := send(t, c, url); receipt.Outcome != channel.Permanent || !strings.Contains(receipt.Reason, "allow the host by name") {
			t.Errorf("%s: %+v", url, receipt)
		}
	}
	for _, text := range []string{"8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"} {
		if !webhook.IsPublic(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	if webhook.IsPublic(netip.Addr{}) || webhook.IsPublic(netip.MustParseAddr("2606:4700::1111%eth0")) {
		t.Error("what is no address, or one of a zone, is public")
	}
}

func TestWhatIsNoWebhook(t *testing.T) {
	c := local(t)
	for _, url := range []string{"", "hooks.example.com", "ftp://example.com/", "https://", "https:///x", "https://user:pass@example.com/",
		"https://example.com:0/", "https://example.com:99999/", "https://exa mple.com/", "mailto:ada@example.com", "https:opaque", "https://[::1/", "http://%00/"} {
		if receipt := send(t, c, url); receipt.Outcome != channel.Permanent || receipt.Reason == "" {
			t.Errorf("%q: %+v", url, receipt)
		}
	}
	url := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was posted") })
	for _, text := range []string{"", "{", "not JSON", "{} {}"} {
		if receipt := c.Send(t.Context(), []channel.Message{message(1, url, text)})[0]; receipt.Outcome != channel.Permanent {
			t.Errorf("%q: %+v", text, receipt)
		}
	}
}

// answers is a resolver that gives one list after the other.
type answers struct {
	lists [][]string
	asked atomic.Int64
}

func (a *answers) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	n := int(a.asked.Add(1)) - 1
	var list []netip.Addr
	for _, text := range a.lists[min(n, len(a.lists)-1)] {
		list = append(list, netip.MustParseAddr(text))
	}
	return list, nil
}

// A name is looked up once for a connection, and what was checked is what is dialled: one that means another address at
// the next question gains nothing.
func TestNames(t *testing.T) {
	arrived := atomic.Int64{}
	url := serve(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	target := "http://hooks.example.com:" + port + "/"

	changing := &answers{lists: [][]string{{"192.168.7.7"}, {"127.0.0.1"}}}
	if receipt := send(t, configured(t, webhook.WithResolver(changing), `{}`), target); receipt.Outcome != channel.Permanent || changing.asked.Load() != 1 {
		t.Errorf("%+v after %d questions", receipt, changing.asked.Load())
	}
	mixed := &answers{lists: [][]string{{"8.8.8.8", "127.0.0.1"}}}
	if receipt := send(t, configured(t, webhook.WithResolver(mixed), `{}`), target); receipt.Outcome != channel.Permanent {
		t.Errorf("one public and one private address: %+v", receipt)
	}
	none := &answers{lists: [][]string{{}}}
	if receipt := send(t, configured(t, webhook.WithResolver(none), `{}`), target); receipt.Outcome != channel.Temporary {
		t.Errorf("no address: %+v", receipt)
	}
	if arrived.Load() != 0 {
		t.Fatalf("%d requests arrived", arrived.Load())
	}
	// Allowed by name, whatever it means; the second address is tried when the first does not answer.
	allowed := &answers{lists: [][]string{{"127.0.0.2", "127.0.0.1"}}}
	c := configured(t, webhook.WithResolver(allowed), `{"allow": ["Hooks.Example.com"]}`)
	if receipt := send(t, c, target); receipt.Outcome != channel.Accepted || arrived.Load() != 1 {
		t.Errorf("allowed: %+v", receipt)
	}
	// The name alone is allowed, not the address by itself.
	if receipt := send(t, c, url); receipt.Outcome != channel.Permanent {
		t.Errorf("the address: %+v", receipt)
	}
}

func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"https://hooks.example.com/x?y#z", "http://[::1%25eth0]:80/", "https://a@b/", "//x", "http://%41/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		url, err := webhook.ParseURL(text)
		if err == nil && (url.Host == "" || url.User != nil || url.Fragment != "" || url.Scheme != "http" && url.Scheme != "https") {
			t.Errorf("%q became %q", text, url)
		}
	})
}

func FuzzSettings(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"allow": ["a"], "timeout": 3}`, `{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := webhook.New()
		if err := c.Configure(t.Context(), json.RawMessage(text)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
	})
}
