package sms_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/sms"
)

func TestTwilioRequest(t *testing.T) {
	server := newTwilio(t)
	const service = "MG0123456789abcdef0123456789abcdef"
	c := configured(t, sms.New(), twilioSettings(server.url, "callback_url", "https://news.example.com/callbacks/sms/", "marketing_from", "SHOP", "country", "84"))
	marketing := message(2, "0901234567", "“Giảm giá” & more…")
	marketing.Kind = "marketing"
	for i, r := range c.Send(t.Context(), []channel.Message{message(1, "+84901234567", "It’s “here”")}) {
		if r.Outcome != channel.Accepted || r.Data["provider_id"] == "" || r.Data["parts"] != "1" {
			t.Errorf("message %d: %+v", i, r)
		}
	}
	if r := c.Send(t.Context(), []channel.Message{marketing})[0]; r.Outcome != channel.Accepted {
		t.Errorf("%+v", r)
	}
	pool := configured(t, sms.New(), twilioSettings(server.url, "from", "", "messaging_service", service))
	if r := send(t, pool, "+84901234567", "Hello"); r.Outcome != channel.Accepted {
		t.Errorf("%+v", r)
	}
	want := []url.Values{
		{"To": {"+84901234567"}, "From": {"+15005550006"}, "Body": {`It's "here"`}, "StatusCallback": {"https://news.example.com/callbacks/sms/status/" + message(1, "", "").ID}},
		{"To": {"+84901234567"}, "From": {"SHOP"}, "Body": {"“Giảm giá” & more…"}, "StatusCallback": {"https://news.example.com/callbacks/sms/status/" + message(2, "", "").ID}},
		{"To": {"+84901234567"}, "MessagingServiceSid": {service}, "Body": {"Hello"}},
	}
	if diff := cmp.Diff(want, server.messages()); diff != "" {
		t.Error(diff)
	}
}

func TestTwilioErrors(t *testing.T) {
	server := newTwilio(t)
	for _, want := range []struct {
		to, from, token string
		outcome         channel.Outcome
		data, reason    string
		after           time.Duration
	}{
		{"+15005550001", "SHOP", authToken, channel.Permanent, "gone", "21211", 0},
		{"+15005550009", "SHOP", authToken, channel.Permanent, "gone", "21614", 0},
		{"+15005550002", "SHOP", authToken, channel.Permanent, "", "21612", 0},
		{"+15005550004", "SHOP", authToken, channel.Permanent, "unsubscribed", "21610", 0},
		{"+15005550070", "SHOP", authToken, channel.InDoubt, "", "500", 0},
		{"+15005550073", "SHOP", authToken, channel.Temporary, "", "503", time.Second},
		{"+15005550006", "+15005550001", authToken, channel.Temporary, "", "21212", time.Minute},
		{"+15005550006", "SHOP", "another", channel.Temporary, "", "20003", time.Minute},
	} {
		c := configured(t, sms.New(), twilioSettings(server.url, "from", want.from, "auth_token", want.token))
		r := send(t, c, want.to, "Hello")
		if r.Outcome != want.outcome || r.RetryAfter != want.after || !strings.Contains(r.Reason, want.reason) || (want.data != "") != (r.Data[want.data] == "1") {
			t.Errorf("%s: %+v", want.to, r)
		}
		if general := want.after > 0; general != (c.Health(t.Context()) != nil) {
			t.Errorf("%s: health is %v", want.to, c.Health(t.Context()))
		}
	}
}

