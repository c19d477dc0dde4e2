package sms_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/sms"
)

const (
	gatewayKey    = "k-7c1d\"&+ key"
	callbackToken = "token_of-16-letters"
)

// gatewayServer is a brand name gateway as they are usual in Vietnam: one POST of JSON with a key, numbers as 84…, the result
// as a code in an answer that is always 200, by number of the recipient's last digit.
type gatewayServer struct {
	url string

	mu    sync.Mutex
	taken []map[string]string
}

func newGateway(t testing.TB) *gatewayServer {
	t.Helper()
	s := &gatewayServer{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *gatewayServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(code, text string) {
		_, _ = fmt.Fprintf(w, `{"CodeResult": %q, "ErrorMessage": %q, "data": [{"SMSID": %d}]}`, code, text, 9007199254740993+len(s.taken))
	}
	var m map[string]string
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method != "POST" || r.URL.Path != "/json/send" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &m) != nil:
		w.WriteHeader(http.StatusBadRequest)
	case r.Header.Get("Authorization") != "Bearer k-7c1d\"&+ key" || r.URL.Query().Get("key") != gatewayKey:
		answer("101", "Authorize failed for "+r.URL.Query().Get("key"))
	case m["Brandname"] != "SHOP" && m["Brandname"] != "SHOP-QC":
		answer("104", "Brandname not exist")
	case m["SmsType"] != "1" && m["SmsType"] != "2":
		answer("118", "Invalid SMS type")
	case !strings.HasPrefix(m["Phone"], "84") || strings.HasPrefix(m["Phone"], "849111"):
		answer("99", "Invalid phone number")
	case m["Phone"] == "84922222222":
		answer("146", "Too many requests")
	case m["Phone"] == "84933333333":
		w.WriteHeader(http.StatusBadGateway)
	case m["Phone"] == "84944444444":
		_, _ = io.WriteString(w, `<html>gateway`)
	case m["Phone"] == "84955555555":
		w.WriteHeader(http.StatusForbidden)
	case m["Phone"] == "84966666666":
		http.Redirect(w, r, "/json/send", http.StatusTemporaryRedirect)
	default:
		s.taken = append(s.taken, m)
		answer("100", "")
	}
}

func gatewaySettings(address string, more ...any) string {
	return with(append([]any{
		"provider", "http", "url", address + "/json/send?key={{secret}}", "headers", []string{"Authorization: Bearer {{secret}}"}, "secret", gatewayKey,
		"body", `{"Phone": "{{digits}}", "Local": "{{national}}", "Content": "{{text}}", "Brandname": "{{from}}", "SmsType": "{{kind}}",
			"IsUnicode": "{{unicode}}", "Parts": "{{parts}}", "RequestId": "{{id}}", "Dlr": "{{callback}}"}`,
		"from", "SHOP", "marketing_from", "SHOP-QC", "marketing_kind", "1", "transactional_kind", "2", "country", "84",
		"result_path", "CodeResult", "success", "^100$", "temporary", "^(103|146)$", "reason_path", "ErrorMessage", "id_path", "data.0.SMSID",
		"callback_url", public, "callback_token", callbackToken, "report_id", "SMSID", "report_status", "SendStatus", "report_delivered", "^5$", "report_failed", "^4$",
	}, more...)...)
}

func TestGatewayRequest(t *testing.T) {
	server := newGateway(t)
	c := configured(t, sms.New(), gatewaySettings(server.url))
	text := "Giảm \"50%\" \\ <b>&amp;\n😀"
	marketing := message(2, "0901234568", "[QC] Hi")
	marketing.Kind = "marketing"
	for _, m := range []channel.Message{message(1, "0901234567", text), marketing} {
		if r := c.Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Accepted || !strings.HasPrefix(r.Data["provider_id"], "90071992547409") {
			t.Errorf("%+v", r)
		}
	}
	want := []map[string]string{
		{"Phone": "84901234567", "Local": "0901234567", "Content": text, "Brandname": "SHOP", "SmsType": "2", "IsUnicode": "1", "Parts": "1",
			"RequestId": message(1, "", "").ID, "Dlr": public + "/" + callbackToken + "/status/" + message(1, "", "").ID},
		{"Phone": "84901234568", "Local": "0901234568", "Content": "[QC] Hi", "Brandname": "SHOP-QC", "SmsType": "1", "IsUnicode": "0", "Parts": "1",
			"RequestId": message(2, "", "").ID, "Dlr": public + "/" + callbackToken + "/status/" + message(2, "", "").ID},
	}
	if diff := cmp.Diff(want, server.taken); diff != "" {
		t.Error(diff)
	}
}

