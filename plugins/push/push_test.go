package push_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/push"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(push.New())
		return
	}
	os.Exit(m.Run())
}

// The example of RFC 8291, 5 and appendix A.
const (
	private = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	browser = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	auth    = "BTBZMqHH6r4Tts7J_aSIgg"
	settled = `{"vapid_private_key": "` + private + `", "contact": "mailto:push@example.com", "allow": ["127.0.0.1"]}`
)

func subscription(endpoint string) string {
	return fmt.Sprintf(`{"endpoint": %q, "expirationTime": null, "keys": {"p256dh": %q, "auth": %q}}`, endpoint, browser, auth)
}

func TestTheExampleOfTheRFC(t *testing.T) {
	got, err := push.Seal(subscription("https://push.example.net/x"), "When I grow up, I want to be a watermelon", private, "DGv6ra1nlYgDCS1FRnbzlw")
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if got != want || err != nil {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
}

func message(i int, to string) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i+1), To: to, Subject: "Hello", Text: "Your order is on its way.", Attempt: 1}
}

func TestConformance(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	defer server.Close()
	channeltest.Run(t, channeltest.Self(t, "plugin"), settled,
		channeltest.WithMessage(func(i int) channel.Message { return message(i, subscription(server.URL+"/push/1")) }),
		channeltest.WithRefusedSettings(`{}`, `{"vapid_private_key": "short", "contact": "mailto:push@example.com"}`, `{"colour": "blue"}`,
			`{"vapid_private_key": "`+private+`"}`, `{"vapid_private_key": "`+private+`", "contact": "mailto:push@localhost"}`, `{"fcm_service_account": "{}"}`))
}

func TestAnswers(t *testing.T) {
	c := push.New()
	if err := c.Configure(t.Context(), json.RawMessage(settled)); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, test := range []struct {
		code int
		want channel.Outcome
		gone string
	}{
		{201, channel.Accepted, ""}, {404, channel.Permanent, "1"}, {410, channel.Permanent, "1"}, {400, channel.Permanent, ""}, {401, channel.Temporary, ""},
		{403, channel.Permanent, ""}, {413, channel.Permanent, ""}, {429, channel.Temporary, ""}, {503, channel.Temporary, ""}, {307, channel.Permanent, ""},
	} {
		var got http.Header
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Clone()
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(test.code)
		}))
		receipt := c.Send(t.Context(), []channel.Message{message(1, subscription(server.URL+"/push/1"))})[0]
		server.Close()
		if receipt.Outcome != test.want || receipt.Data["gone"] != test.gone || receipt.RetryAfter != 0 != (test.want == channel.Temporary) || receipt.RetryAfter > 30*time.Second {
			t.Errorf("%d: %+v", test.code, receipt)
		}
		if got.Get("Ttl") != "86400" || got.Get("Urgency") != "normal" || got.Get("Content-Encoding") != "aes128gcm" || !strings.HasPrefix(got.Get("Authorization"), "vapid t=") {
			t.Errorf("%v", got)
		}
	}
}

// A push service that asks for a pause is left alone, and the others are not.
func TestAServiceThatAsksForRest(t *testing.T) {
	c := push.New()
	if err := c.Configure(t.Context(), json.RawMessage(settled)); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	asked := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer busy.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	defer other.Close()
	send := func(i int, server *httptest.Server) channel.Receipt {
		return c.Send(t.Context(), []channel.Message{message(i, subscription(fmt.Sprint(server.URL, "/push/", i)))})[0]
	}
	if r := send(1, busy); r.Outcome != channel.Temporary || r.RetryAfter != 10*time.Minute || r.Data[channel.FactUntried] != "" {
		t.Errorf("the one that was told: %+v", r)
	}
	if r := send(2, busy); r.Outcome != channel.Temporary || r.Data[channel.FactUntried] != "1" || r.RetryAfter < 9*time.Minute || r.RetryAfter > 10*time.Minute || asked != 1 {
		t.Errorf("the next one, after %d requests: %+v", asked, r)
	}
	if r := send(3, other); r.Outcome != channel.Accepted {
		t.Errorf("elsewhere: %+v", r)
	}
}