// What is wrong with the account costs no message; what is wrong with one destination costs the others nothing.
func TestTwilioFaultsOfTheAccount(t *testing.T) {
	for code, outcome := range map[int]channel.Outcome{
		21701: channel.Temporary, 21703: channel.Temporary, 21704: channel.Temporary, 21705: channel.Temporary, 90010: channel.Temporary, 30034: channel.Temporary,
		21408: channel.Permanent, 21606: channel.Permanent,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `{"code": %d, "message": "words", "status": 400}`, code)
		}))
		t.Cleanup(server.Close)
		c := configured(t, sms.New(), twilioSettings(server.URL))
		r := send(t, c, "+84901234567", "Hello")
		if r.Outcome != outcome || r.Outcome == channel.Temporary && r.RetryAfter != time.Minute || len(r.Data) > 0 {
			t.Errorf("%d: %+v", code, r)
		}
		if (c.Health(t.Context()) != nil) != (outcome == channel.Temporary) {
			t.Errorf("%d: health is %v", code, c.Health(t.Context()))
		}
	}
}

// After 429 nothing is asked for as long as Twilio said, and then it goes on.
func TestTwilioAsksForRest(t *testing.T) {
	server := newTwilio(t)
	server.limit = 1
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := sms.New()
	c.At(func() time.Time { return now })
	configured(t, c, twilioSettings(server.url))
	if r := send(t, c, "+84901234567", "one"); r.Outcome != channel.Accepted {
		t.Fatalf("%+v", r)
	}
	if r := send(t, c, "+84901234567", "two"); r.Outcome != channel.Temporary || r.RetryAfter != 90*time.Second {
		t.Fatalf("%+v", r)
	}
	server.mu.Lock()
	server.limit = 0
	server.mu.Unlock()
	now = now.Add(30 * time.Second)
	if r := send(t, c, "+84901234567", "three"); r.Outcome != channel.Temporary || r.RetryAfter != time.Minute || r.Data[channel.FactUntried] != "1" || !strings.Contains(r.Reason, "20429") || c.Health(t.Context()) == nil {
		t.Errorf("during the rest: %+v", r)
	}
	// What can never be sent is not put off.
	if r := send(t, c, "nobody", "four"); r.Outcome != channel.Permanent {
		t.Errorf("%+v", r)
	}
	if c.Health(t.Context()) == nil {
		t.Error("during the rest all is well")
	}
	now = now.Add(time.Minute)
	if r := send(t, c, "+84901234567", "five"); r.Outcome != channel.Accepted || c.Health(t.Context()) != nil || len(server.messages()) != 2 {
		t.Errorf("after it: %+v, health %v", r, c.Health(t.Context()))
	}
}

// A request that was under way when Twilio asked for rest, and worked, does not end the rest, nor make its reason unknown.
func TestTwilioRestsOn(t *testing.T) {
	entered, free := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("Body") == "slow" {
			close(entered)
			<-free
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := sms.New()
	c.At(func() time.Time { return now })
	configured(t, c, twilioSettings(server.URL))
	slow := make(chan channel.Receipt)
	go func() { slow <- c.Send(context.Background(), []channel.Message{message(1, "+84901234567", "slow")})[0] }()
	<-entered
	if r := send(t, c, "+84901234568", "fast"); r.Outcome != channel.Temporary || r.Data[channel.FactUntried] != "" || r.RetryAfter != time.Second {
		t.Errorf("the one that learns it: %+v", r)
	}
	close(free)
	if r := <-slow; r.Outcome != channel.Accepted {
		t.Errorf("the slow one: %+v", r)
	}
	if r := send(t, c, "+84901234569", "next"); r.Outcome != channel.Temporary || r.Data[channel.FactUntried] != "1" || !strings.Contains(r.Reason, "429") {
		t.Errorf("held back: %+v", r)
	}
}

// The example of Twilio's documentation.
func TestTwilioSignature(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	got := base64.StdEncoding.EncodeToString(sms.TwilioSignature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form))
	if got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Error(got)
	}
	for text, want := range map[string][]string{
		"https://a.example/b?c":     {"https://a.example/b?c", "https://a.example:443/b?c"},
		"https://a.example:443/b":   {"https://a.example/b", "https://a.example:443/b"},
		"https://a.example:8443/b":  {"https://a.example:8443/b"},
		"http://[::1]/b":            {"http://[::1]/b", "http://[::1]:80/b"},
		"https://a.example?x=y:443": {"https://a.example?x=y:443", "https://a.example:443?x=y:443"},
	} {
		if got := sms.WithAndWithout(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q", text, got)
		}
	}
}

