package sms_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
	"stagecraft/plugins/sms"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		channel.Serve(sms.New())
		return
	}
	os.Exit(m.Run())
}

// with are settings as JSON, made of pairs of a name and a value.
func with(pairs ...any) string {
	values := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i].(string)] = pairs[i+1]
	}
	text, _ := json.Marshal(values)
	return string(text)
}

func twilioSettings(url string, more ...any) string {
	return with(append([]any{"provider", "twilio", "base_url", url, "account_sid", accountSID, "auth_token", authToken, "from", "+15005550006"}, more...)...)
}

func configured(t testing.TB, c *sms.Connector, settings string) *sms.Connector {
	t.Helper()
	if err := c.Configure(context.Background(), json.RawMessage(settings)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func message(i int, to, text string) channel.Message {
	return channel.Message{ID: fmt.Sprintf("%032x", i), To: to, Text: text, Attempt: 1, Kind: "transactional"}
}

func send(t testing.TB, c *sms.Connector, to, text string) channel.Receipt {
	t.Helper()
	return c.Send(t.Context(), []channel.Message{message(1, to, text)})[0]
}

func suiteMessage(i int) channel.Message {
	return message(i+1, fmt.Sprintf("+849%08d", i), "Hello there.")
}

var refusedSettings = channeltest.WithRefusedSettings(`{}`, `{"provider": "pigeon"}`, `{"provider": "twilio"}`, `{"provider": "http"}`, `{"colour": "blue"}`, `{} {}`)

func TestConformanceTwilio(t *testing.T) {
	server := newTwilio(t)
	channeltest.Run(t, channeltest.Self(t, "plugin"), twilioSettings(server.url, "callback_url", "https://news.example.com/callbacks/sms"),
		channeltest.WithMessage(suiteMessage), refusedSettings)
}

func TestConformanceGateway(t *testing.T) {
	server := newGateway(t)
	channeltest.Run(t, channeltest.Self(t, "plugin"), gatewaySettings(server.url), channeltest.WithMessage(suiteMessage), refusedSettings)
}

func TestSettings(t *testing.T) {
	gateway := func(more ...any) string {
		return with(append([]any{"provider", "http", "url", "https://api.example.com/send"}, more...)...)
	}
	for name, settings := range map[string]string{
		"account_sid":       twilioSettings("https://api.twilio.com", "account_sid", "AC1"),
		"base_url":          twilioSettings("http://api.example.com"),
		"auth_token":        twilioSettings("https://api.twilio.com", "auth_token", ""),
		"api_secret":        twilioSettings("https://api.twilio.com", "api_key", "SK0123456789abcdef0123456789abcdef"),
		"messaging_service": twilioSettings("https://api.twilio.com", "from", ""),
		"max_parts":         twilioSettings("https://api.twilio.com", "max_parts", 11),
		"connections":       twilioSettings("https://api.twilio.com", "connections", 0),
		"timeout":           twilioSettings("https://api.twilio.com", "timeout", "long"),
		"country":           twilioSettings("https://api.twilio.com", "country", "+84"),
		"encoding":          twilioSettings("https://api.twilio.com", "encoding", "utf-8"),
		"callback_url":      twilioSettings("https://api.twilio.com", "callback_url", "news.example.com"),
		"stop_words":        twilioSettings("https://api.twilio.com", "stop_words", []string{"?!"}),
		"url":               gateway("url", "https://{{secret}}.example.com/"),
		"url ":              gateway("url", "https://api.example.com{{to}}"),
		"url  ":             gateway("url", "ftp://api.example.com/"),
		"body":              gateway("body", `{"to": {{to}}}`),
		"body ":             gateway("body", `{"to": "{{phone}}"}`),
		"body  ":            gateway("body", "x", "method", "GET"),
		"method":            gateway("method", "DELETE"),
		"headers":           gateway("headers", []string{"no header"}),
		"headers ":          gateway("headers", []string{"Host: x"}),
		"content_type":      gateway("content_type", "a\r\nb/c"),
		"success":           gateway("success", "("),
		"report_failed":     gateway("report_failed", ""),
		"basic_auth":        gateway("basic_auth", true),
		"callback_token":    gateway("callback_token", "short"),
		"callback":          gateway("body", `{"dlr": "{{callback}}"}`),
	} {
		err := sms.New().Configure(t.Context(), json.RawMessage(settings))
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) || strings.Contains(err.Error(), authToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The form in the console is drawn from the schema: it and the settings know the same names.
func TestTheSchemaNamesTheSettings(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Type string }
	}
	if err := json.Unmarshal(sms.New().Describe().Schema, &schema); err != nil {
		t.Fatal(err)
	}
	examples := map[string]any{"string": "x", "integer": 1, "boolean": true, "array": []string{"x"}}
	for name, property := range schema.Properties {
		err := sms.New().Configure(t.Context(), json.RawMessage(with(name, examples[property.Type])))
		if err == nil || strings.Contains(err.Error(), "there is no setting") || strings.Contains(err.Error(), "must be of type") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Before the request is written nothing has left; once it is, nobody knows.
func TestBrokenConnections(t *testing.T) {
	c := configured(t, sms.New(), twilioSettings("http://127.0.0.1:1"))
	if r := send(t, c, "+84901234567", "Hello"); r.Outcome != channel.Temporary || r.Reason == "" || c.Health(t.Context()) == nil {
		t.Errorf("nobody listens: %+v, health %v", r, c.Health(t.Context()))
	}
	silent := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"hung up":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-silent },
	} {
		server := httptest.NewServer(handler)
		c := configured(t, sms.New(), twilioSettings(server.URL, "timeout", 1))
		if r := send(t, c, "+84901234567", "Hello"); r.Outcome != channel.InDoubt || r.Reason == "" {
			t.Errorf("%s: %+v", name, r)
		}
		defer server.Close()
	}
	close(silent)
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	server := newTwilio(t)
	c := configured(t, sms.New(), twilioSettings(server.url, "max_parts", 2))
	for name, m := range map[string]channel.Message{
		"no number":     message(1, "", "Hello"),
		"an address":    message(2, "ada@example.com", "Hello"),
		"no text":       message(3, "+84901234567", " \r\n"),
		"too many":      message(4, "+84901234567", strings.Repeat("a", 307)),
		"too many UCS2": message(5, "+84901234567", strings.Repeat("ạ", 135)),
		"far too long":  message(6, "+84901234567", strings.Repeat("a", 300_000)),
	} {
		if r := c.Send(t.Context(), []channel.Message{m})[0]; r.Outcome != channel.Permanent || r.Reason == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Send(ctx, []channel.Message{message(7, "+84901234567", "Hello")})[0]; r.Outcome != channel.Temporary {
		t.Errorf("no time left: %+v", r)
	}
	if n := len(server.messages()); n != 0 {
		t.Errorf("%d left", n)
	}
	if r := send(t, sms.New(), "+84901234567", "Hello"); r.Outcome != channel.Temporary {
		t.Errorf("without settings: %+v", r)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add(twilioSettings("https://api.twilio.com"))
	f.Add(gatewaySettings("https://api.example.com"))
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		if err := sms.New().Configure(t.Context(), json.RawMessage(text)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %q", err)
		}
	})
}
