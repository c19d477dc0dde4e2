package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

// owing is a journey with a receipt that may be asked for, and news that may not.
func owing() map[string]string {
	files := trial("stage { title = \"A\" }\non(\"Subscribed\", function() send \"proof\" end)\n" +
		"on(\"News\", function() send \"news\" end)\n")
	files["trial/messages/receipt.email.liquid"] = "---\nsubject: Receipt {{ event.properties.number }}\nkind: transactional\n---\nPaid: {{ event.properties.total }}\n"
	files["trial/messages/news.email.liquid"] = "---\nsubject: News\ntopic: news\n---\nHello\n"
	files["trial/messages/proof.email.liquid"] = "---\nsubject: Proof\nkind: transactional\n---\n{{ event.properties.proof.ip | default: \"none\" }}\n"
	return files
}

type sentAnswer struct {
	Ref, Channel, State, Reason, Message, UserID string
	Attempts                                     int
	Code, Field, Detail                          string
}

func (s *server) send(body any, change ...func(*http.Request)) (int, sentAnswer, http.Header) {
	s.t.Helper()
	status, text, header := s.call("POST", "/v1/send", body, change...)
	var answer sentAnswer
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	return status, answer, header
}

func withKey(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

func TestSendingOneMessage(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.setMode("trial", lifecycle.Live)
	request := `{"userId": "ada", "email": "Ada@Example.com", "message": "trial/receipt", "properties": {"number": 7, "total": "12 €"}}`
	status, first, header := s.send(request, withKey("order-7"))
	if status != 202 || first.Channel != "email" || first.State != "queued" || header.Get("Location") != "/v1/messages/"+first.Ref {
		t.Fatalf("%d %+v %v", status, first, header)
	}
	s.eventually("the receipt leaves", func() bool { return len(s.mails()) == 1 })
	if mail := s.mails()[0]; !strings.Contains(mail, `"subject":"Receipt 7"`) || !strings.Contains(mail, "Ada@Example.com") || !strings.Contains(mail, "Paid: 12 €") {
		t.Errorf("the mail is %s", mail)
	}
	status, again, header := s.send(request, withKey("order-7"))
	if status != 202 || again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %d %+v", status, again)
	}
	s.must("POST", "/v1/identify", `{"userId": "ada", "anonymousId": "her phone"}`)
	byPhone := strings.Replace(request, `"userId": "ada"`, `"anonymousId": "her phone"`, 1)
	if status, again, header = s.send(byPhone, withKey("order-7")); status != 202 || again != first || header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("under another of her names: %d %+v", status, again)
	}
	if status, other, _ := s.send(strings.Replace(request, "12", "13", 1), withKey("order-7")); status != 409 || other.Code != "conflict" {
		t.Errorf("another message with the same key: %d %+v", status, other)
	}
	var life sentAnswer
	s.eventually("its life is told", func() bool {
		life = sentAnswer{}
		err := json.Unmarshal([]byte(s.must("GET", "/v1/messages/"+first.Ref, nil)), &life)
		return err == nil && life.State == "accepted"
	})
	if life.Message != "trial/receipt" || life.UserID != "ada" || life.Attempts != 1 {
		t.Errorf("its life is %+v", life)
	}
	// Whoever is known by an address only is a customer too.
	for range 2 {
		if status, answer, _ := s.send(`{"email": "Bob@example.com", "message": "receipt", "journey": "trial", "properties": {"number": 8, "total": 1}}`, withKey("b")); status != 202 {
			t.Errorf("by mail address: %d %+v", status, answer)
		}
	}
	s.eventually("two mails have left", func() bool { return s.states()["accepted"] == 2 })
	s.must("POST", "/api/customers/test", map[string]any{"user": "bob@example.com", "on": true})
	if len(s.mails()) != 2 {
		t.Errorf("%d mails were written", len(s.mails()))
	}
}