func TestGatewayAnswers(t *testing.T) {
	server := newGateway(t)
	for _, want := range []struct {
		to, key string
		outcome channel.Outcome
		reason  string
		after   time.Duration
	}{
		{"+84911100000", gatewayKey, channel.Permanent, "99 Invalid phone number", 0},
		{"+84922222222", gatewayKey, channel.Temporary, "146 Too many requests", time.Second},
		{"+84933333333", gatewayKey, channel.InDoubt, "502", 0},
		{"+84944444444", gatewayKey, channel.InDoubt, "result_path", 0},
		{"+84955555555", gatewayKey, channel.Temporary, "403", time.Minute},
		{"+84966666666", gatewayKey, channel.Permanent, "redirects", 0},
		{"+84901234567", "wrong key", channel.Permanent, "Authorize failed for …", 0},
	} {
		c := configured(t, sms.New(), gatewaySettings(server.url, "secret", want.key))
		r := send(t, c, want.to, "Hello")
		if r.Outcome != want.outcome || r.RetryAfter != want.after || !strings.Contains(r.Reason, want.reason) || strings.Contains(r.Reason, want.key) {
			t.Errorf("%s: %+v", want.to, r)
		}
	}
}

// A gateway of the old kind: everything in the query, an answer in plain text.
func TestGatewayByQuery(t *testing.T) {
	var got url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		user, password, _ := r.BasicAuth()
		if r.Method != "GET" || user != "shop" || password != "s3cret" || r.ContentLength != 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "0: Accepted for delivery\n")
	}))
	defer server.Close()
	c := configured(t, sms.New(), with("provider", "http", "method", "GET", "url", server.URL+"/cgi-bin/sendsms?to={{to}}&text={{text}}&coding={{unicode}}",
		"basic_auth", true, "username", "shop", "secret", "s3cret", "success", "^(0|3):", "encoding", "plain"))
	if r := send(t, c, "+84901234567", "Cảm ơn & hẹn gặp + lại"); r.Outcome != channel.Accepted {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(url.Values{"to": {"+84901234567"}, "text": {"Cam on & hen gap + lai"}, "coding": {"0"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestGatewayCallbacks(t *testing.T) {
	server := newGateway(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := sms.New()
	c.At(func() time.Time { return now })
	configured(t, c, gatewaySettings(server.url))
	sent := send(t, c, "+84901234567", "Hello")
	id, theirs := sent.ID, sent.Data["provider_id"]
	const secret = "/" + callbackToken
	for _, test := range []struct {
		method, path, query, body string
		want                      []channel.Report
		status                    int
	}{
		{"GET", secret + "/status", "?SMSID=" + theirs + "&SendStatus=5", "", []channel.Report{{ID: id, Event: "delivered", Date: now}}, 200},
		{"POST", secret + "/status", "", `{"SMSID": ` + theirs + `, "SendStatus": 5}`, []channel.Report{{ID: id, Event: "delivered", Date: now}}, 200},
		{"POST", secret + "/status/" + id, "", `SendStatus=4`, []channel.Report{{ID: id, Event: "bounced", Reason: "the gateway reports 4", Date: now, Data: map[string]string{"kind": "soft"}}}, 200},
		{"GET", secret + "/status/" + id, "?SendStatus=2", "", nil, 200},
		{"GET", secret + "/status", "?SMSID=unknown&SendStatus=5", "", []channel.Report{{Reference: "unknown", Event: "delivered", Date: now}}, 200},
		{"GET", secret + "/status", "", "", nil, 400},
		{"GET", secret + "/status", "?SMSID=" + theirs, "", nil, 400},
		{"GET", secret + "/status/" + id, "?status=5", "", nil, 400},
		{"POST", secret + "/inbound", "", `{"from": "84901234567", "text": "TC QC"}`,
			[]channel.Report{{From: "+84901234567", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "TC QC"}}}, 200},
		{"GET", secret + "/inbound", "?from=0901234567&text=Xin+ch%C3%A0o", "",
			[]channel.Report{{From: "+84901234567", Event: "replied", Date: now, Data: map[string]string{"text": "Xin chào"}}}, 200},
		{"GET", secret + "/inbound", "?from=33612345678&text=STOP", "",
			[]channel.Report{{From: "+33612345678", Event: "unsubscribed", Reason: "they asked for it by SMS", Date: now, Data: map[string]string{"text": "STOP"}}}, 200},
		{"GET", secret + "/inbound", "?from=SHOP&text=TC", "", nil, 200}, // programs have no subscription
		{"GET", secret + "/inbound", "?from=1414&text=TC", "", nil, 200},
		{"GET", secret + "/inbound", "?from=%2B1414&text=TC", "", nil, 400},
		{"GET", secret + "/inbound", "?from=12&text=TC", "", nil, 400},
		{"GET", secret + "/inbound", "?from=0000000000&text=TC", "", nil, 400},
		{"GET", secret + "/inbound", "?sender=84901234567&text=TC", "", nil, 400},
		{"POST", secret + "/inbound", "", "a=%zz", nil, 400},
		{"PUT", secret + "/inbound", "?from=0901234567&text=TC", "", nil, 405},
		{"GET", "/" + callbackToken + "x/inbound", "?from=0901234567&text=TC", "", nil, 404},
		{"GET", "//inbound", "?from=0901234567&text=TC", "", nil, 404},
		{"GET", secret, "?from=0901234567&text=TC", "", nil, 404},
		{"GET", secret + "/elsewhere", "", "", nil, 404},
		{"GET", "", "", "", nil, 404},
	} {
		reply, got := c.Callback(t.Context(), channel.Callback{Method: test.method, URL: public + test.path + test.query, Path: test.path, Body: []byte(test.body)})
		if diff := cmp.Diff(test.want, got); diff != "" || reply.Status != test.status {
			t.Errorf("%s %s%s %s: %d %s\n%s", test.method, test.path, test.query, test.body, reply.Status, reply.Body, diff)
		}
	}
	own := configured(t, sms.New(), gatewaySettings(server.url, "report_own_id", true))
	if _, got := own.Callback(t.Context(), channel.Callback{Method: "GET", URL: public + "?SMSID=0a1b&SendStatus=5", Path: secret + "/status"}); len(got) != 1 || got[0].ID != "0a1b" {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{theirs}, sent.References); diff != "" {
		t.Error(diff)
	}
	if sent := send(t, own, "+84901234567", "Hello"); len(sent.References) != 0 {
		t.Errorf("reports hold our own ID, and yet %q is to be kept", sent.References)
	}
	nowhere := configured(t, sms.New(), gatewaySettings(server.url, "id_path", "", "country", ""))
	for query, part := range map[string]string{"/status?SMSID=7&SendStatus=5": "id_path", "/inbound?from=0901234567&text=STOP": "country", "/inbound?from=&text=STOP": "inbound_from"} {
		path, _, _ := strings.Cut(query, "?")
		reply, got := nowhere.Callback(t.Context(), channel.Callback{Method: "GET", URL: public + query, Path: secret + path})
		if reply.Status != 400 || len(got) != 0 || !strings.Contains(string(reply.Body), part) || strings.Contains(string(reply.Body), "0901234567") {
			t.Errorf("%s: %d %s %+v", query, reply.Status, reply.Body, got)
		}
	}
	// The form that {{digits}} sends comes back as it was sent, whatever the settings say of countries.
	bare := channel.Callback{Method: "POST", Path: secret + "/inbound", Body: []byte("from=84999999999&text=STOP")}
	if reply, got := nowhere.Callback(t.Context(), bare); reply.Status != 200 || len(got) != 1 || got[0].From != "+84999999999" || got[0].Event != "unsubscribed" {
		t.Errorf("%d %s %+v", reply.Status, reply.Body, got)
	}
	// What the gateway calls a message of theirs is told where the settings name its field.
	named := configured(t, sms.New(), gatewaySettings(server.url, "inbound_id", "moId"))
	call := channel.Callback{Method: "POST", Path: secret + "/inbound", Body: []byte(`{"from": "84999999999", "text": "Hello", "moId": 17}`)}
	if reply, got := named.Callback(t.Context(), call); reply.Status != 200 || len(got) != 1 || got[0].Data[channel.FactID] != "17" {
		t.Errorf("%d %s %+v", reply.Status, reply.Body, got)
	}
	closed := configured(t, sms.New(), gatewaySettings(server.url, "callback_token", "", "body", "{}"))
	if reply, got := closed.Callback(t.Context(), channel.Callback{Method: "GET", URL: public, Path: "//inbound"}); reply.Status != 404 || len(got) != 0 {
		t.Errorf("without a token: %+v %+v", reply, got)
	}
}

// A gateway that wants more than one secret gets them all, and none of them is seen.
func TestGatewayWithSeveralSecrets(t *testing.T) {
	server := newGateway(t)
	several := []any{"secrets", []string{"shop: 7-shop-key", "hmac_2:very secret"}, "body", `{"Phone": "{{digits}}", "Brandname": "{{from}}", "SmsType": "{{kind}}",
		"A": "{{secrets.shop}}", "B": "{{ secrets.hmac_2 }}"}`}
	c := configured(t, sms.New(), gatewaySettings(server.url, several...))
	send(t, c, "+84901234567", "Hello")
	server.mu.Lock()
	defer server.mu.Unlock()
	if len(server.taken) != 1 || server.taken[0]["A"] != "7-shop-key" || server.taken[0]["B"] != "very secret" {
		t.Errorf("%v", server.taken)
	}
	for _, wrong := range [][]any{
		{"secrets", []string{"no value"}}, {"secrets", []string{"a: 1", "a: 2"}}, {"secrets", []string{"A B: 1"}}, {"body", `{"a": "{{secrets.other}}"}`},
	} {
		if err := sms.New().Configure(t.Context(), json.RawMessage(gatewaySettings(server.url, wrong...))); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}

// A secret that is part of another one does not leave the rest of it to be seen.
func TestGatewayHidesWholeSecrets(t *testing.T) {
	server := newGateway(t)
	for range 10 { // settings have no order
		c := configured(t, sms.New(), gatewaySettings(server.url, "url", server.url+"/json/send?key={{secrets.b}}", "secret", "shop",
			"secrets", []string{"a: shop-key", "b: my shop-key-7"}))
		if said := send(t, c, "+84901234567", "Hello").Reason; !strings.HasSuffix(said, "failed for …") {
			t.Fatal(said)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"to": "{{to}}", "text": "{{ text }}"}`, "a\"\\\n<&>")
	f.Add(`{{`, "")
	f.Add(`}}{{to}}{{`, "\xff")
	f.Fuzz(func(t *testing.T, text, value string) {
		if _, err := sms.ParseTemplate("body", text, nil); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
		parsed, err := sms.ParseTemplate("body", `{"to": "{{to}}"}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		filled := sms.Fill(parsed, value, sms.Escaping("application/json"))
		var got map[string]string
		if err := json.Unmarshal([]byte(filled), &got); err != nil || len(got) != 1 || got["to"] != strings.ToValidUTF8(value, "\uFFFD") && len(value) == len(got["to"]) {
			t.Errorf("%q became %q: %v", value, filled, err)
		}
		form, _ := sms.ParseTemplate("body", "a={{to}}&b=1", nil)
		if values, err := url.ParseQuery(sms.Fill(form, value, sms.Escaping("application/x-www-form-urlencoded"))); err != nil || values.Get("a") != value || len(values) != 2 {
			t.Errorf("%q as a form: %v %v", value, values, err)
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add(`{"data": [{"id": 1}]}`, "data.0.id")
	f.Add(`[[]]`, "0.0.-1")
	f.Add(`"x"`, "")
	f.Fuzz(func(t *testing.T, body, path string) {
		value, err := sms.ParseJSON([]byte(body))
		if err != nil {
			return
		}
		if text, ok := sms.AtPath(value, path); !ok && text != "" {
			t.Errorf("%q is found and is not", text)
		}
	})
}