const public = "https://news.example.com/callbacks/sms"

// twilioCalls makes a signed callback.
func twilioCalls(path string, form url.Values) channel.Callback {
	signature := base64.StdEncoding.EncodeToString(sms.TwilioSignature(authToken, public+path, form))
	return channel.Callback{Method: "POST", URL: public + path, Path: path, Body: []byte(form.Encode()), Headers: map[string]string{
		"content-type": "application/x-www-form-urlencoded; charset=UTF-8", "x-twilio-signature": signature,
	}}
}

func TestTwilioCallbacks(t *testing.T) {
	c := sms.New()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c.At(func() time.Time { return now })
	configured(t, c, twilioSettings("https://api.twilio.com", "callback_url", public, "stop_reply", "Bye <3", "help_reply", "See example.com", "stop_words", []string{"Tạm biệt"}))
	id := message(1, "", "").ID
	for _, test := range []struct {
		path   string
		form   url.Values
		want   []channel.Report
		status int
		reply  string
	}{
		{"/status/" + id, url.Values{"MessageStatus": {"sent"}}, nil, 204, ""},
		{"/status/" + id, url.Values{"MessageStatus": {"delivered"}, "MessageSid": {"SM1"}}, []channel.Report{{ID: id, Event: "delivered", Date: now}}, 204, ""},
		{"/status/" + id, url.Values{"MessageStatus": {"undelivered"}, "ErrorCode": {"30005"}},
			[]channel.Report{{ID: id, Event: "bounced", Reason: "Twilio reports undelivered, error 30005", Date: now, Data: map[string]string{"kind": "hard", "code": "30005"}}}, 204, ""},
		{"/status/" + id, url.Values{"MessageStatus": {"failed"}, "ErrorCode": {"30003"}},
			[]channel.Report{{ID: id, Event: "bounced", Reason: "Twilio reports failed, error 30003", Date: now, Data: map[string]string{"kind": "soft", "code": "30003"}}}, 204, ""},
		{"/status/" + id, url.Values{"MessageStatus": {"failed"}, "ErrorCode": {"21610"}},
			[]channel.Report{{ID: id, Event: "unsubscribed", Reason: "Twilio reports failed, error 21610: they sent STOP to Twilio", Date: now, Data: map[string]string{"code": "21610"}}}, 204, ""},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"tc qc"}},
			[]channel.Report{{From: "+84901234567", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "tc qc"}}}, 200, "<Message>Bye &lt;3</Message>"},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"tạm biệt!"}},
			[]channel.Report{{From: "+84901234567", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "tạm biệt!"}}}, 200, "<Message>"},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"leave me"}, "OptOutType": {"STOP"}},
			[]channel.Report{{From: "+84901234567", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "leave me"}}}, 200, "<Response></Response>"},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"START"}},
			[]channel.Report{{From: "+84901234567", Event: "subscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "START"}}}, 200, "<Response></Response>"},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"help"}},
			[]channel.Report{{From: "+84901234567", Event: "replied", Date: now, Data: map[string]string{"text": "help", "keyword": "help"}}}, 200, "See example.com"},
		{"/inbound", url.Values{"From": {"+84901234567"}, "Body": {"When do you open?"}, "MessageSid": {"SM7"}},
			[]channel.Report{{From: "+84901234567", Event: "replied", Date: now, Data: map[string]string{"text": "When do you open?", "id": "SM7"}}}, 200, "<Response></Response>"},
		{"/inbound", url.Values{"From": {"12345"}, "Body": {"STOP"}}, nil, 200, "<Response></Response>"},
		{"/inbound", url.Values{"From": {"VIETTEL"}, "Body": {"STOP"}}, nil, 200, "<Response></Response>"},
		{"/inbound", url.Values{"From": {"33612345678"}, "Body": {"STOP"}},
			[]channel.Report{{From: "+33612345678", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "STOP"}}}, 200, "<Response>"},
		{"/inbound", url.Values{"Body": {"STOP"}}, nil, 400, "From"},
		{"/inbound", url.Values{"From": {"0901234567"}, "Body": {"STOP"}}, nil, 400, "country"},
		{"/status/" + id, url.Values{"SmsStatus": {"received"}}, nil, 400, "MessageStatus"},
		{"/elsewhere", url.Values{}, nil, 404, ""},
		{"/status/", url.Values{"MessageStatus": {"delivered"}}, nil, 404, ""},
	} {
		reply, got := c.Callback(t.Context(), twilioCalls(test.path, test.form))
		if diff := cmp.Diff(test.want, got); diff != "" || reply.Status != test.status || !strings.Contains(string(reply.Body), test.reply) {
			t.Errorf("%s %v: %d %s\n%s", test.path, test.form, reply.Status, reply.Body, diff)
		}
	}
	query := "/inbound?Body=STOP&From=%2B84901234567"
	byGet := twilioCalls(query, nil)
	byGet.Method, byGet.Path, byGet.Body = "GET", "/inbound", nil
	if reply, got := c.Callback(t.Context(), byGet); reply.Status != 200 || len(got) != 1 || got[0].Event != "unsubscribed" {
		t.Errorf("by GET: %+v %+v", reply, got)
	}
}

