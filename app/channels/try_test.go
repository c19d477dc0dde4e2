//go:build unix

package channels_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// blab says its secrets aloud.
type blab struct{ token string }

func (b *blab) Describe() channel.Description {
	return channel.Description{Name: "blab", Version: "3", Channels: []string{"sms"}, Schema: json.RawMessage(
		`{"type":"object","properties":{"token":{"type":"string","writeOnly":true},"keys":{"type":"array","items":{"type":"object","properties":{"key":{"type":"string","writeOnly":true}}}}}}`)}
}

func (b *blab) Configure(_ context.Context, raw json.RawMessage) error {
	var settings struct {
		Token string
		Keys  []struct{ Key string }
	}
	if err := json.Unmarshal(raw, &settings); err != nil {
		return err
	}
	if len(settings.Keys) > 0 {
		return errors.New("keys: " + settings.Keys[0].Key + " cannot be read")
	}
	if settings.Token == "fatal-secret" {
		fmt.Fprintln(os.NewFile(2, "stderr"), "cannot live with", settings.Token) // go-plugin's os.Stderr would lose it
		os.Exit(4)
	}
	if b.token = settings.Token; !strings.HasPrefix(b.token, "good-") {
		return fmt.Errorf("token %q does not begin with good-", b.token)
	}
	fmt.Fprintln(os.Stderr, "signing in with", b.token)
	return nil
}

func (b *blab) Send(_ context.Context, messages []channel.Message) []channel.Receipt {
	fmt.Fprintln(os.Stderr, "sending with", b.token)
	os.Exit(3)
	return channel.All(messages, channel.Accepted, "", 0)
}
func (b *blab) Health(context.Context) error { return nil }
func (b *blab) Close() error                 { return nil }

func specOf(t testing.TB, channelName, kind, settings string) channels.Spec {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return channels.Spec{Channel: channelName, Name: kind, Command: []string{executable, "plugin", kind}, Settings: json.RawMessage(settings)}
}

// Settings are tried on a process of its own: what runs is not disturbed, a refusal names the setting and no secret, and
// nothing is left behind.
func TestSettingsAreTriedFirst(t *testing.T) {
	o := options(t)
	h := channels.New(o)
	defer h.Close(t.Context())
	running, err := h.Start(t.Context(), specOf(t, "sms", "blab", `{"token":"good-one"}`))
	if err != nil {
		t.Fatal(err)
	}
	ready(t, running)
	before := running.Status().PID
	for _, test := range []struct{ channel, kind, settings, field, words string }{
		{"sms", "blab", `{"token":"hunter2hunter2"}`, "token", `token "********" does not begin`},
		{"sms", "blab", `{"keys":[{"key":"-----BEGIN-----"}]}`, "keys", "keys: ******** cannot"},
		{"email", "blab", `{"token":"good-two"}`, "", "serves sms, not channel email"},
		{"email", "puppet", `{"refuse":"no such thing"}`, "", "no such thing"},
	} {
		_, err := h.Try(t.Context(), specOf(t, test.channel, test.kind, test.settings))
		var refused *lifecycle.Error
		if !errors.As(err, &refused) || refused.Code != lifecycle.Invalid || refused.Field != test.field || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", test.settings, err)
		}
		for _, secret := range []string{"hunter2", "BEGIN"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the refusal says %s", test.settings, secret)
			}
		}
	}
	if d, err := h.Try(t.Context(), specOf(t, "sms", "blab", `{"token":"good-two"}`)); err != nil || d.Version != "3" {
		t.Errorf("%+v %v", d, err)
	}
	if d, err := h.Describe(t.Context(), specOf(t, "", "blab", "")); err != nil || d.Name != "blab" {
		t.Errorf("%+v %v", d, err)
	}
	for kind, words := range map[string]string{
		"crash": `ended before it announced itself; its last words: "no luck today"`, "future": "does not start", "garbage": `wrote "Welcome to this connector!"`,
	} {
		_, err := h.Try(t.Context(), specOf(t, "email", kind, "{}"))
		code(t, err, lifecycle.Invalid, words)
	}
	_, err = h.Try(t.Context(), specOf(t, "sms", "blab", `{"token":"fatal-secret"}`))
	code(t, err, lifecycle.Invalid, "does not answer as it should")
	code(t, err, lifecycle.Invalid, `; its last words: "cannot live with ********"`)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.Try(gone, specOf(t, "sms", "blab", `{"token":"good-two"}`))
	code(t, err, lifecycle.Unavailable, "was not tried")
	_, err = h.Try(t.Context(), channels.Spec{Channel: "sms", Name: "pigeon", Plugins: &channels.Plugins{Data: t.TempDir()}})
	code(t, err, lifecycle.NotFound, "there is no connector pigeon")
	if got := running.Status(); got.PID != before || got.State != channels.Running {
		t.Errorf("what ran was disturbed: %+v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.pid")); len(left) != 1 {
		t.Errorf("process files: %v", left)
	}
}

