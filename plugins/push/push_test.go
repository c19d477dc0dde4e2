package push_test

import (
	"encoding/json"
	"fmt"
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
		w.WriteHeader(http.StatusTooManyRequests)
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
