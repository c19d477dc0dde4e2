package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// receiver is another program that gets webhooks, and takes them or does not.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	posted []posted
}

type posted struct{ id, stamp, signatures, body string }

func newReceiver(t *testing.T) *receiver {
	r := &receiver{status: http.StatusBadRequest}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		body, _ := io.ReadAll(in.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.posted = append(r.posted, posted{in.Header.Get("Webhook-Id"), in.Header.Get("Webhook-Timestamp"), in.Header.Get("Webhook-Signature"), string(body)})
		w.WriteHeader(r.status)
		_, _ = io.WriteString(w, `{"error": "no such order", "token": "t0psecret", "asked": "`+in.URL.RawQuery+`"}`)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) all() []posted {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]posted(nil), r.posted...)
}

// signedWith reports whether a post bears a signature by a secret, as Standard Webhooks says.
func (p posted) signedWith(secret string) bool {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	sum := hmac.New(sha256.New, key)
	_, _ = io.WriteString(sum, p.id+"."+p.stamp+"."+p.body)
	for signature := range strings.FieldsSeq(p.signatures) {
		if signature == "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)) {
			return true
		}
	}
	return false
}

func hookServer(t *testing.T, r *receiver) *server {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function(customer, event)\n"+
		"  webhook(\""+r.URL+"/orders?key=0123456789abc\", { total = event.properties.total })\nend)\n")),
		func(c *config.Config) { c.WebhookAllow = []string{"127.0.0.1"} })
	s.setMode("trial", lifecycle.Live)
	return s
}

// What a receiver answered is kept without secrets; what has failed is posted once more, one by one or all.
func TestWebhooksAreReplayed(t *testing.T) {
	r := newReceiver(t)
	s := hookServer(t, r)
	for _, user := range []string{"ada", "ben", "eve"} {
		s.track(user, "Order")
	}
	s.eventually("all have failed", func() bool { return len(s.ledgerOf("state=failed").Messages) == 3 })
	ada := s.ledgerOf("customer=ada").Messages[0]
	var life struct {
		State string
		Life  []struct {
			Kind  string
			Reply *struct {
				Status, TookMS int
				Text           string
			}
		}
	}
	read := func(text string) {
		life.Life = nil
		if err := json.Unmarshal([]byte(text), &life); err != nil {
			t.Fatal(err)
		}
	}
	read(s.must("GET", "/api/messages/"+ada.Ref, nil))
	found := false
	for _, step := range life.Life {
		if step.Reply != nil {
			found = true
			if step.Kind != "answer" || step.Reply.Status != 400 || step.Reply.Text != `{"error": "no such order", "token": "********", "asked": "key=********"}` {
				t.Errorf("the answer is %s %+v", step.Kind, step.Reply)
			}
		}
	}
	if !found || strings.Contains(ada.Reason, "t0psecret") || strings.Contains(ada.Reason, "0123456789abc") {
		t.Errorf("the life is %+v, the reason %q", life.Life, ada.Reason)
	}
	var failing struct {
		Endpoints []struct{ Endpoint, Reason string }
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/webhooks", nil)), &failing); err != nil || len(failing.Endpoints) != 1 || failing.Endpoints[0].Endpoint != r.URL+"/orders" {
		t.Errorf("the endpoints that fail are %+v, %v", failing, err)
	}
	r.answer(http.StatusNoContent)
	s.must("POST", "/api/messages/"+ada.Ref+"/replay", map[string]string{"by": "Ops"})
	s.eventually("it has left", func() bool { return s.ledgerOf("customer=ada").Messages[0].State == "accepted" })
	var done struct{ Replayed int }
	if err := json.Unmarshal([]byte(s.must("POST", "/api/webhooks/replay", map[string]string{"since": "2020-01-01T00:00:00Z", "endpoint": strings.ToUpper(r.URL) + "/orders?token=x"})), &done); err != nil || done.Replayed != 2 {
		t.Errorf("%+v %v", done, err)
	}
	s.eventually("all have left", func() bool { return len(s.ledgerOf("state=accepted").Messages) == 3 })
	times := map[string]int{}
	for _, p := range r.all() {
		times[p.id]++
	}
	for id, n := range times {
		if n != 2 || len(times) != 3 {
			t.Errorf("%s was posted %d times, of %d", id, n, len(times))
		}
	}
	s.eventually("the endpoint does not fail any more", func() bool { return !strings.Contains(s.must("GET", "/api/webhooks", nil), "orders") })
	for body, field := range map[string]string{`{}`: "since", `{"since": "2020-01-01T00:00:00Z", "state": "accepted"}`: "state",
		`{"since": "2020-01-01T00:00:00Z", "until": "2019-01-01T00:00:00Z"}`: "until", `{"since": "2020-01-01T00:00:00Z", "endpoint": "orders"}`: "endpoint"} {
		if status, answer, _ := s.call("POST", "/api/webhooks/replay", json.RawMessage(body)); status != 400 || !strings.Contains(answer, `"field":"`+field+`"`) {
			t.Errorf("%s is answered %d %s", body, status, answer)
		}
	}
}