// What Twilio has not signed says nothing.
func TestTwilioForgeries(t *testing.T) {
	c := configured(t, sms.New(), twilioSettings("https://api.twilio.com", "callback_url", public))
	form := url.Values{"From": {"+84901234567"}, "Body": {"STOP"}}
	for name, change := range map[string]func(*channel.Callback){
		"no signature":      func(c *channel.Callback) { delete(c.Headers, "x-twilio-signature") },
		"an empty one":      func(c *channel.Callback) { c.Headers["x-twilio-signature"] = "" },
		"another body":      func(c *channel.Callback) { c.Body = []byte(strings.Replace(string(c.Body), "4567", "4568", 1)) },
		"a field more":      func(c *channel.Callback) { c.Body = append(c.Body, "&OptOutType=START"...) },
		"another address":   func(c *channel.Callback) { c.URL += "?x" },
		"GET with the body": func(c *channel.Callback) { c.Method = "GET" },
		"another kind":      func(c *channel.Callback) { c.Headers["content-type"] = "application/json" },
		"no kind":           func(c *channel.Callback) { delete(c.Headers, "content-type") },
		"a broken form":     func(c *channel.Callback) { c.Body = []byte("a=%zz") },
	} {
		call := twilioCalls("/inbound", form)
		change(&call)
		if reply, got := c.Callback(t.Context(), call); reply.Status < 400 || len(got) != 0 {
			t.Errorf("%s: %d %+v", name, reply.Status, got)
		}
	}
	if reply, got := sms.New().Callback(t.Context(), twilioCalls("/inbound", form)); reply.Status != 503 || len(got) != 0 {
		t.Errorf("without settings: %+v %+v", reply, got)
	}
}

func FuzzTwilioCallback(f *testing.F) {
	f.Add("/inbound", "From=%2B84901234567&Body=STOP", true)
	f.Add("/status/0a", "MessageStatus=failed&ErrorCode=30005", true)
	f.Add("/status/%zz/", "a=%zz", false)
	c := sms.New()
	if err := c.Configure(f.Context(), []byte(twilioSettings("https://api.twilio.com"))); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, body string, signed bool) {
		form, _ := url.ParseQuery(body)
		call := twilioCalls(path, form)
		call.Body = []byte(body)
		if !signed {
			call.Headers["x-twilio-signature"] = body
		}
		reply, reports := c.Callback(t.Context(), call)
		if reply.Status == 0 || len(reports) > 0 && !signed {
			t.Errorf("%d %+v", reply.Status, reports)
		}
		for _, r := range reports {
			if r.Event == "" || r.ID == "" && r.From == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
