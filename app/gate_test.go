package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const pageKey = "test-page-key"

// gate is a server with a journey that writes to whoever comes, by mail and by SMS, and a text gateway that takes note of
// the numbers to which something goes.
func gate(t *testing.T, settings ...setting) (*server, chan string) {
	t.Helper()
	sent := make(chan string, 100)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent <- r.PostForm.Get("to")
		fmt.Fprint(w, `{"code": "100", "id": "7"}`)
	}))
	t.Cleanup(gateway.Close)
	channels := filepath.Join(t.TempDir(), "channels.json")
	if err := os.WriteFile(channels, []byte(`{"sms": {"settings": {"provider": "http", "url": "`+gateway.URL+`", "content_type": "application/x-www-form-urlencoded",
		"body": "to={{to}}&text={{text}}", "from": "SHOP", "result_path": "code", "success": "^100$", "callback_token": "0123456789abcdef"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	files := trial("stage { title = \"A\" }\non(\"Hi\", function() send(\"hello\", { by = \"email\" }) end)\non(\"Ring\", function() send(\"hello\", { by = \"sms\" }) end)\n")
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\n---\nHello\n"
	files["trial/messages/hello.sms.liquid"] = "Hello\n"
	files["trial/messages/tx.email.liquid"] = "---\nsubject: Owed\nkind: transactional\n---\nOwed\n"
	files["trial/messages/tx.sms.liquid"] = "---\nkind: transactional\n---\nOwed\n"
	s := startServer(t, append([]setting{withScripts(t, files), func(c *config.Config) {
		c.Channels = config.ChannelsFile(channels)
		c.Policy.Preset = "none"
		c.BrowserKey = pageKey
	}}, settings...)...)
	s.setMode("trial", lifecycle.Live)
	return s, sent
}

// identified says traits of a customer with the write key.
func (s *server) identified(user string, traits map[string]any) {
	s.t.Helper()
	s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": traits})
}

// settledAs waits until all messages have settled, and returns how, by state and reason.
func (s *server) settledAs(count int) map[string]int {
	s.t.Helper()
	s.eventually(fmt.Sprint(count, " messages are settled"), func() bool {
		o, queued := s.overview(), 0
		for _, m := range o.Messages {
			if m.State == "queued" {
				queued++
			}
		}
		return len(o.Messages) >= count && queued == 0
	})
	return s.states()
}

// Whoever gets an erased address gets no message at it, from the first one on, however they come by it.
func TestNothingGoesToAnErasedAddress(t *testing.T) {
	s, texts := gate(t)
	s.identified("era", map[string]any{"email": "era@example.com", "phone": "+84905550001", "zalo": "4711"})
	s.identified("old", map[string]any{"email": "old@example.com"})
	s.must("POST", "/v1/customers/era/erase", nil)
	mail, phone := map[string]any{"email": "Era@example.com"}, map[string]any{"phone": "+84 905 550 001"}
	context := func(traits map[string]any) map[string]any {
		return map[string]any{"context": map[string]any{"traits": traits}}
	}
	count := 0
	for i := range 5 {
		s.send(fmt.Sprintf(`{"userId": "erb%d", "email": "era@example.com", "message": "trial/tx", "channel": "email"}`, i))
		s.send(fmt.Sprintf(`{"userId": "erp%d", "phone": "+84905550001", "message": "trial/tx", "channel": "sms"}`, i))
		s.track(fmt.Sprint("erc", i), "Hi", context(mail))
		s.track(fmt.Sprint("erd", i), "Ring", context(phone))
		count += 4
	}
	s.send(`{"email": "era@example.com", "message": "trial/tx", "channel": "email"}`)
	s.track("old", "Hi", context(mail))
	public := func(r *http.Request) { r.SetBasicAuth(pageKey, "") }
	if status, text, _ := s.call("POST", "/v1/track", map[string]any{"anonymousId": "visitor", "event": "Hi", "context": map[string]any{"traits": mail}}, public); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	count += 3
	if got := s.settledAs(count); got["suppressed suppressed: erased"] != count {
		t.Errorf("of %d messages the states are %v", count, got)
	}
	if len(s.mails()) > 0 || len(texts) > 0 {
		t.Errorf("%d mails and %d text messages have left", len(s.mails()), len(texts))
	}
	if text := s.must("GET", "/v1/customers/erc0", nil); !strings.Contains(text, `"erased"`) {
		t.Errorf("the customer does not say so: %s", text)
	}
	// Everybody else's first message leaves.
	s.track("new", "Hi")
	s.eventually("it leaves", func() bool { return len(s.mails()) == 1 })
}

// An address that bounced, or whose owner complained, is nobody's any more, however that became known.
func TestNothingGoesToADeadAddress(t *testing.T) {
	for name, told := range map[string]map[string]any{
		"complained": {"event": "Email Complained", "properties": map[string]any{"message": "7"}},
		"bounced":    {"event": "Email Bounced", "properties": map[string]any{"channel": "email", "kind": "hard"}},
		"addressed":  {"event": "Email Bounced", "properties": map[string]any{"address": "dead@example.com"}, "userId": "another"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := gate(t)
			s.identified("dead", map[string]any{"email": "dead@example.com"})
			s.track("dead", "", map[string]any{"event": told["event"], "properties": told["properties"], "context": map[string]any{}, "userId": firstOf(told["userId"], "dead")})
			s.eventually("the address knows", func() bool {
				return strings.Contains(s.must("GET", "/v1/identities?kind=email&value=dead@example.com", nil), `"suppressed"`)
			})
			mail := map[string]any{"context": map[string]any{"traits": map[string]any{"email": "dead@example.com"}}}
			for i := range 5 {
				s.track(fmt.Sprint("heir", i), "Hi", mail)
			}
			s.track("dead", "Hi", mail)
			reason := "bounced"
			if name == "complained" {
				reason = name
			}
			if got := s.settledAs(6); got["suppressed suppressed: "+reason] != 6 {
				t.Errorf("the states are %v", got)
			}
		})
	}
}

func firstOf(values ...any) any {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

// A word told as an event holds marketing back, and what anybody could say from a page does not.
func TestAWithdrawalToldAsAnEvent(t *testing.T) {
	s, _ := gate(t)
	s.track("ada", "Unsubscribed", map[string]any{"properties": map[string]any{"channel": "email"}})
	s.track("ada", "Hi")
	s.send(`{"userId": "ada", "message": "trial/tx", "channel": "email"}`)
	got := s.settledAs(2)
	if got["accepted"] != 1 || len(got) != 2 {
		t.Errorf("the states are %v", got)
	}
	public := func(r *http.Request) { r.SetBasicAuth(pageKey, "") }
	for _, event := range []string{"Unsubscribed", "Email Complained", "Email Bounced"} {
		s.call("POST", "/v1/track", map[string]any{"userId": "bob", "event": event, "properties": map[string]any{"channel": "email", "kind": "hard", "address": "bob@example.com"}}, public)
	}
	s.track("bob", "Hi")
	s.track("eve", "Email Bounced", map[string]any{"properties": map[string]any{"kind": "soft"}})
	s.track("eve", "Hi")
	if got = s.settledAs(4); got["accepted"] != 3 {
		t.Errorf("the states are %v", got)
	}
}

// A STOP holds for whoever has the number, also if nothing was ever sent there, and for whoever gets it later.
func TestAStopFromANumberThatNobodyWroteTo(t *testing.T) {
	s, texts := gate(t)
	inbound := func(from, text string) {
		t.Helper()
		body := url.Values{"from": {from}, "text": {text}}.Encode()
		s.eventually("the gateway's word is taken", func() bool { // the connector may be starting
			status, _, _ := s.call("POST", "/callbacks/sms/0123456789abcdef/inbound", body, func(r *http.Request) {
				r.Header.Del("Authorization")
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			})
			return status == 200
		})
	}
	phone := map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84907770009"}}}
	s.track("ann", "Seen", phone)
	s.eventually("the number knows whose it is", func() bool {
		return strings.Contains(s.must("GET", "/v1/identities?kind=phone&value=%2B84907770009", nil), `"customer"`)
	})
	inbound("+84907770009", "STOP")
	inbound("+84907770010", "STOP")
	s.eventually("it is kept", func() bool {
		return strings.Contains(s.must("GET", "/v1/customers/ann/consents", nil), `"sms"`)
	})
	s.track("ann", "Ring", phone)
	s.track("ben", "Ring", phone)
	s.track("cat", "Ring", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84907770010"}}})
	got := s.settledAs(3)
	if got["accepted"] != 0 || len(texts) > 0 {
		t.Errorf("the states are %v", got)
	}
	s.send(`{"userId": "cat", "message": "trial/tx", "channel": "sms"}`)
	s.eventually("what is owed leaves", func() bool { return len(texts) == 1 })
	inbound("+84907770010", "START")
	var consents struct{ Consents []lifecycle.Consent }
	s.eventually("the word is taken back", func() bool {
		err := json.Unmarshal([]byte(s.must("GET", "/v1/customers/cat/consents", nil)), &consents)
		return err == nil && len(consents.Consents) > 0 && consents.Consents[len(consents.Consents)-1].Granted
	})
	s.track("dan", "Ring", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84907770010"}}})
	s.eventually("it is sent", func() bool { return len(texts) == 2 })
}