// What the program itself has ordered is told by its name from what people have.
func TestNobodyOrdersByTheNameOfTheProgram(t *testing.T) {
	s := startServer(t)
	for path, body := range map[string]string{"/api/orders/pause": `"channel": "email"`, "/api/orders/resume": `"channel": "email"`,
		"/api/webhooks/replay": `"since": "2020-01-01T00:00:00Z"`} {
		for _, by := range []string{"Stagecraft", " the  connector", "the setting pause"} {
			if status, text, _ := s.call("POST", path, `{`+body+`, "by": "`+by+`"}`); status != 400 || !strings.Contains(text, `"field":"by"`) {
				t.Errorf("%s by %q is answered %d %s", path, by, status, text)
			}
		}
		s.must("POST", path, `{`+body+`, "by": "stagecraft"}`) // the account of a server
	}
}

// While the secret changes, posts are signed with both; a restart changes nothing about that.
func TestTheSecretOfWebhooksChanges(t *testing.T) {
	r := newReceiver(t)
	r.answer(http.StatusOK)
	s := hookServer(t, r)
	post := func() posted {
		n := len(r.all())
		s.track("ada", "Order")
		s.eventually("it was posted", func() bool { return len(r.all()) > n })
		all := r.all()
		return all[len(all)-1]
	}
	secrets := func() (secret, former string) {
		var k struct{ Webhook, WebhookFormer string }
		data, err := os.ReadFile(filepath.Join(s.cfg.Data, "keys.json"))
		if err == nil {
			err = json.Unmarshal(data, &k)
		}
		if err != nil {
			t.Fatal(err)
		}
		return k.Webhook, k.WebhookFormer
	}
	first, none := secrets()
	if p := post(); none != "" || !p.signedWith(first) {
		t.Errorf("at first: %+v", p)
	}
	var drawn struct{ Secret string }
	if err := json.Unmarshal([]byte(s.must("POST", "/api/webhooks/secret", nil)), &drawn); err != nil || !strings.HasPrefix(drawn.Secret, "whsec_") {
		t.Fatal(drawn, err)
	}
	both := func() {
		t.Helper()
		if p := post(); !p.signedWith(first) || !p.signedWith(drawn.Secret) || len(strings.Fields(p.signatures)) != 2 {
			t.Errorf("while it changes: %+v", p)
		}
		if now, former := secrets(); now != drawn.Secret || former != first {
			t.Error("keys.json does not say so")
		}
	}
	both()
	if status, _, _ := s.call("POST", "/api/webhooks/secret", nil); status != 409 {
		t.Errorf("a second change is answered %d", status)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	both()
	if text := s.must("GET", "/api/webhooks", nil); !strings.Contains(text, `"changing":true`) || strings.Contains(text, "whsec") {
		t.Errorf("it says %s", text)
	}
	s.must("DELETE", "/api/webhooks/secret", nil)
	s.must("DELETE", "/api/webhooks/secret", nil)
	if p := post(); p.signedWith(first) || !p.signedWith(drawn.Secret) {
		t.Errorf("at last: %+v", p)
	}
	if now, former := secrets(); now != drawn.Secret || former != "" {
		t.Error("keys.json does not say so")
	}
}