// Whatever a connector writes or dies of, its secrets do not come out of the host.
func TestSecretsAreHiddenInWhatAConnectorSays(t *testing.T) {
	h := channels.New(options(t))
	defer h.Close(t.Context())
	c, err := h.Start(t.Context(), specOf(t, "sms", "blab", `{"token":"good-secret"}`))
	if err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	c.Send(t.Context(), outgoing("x"))
	eventually(t, "its end", func() bool { return c.Status().Restarts > 0 && c.Ready() })
	said := func() string { return c.Status().LastError + strings.Join(c.Status().Log, " ") }
	eventually(t, "what it wrote", func() bool { return strings.Contains(said(), "signing in with ********") })
	if text := said(); strings.Contains(text, "good-secret") {
		t.Error(text)
	}
}

func TestSecretsInLists(t *testing.T) {
	schema := json.RawMessage(`{"properties":{"dkim":{"type":"array","items":{"properties":{"selector":{"type":"string"},"key":{"writeOnly":true}}}},"hosts":{"type":"array","items":{"type":"string"}}}}`)
	before := json.RawMessage(`{"dkim":[{"key":"a","selector":"1"},{"key":"b","selector":"2"}],"hosts":["x"]}`)
	hidden := `{"dkim":[{"key":"********","selector":"1"},{"key":"********","selector":"2"}],"hosts":["x"]}`
	if got := string(channels.Redact(schema, before)); got != hidden {
		t.Error(got)
	}
	for settings, want := range map[string]string{
		hidden: string(before),
		`{"dkim":[{"key":"********","selector":"2"}]}`:                              `{"dkim":[{"key":"b","selector":"2"}]}`,
		`{"dkim":[{"key":"********","selector":"new"},{"key":"c","selector":"2"}]}`: `{"dkim":[{"key":"a","selector":"new"},{"key":"c","selector":"2"}]}`,
		`{"dkim":[{"key":"********","selector":"3"}]}`:                              `{"dkim":[{"selector":"3"}]}`,
		`{"dkim":"********"}`: `{"dkim":[{"key":"a","selector":"1"},{"key":"b","selector":"2"}]}`,
	} {
		if got := string(channels.Restore(schema, json.RawMessage(settings), before)); got != want {
			t.Errorf("%s: %s", settings, got)
		}
	}
	if got := string(channels.Redact(schema, json.RawMessage(`{"dkim":"odd"}`))); got != `{"dkim":"********"}` {
		t.Error(got)
	}
}

func FuzzRestore(f *testing.F) {
	schema := `{"properties":{"a":{"writeOnly":true},"b":{"properties":{"c":{"writeOnly":true}}},"d":{"items":{"properties":{"e":{"writeOnly":true}}}}}}`
	f.Add(schema, `{"a":"s","b":{"c":"t"},"d":[{"e":"u","f":1}]}`)
	f.Add(`{`, `[]`)
	f.Fuzz(func(t *testing.T, schema, settings string) {
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(settings), &object) != nil || object == nil {
			return
		}
		hidden := channels.Redact(json.RawMessage(schema), json.RawMessage(settings))
		again := channels.Redact(json.RawMessage(schema), channels.Restore(json.RawMessage(schema), hidden, json.RawMessage(settings)))
		if string(hidden) != string(again) {
			t.Errorf("%s became %s", hidden, again)
		}
	})
}