func TestErrorsOfSendNameTheField(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.setMode("trial", lifecycle.Live)
	for field, body := range map[string]string{
		"userId":          `{"message": "trial/receipt"}`,
		"email":           `{"email": "not an address", "message": "trial/receipt"}`,
		"phone":           `{"userId": "ada", "phone": "0901", "message": "trial/receipt"}`,
		"traits":          `{"userId": "ada", "traits": [], "message": "trial/receipt"}`,
		"message":         `{"userId": "ada", "message": "trial/nothing"}`,
		"journey":         `{"userId": "ada", "message": "nowhere/receipt"}`,
		"channel":         `{"userId": "ada", "message": "trial/receipt", "channel": "fax"}`,
		"expires":         `{"userId": "ada", "message": "trial/receipt", "expires": "soon"}`,
		"properties":      `{"userId": "ada", "message": "trial/receipt", "properties": 3}`,
		"user_id":         `{"user_id": "ada", "message": "trial/receipt"}`,
		"Idempotency-Key": `{"userId": "ada", "message": "trial/receipt"}`,
	} {
		key := "k"
		if field == "Idempotency-Key" {
			key = strings.Repeat("k", 201)
		}
		if status, answer, _ := s.send(body, withKey(key)); status != 400 || answer.Field != field {
			t.Errorf("%s: %d %+v", body, status, answer)
		}
	}
	for name, body := range map[string]string{"news are marketing": `{"userId": "ada", "message": "trial/news"}`, "no name": `{"userId": "ada", "message": "receipt"}`,
		"a number": `{"userId": "ada", "message": 3}`} {
		if status, answer, _ := s.send(body); status != 400 || answer.Field != "message" {
			t.Errorf("%s: %d %+v", name, status, answer)
		}
	}
	if status, answer, _ := s.send(`{"email": 3, "message": "trial/receipt"}`); status != 400 || answer.Field != "email" {
		t.Errorf("%d %+v", status, answer)
	}
	for _, body := range []string{"", "{", "[]", "{} {}", "null"} {
		if status, answer, _ := s.send(body); status != 400 || answer.Code != "invalid" {
			t.Errorf("%q: %d %+v", body, status, answer)
		}
	}
	noKey := func(r *http.Request) { r.Header.Del("Authorization") }
	for _, path := range []string{"/v1/send", "/v1/consent"} {
		if status, _, _ := s.call("POST", path, "{}", noKey); status != 401 {
			t.Errorf("%s without the write key: %d", path, status)
		}
	}
	if status, _, _ := s.call("GET", "/v1/messages/1-00", nil); status != 404 {
		t.Errorf("no message: %d", status)
	}
	if status, _, _ := s.call("GET", "/v1/messages/1-00", nil, noKey); status != 401 {
		t.Errorf("a message without the write key: %d", status)
	}
}

// A word of consent from another program holds from its answer on, is an event with its proof, and is taken once.
func TestConsentFromAnotherProgram(t *testing.T) {
	s := startServer(t, withScripts(t, owing()))
	s.setMode("trial", lifecycle.Live)
	consent := func(body string) (int, string) {
		status, text, _ := s.call("POST", "/v1/consent", body)
		return status, text
	}
	s.track("ada", "News")
	s.eventually("news leave", func() bool { return s.states()["accepted"] == 1 })
	no := `{"userId": "ada", "channel": "email", "topic": "news", "granted": false, "source": "shop floor", "messageId": "c1"}`
	if status, text := consent(no); status != 200 || text != `{"success":true}` {
		t.Fatalf("%d %s", status, text)
	}
	s.track("ada", "News")
	s.eventually("no news leave any more", func() bool { return s.states()["suppressed opted out: shop floor"] == 1 })
	// An older yes changes nothing, a newer one does; the first no, repeated, is a repeat.
	if status, text := consent(`{"userId": "ada", "channel": "email", "topic": "news", "granted": true, "at": "2020-01-01T00:00:00Z"}`); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	s.track("ada", "News")
	s.eventually("an older word changes nothing", func() bool { return s.states()["suppressed opted out: shop floor"] == 2 })
	yes := `{"email": "bob@example.com", "channel": "email", "topic": "news", "granted": true, "source": "form", "proof": {"ip": "192.0.2.1"}, "messageId": "c2"}`
	for range 2 {
		if status, text := consent(yes); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
	}
	s.eventually("scripts have heard of both", func() bool { return len(s.mails()) == 3 })
	if mails := strings.Join(s.mails(), ""); strings.Count(mails, `"text":"192.0.2.1`) != 1 {
		t.Errorf("the mails are %s", mails)
	}
	if status, text := consent(strings.Replace(no, "false", "true", 1)); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	s.track("ada", "News")
	s.eventually("a repeat of a message ID is no new word", func() bool { return s.states()["suppressed opted out: shop floor"] == 3 })
	for field, body := range map[string]string{
		"userId":    `{"granted": true}`,
		"granted":   `{"userId": "ada", "channel": "email"}`,
		"channel":   `{"userId": "ada", "channel": "E-Mail", "granted": true}`,
		"at":        `{"userId": "ada", "granted": true, "at": "yesterday"}`,
		"proof":     `{"userId": "ada", "granted": true, "proof": "` + strings.Repeat("x", 5000) + `"}`,
		"topic":     `{"userId": "ada", "granted": true, "topic": "` + strings.Repeat("x", 300) + `"}`,
		"messageId": `{"userId": "ada", "granted": true, "messageId": "a\nb"}`,
		"grantd":    `{"userId": "ada", "grantd": true}`,
	} {
		status, text := consent(body)
		var answer sentAnswer
		if json.Unmarshal([]byte(text), &answer) != nil || status != 400 || answer.Field != field {
			t.Errorf("%.80s: %d %s", body, status, text)
		}
	}
}