// A wait that is meant for one browser leaves the others alone; when several are told to wait and nothing gets through, it is the service.
func TestOneBrowserIsToWait(t *testing.T) {
	c := push.New()
	if err := c.Configure(t.Context(), json.RawMessage(settled)); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/loud/") {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	for i, step := range []struct{ to, want string }{
		{"/loud/1", "waits"}, {"/loud/1", "waits"}, {"/loud/1", "waits"}, {"/quiet/1", "accepted"},
		{"/loud/1", "waits"}, {"/loud/2", "waits"}, {"/quiet/2", "accepted"},
		{"/loud/1", "waits"}, {"/loud/2", "waits"}, {"/loud/3", "waits"}, {"/quiet/3", "kept"},
	} {
		answers(t, c, message(i, subscription(server.URL+step.to)), step.want, 10*time.Minute)
	}
}

// The limit of one device is told from that of the project by the QuotaFailure in the error's details.
func TestOneDeviceIsToWait(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	const exceeded = `{"error": {"code": 429, "message": %q, "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "QUOTA_EXCEEDED"},
		{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"subject": %q, "description": %[1]q}]}]}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			io.WriteString(w, `{"access_token": "abc", "expires_in": 3600}`)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(string(body), "loud"):
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, exceeded, "Device message rate exceeded.", "device:loud")
		case strings.Contains(string(body), "late"):
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, exceeded, "Message rate exceeded.", "project:p")
		default:
			io.WriteString(w, `{"name": "projects/p/messages/1"}`)
		}
	}))
	defer server.Close()
	account, _ := json.Marshal(map[string]string{"project_id": "p", "client_email": "a@b.c", "token_uri": server.URL + "/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	settings, _ := json.Marshal(map[string]string{"fcm_service_account": string(account), "fcm_url": server.URL})
	c := push.New()
	if err := c.Configure(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, step := range []struct{ to, want string }{
		{"loud-1", "waits"}, {"loud-2", "waits"}, {"loud-3", "waits"}, {"loud-4", "waits"}, {"quiet-1", "accepted"},
		{"late-1", "waits"}, {"late-1", "waits"}, {"late-2", "waits"}, {"late-3", "waits"}, {"quiet-2", "kept"},
	} {
		answers(t, c, message(i, "fcm:"+step.to+strings.Repeat("0", 32)), step.want, time.Minute)
	}
}

// answers checks what becomes of a message: it is accepted; it waits for so long because it was refused; or it is kept back untried.
func answers(t *testing.T, c *push.Connector, m channel.Message, want string, wait time.Duration) {
	t.Helper()
	r, got := c.Send(t.Context(), []channel.Message{m})[0], "?"
	switch kept := r.Data[channel.FactUntried] == "1"; {
	case r.Outcome == channel.Accepted:
		got = "accepted"
	case r.Outcome == channel.Temporary && !kept && r.RetryAfter == wait:
		got = "waits"
	case r.Outcome == channel.Temporary && kept && r.RetryAfter > wait-10*time.Second && r.RetryAfter <= wait:
		got = "kept"
	}
	if got != want {
		t.Errorf("%s: %s, want %s: %+v", m.To, got, want, r)
	}
}

// Whoever can subscribe cannot reach the network of the server.
func TestRefusedEndpoints(t *testing.T) {
	c := push.New()
	if err := c.Configure(t.Context(), json.RawMessage(strings.Replace(settled, `["127.0.0.1"]`, "[]", 1))); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, endpoint := range []string{"https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::7f00:1]/", "http://8.8.8.8/"} {
		if receipt := c.Send(t.Context(), []channel.Message{message(1, subscription(endpoint))})[0]; receipt.Outcome != channel.Permanent || receipt.Data["gone"] != "" {
			t.Errorf("%s: %+v", endpoint, receipt)
		}
	}
}
