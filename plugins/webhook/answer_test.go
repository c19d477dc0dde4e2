package webhook_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"stagecraft/plugins/channel"
)

// What a receiver answers is told with its status, without secrets and without end.
func TestTheAnswerIsTold(t *testing.T) {
	answer := ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(422)
		_, _ = io.WriteString(w, strings.NewReplacer("SIGNATURE", r.Header.Get("Webhook-Signature"), "QUERY", r.URL.RawQuery).Replace(answer))
	})
	c := local(t)
	for text, want := range map[string]string{
		"":                                   "",
		"no such order\n\tline two\x00\x1b":  "no such order\n\tline two",
		"asked with QUERY":                   "asked with key=********&n=1",
		"signed SIGNATURE":                   "signed v1,********",
		secret:                               "********",
		strings.TrimPrefix(secret, "whsec_"): "********",
		`{"password": "a\"b", "n": 1}`:       `{"password": "********", "n": 1}`,
		`{"access_token":"abc"`:              `{"access_token":"********"`,
		`{"api-key":"abc`:                    `{"api-key":"********"`,
		"api_key=abc&x=1":                    "api_key=********&x=1",
		"Authorization: Bearer abc.def":      "Authorization: ********",
		"use Bearer abcdef.ghi please":       "use Bearer ******** please",
		"the token is missing":               "the token is missing",
		"\xff\xfe":                           "\uFFFD",
	} {
		answer = text
		r := c.Send(t.Context(), []channel.Message{message(1, url+"/hook?key=hunter2hunter2&n=1", `{}`)})[0]
		if r.Data[channel.FactStatus] != "422" || r.Data[channel.FactAnswer] != want {
			t.Errorf("%q is told as %q", text, r.Data)
		}
		if _, err := strconv.Atoi(r.Data[channel.FactTook]); err != nil {
			t.Errorf("it took %q", r.Data[channel.FactTook])
		}
		for _, hidden := range []string{"hunter2", strings.TrimPrefix(secret, "whsec_")} {
			if strings.Contains(r.Reason, hidden) {
				t.Errorf("the reason is %q", r.Reason)
			}
		}
	}
	answer = strings.Repeat("ü", 5000)
	if text := send(t, c, url).Data[channel.FactAnswer]; len(text) > 1100 || len(text) < 1000 || !utf8.ValidString(text) {
		t.Errorf("%d bytes are told", len(text))
	}
	refused := send(t, c, "http://127.0.0.1:1/")
	if _, timed := refused.Data[channel.FactTook]; !timed || refused.Data[channel.FactStatus] != "" {
		t.Errorf("of a receiver that is not there: %+v", refused)
	}
}

// FuzzAnswer: whatever a receiver says, our secret is not in what is told.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"token": "x"}`)
	f.Add("\"token\":\"\\")
	f.Add("bearer " + secret)
	var answer string
	url := serve(f, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		_, _ = io.WriteString(w, answer)
	})
	c := local(f)
	f.Fuzz(func(t *testing.T, text string) {
		answer = text + secret
		r := send(t, c, url)
		if told := r.Data[channel.FactAnswer]; strings.Contains(told, strings.TrimPrefix(secret, "whsec_")) || !utf8.ValidString(told) {
			t.Errorf("%q is told", told)
		}
	})
}
