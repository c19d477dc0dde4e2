package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app"
	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const gatewayToken = "0123456789abcdef-secret"

// gateway takes text messages and keeps what it got; the settings are those of the connector sms.
func gateway(t *testing.T) (sent chan url.Values, settings map[string]any) {
	sent = make(chan url.Values, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent <- r.PostForm
		fmt.Fprint(w, `{"code": "100", "id": "7"}`)
	}))
	t.Cleanup(server.Close)
	return sent, map[string]any{"provider": "http", "url": server.URL, "content_type": "application/x-www-form-urlencoded",
		"body": "to={{to}}&text={{text}}", "from": "SHOP", "result_path": "code", "success": "^100$", "callback_token": gatewayToken}
}

// channelsSeen is what the tests look at of GET /api/channels.
type channelsSeen struct {
	Channels []struct {
		Channel, Connector, State, From, Fixed, Callback, LastError string
		PID                                                         int
		Settings                                                    map[string]any
	}
	Connectors []struct {
		Name     string
		BuiltIn  bool
		Channels []string
		Schema   map[string]any
	}
	Plugins []struct{ Name, Approval, SHA256 string }
}

func (s *server) channels() (seen channelsSeen) {
	s.t.Helper()
	text := s.must("GET", "/api/channels", nil)
	if strings.Contains(text, gatewayToken) {
		s.t.Errorf("a secret is shown: %s", text)
	}
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		s.t.Fatal(err)
	}
	return seen
}

func (c channelsSeen) states() string {
	var all []string
	for _, one := range c.Channels {
		if one.From != "none" && one.From != "built-in" {
			all = append(all, one.Channel+" "+one.Connector+" "+one.State+" "+one.From)
		}
	}
	return strings.Join(all, ", ")
}

func ordered(user, channel string) map[string]string {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"" + channel + "\" }) end)\n")
	files["trial/messages/hello."+channel+".liquid"] = "Hello\n"
	return files
}

var phone = map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84 90 123 45 67"}}}

// A channel is set up, changed and removed while the server runs. What was decided before it came leaves when it comes;
// bad settings change nothing; secrets are nowhere to be read; and the next start goes on with what was set.
func TestAChannelIsSetWhileTheServerRuns(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, ordered("ada", "sms")), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.eventually("mail goes to the log", func() bool { return s.channels().states() == "email log running default" })
	s.track("ada", "Order", phone)
	s.eventually("the message waits", func() bool {
		all := s.overview().Messages
		return len(all) == 1 && all[0].State == "queued" && all[0].Reason == "there is no connector for sms"
	})

	set := func(body any) (int, string) {
		status, text, _ := s.call("PUT", "/api/channels/sms", body)
		return status, text
	}
	wrong := map[string]any{"provider": "http", "url": settings["url"], "callback_token": gatewayToken, "max_parts": 99}
	if status, text := set(map[string]any{"settings": wrong}); status != 400 || !strings.Contains(text, `"field":"max_parts"`) || strings.Contains(text, gatewayToken) {
		t.Errorf("bad settings: %d %s", status, text)
	}
	for body, want := range map[string]int{`{"settings": "x"}`: 400, `{"sett": {}}`: 400, `[]`: 400, `{"connector": "pigeon", "settings": {}}`: 404, `{"connector": "email", "settings": {}}`: 400, `{"connector": "../x"}`: 400} {
		if status, text := set(body); status != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, _, _ := s.call("PUT", "/api/channels/fax", `{"settings": {}}`); status != 404 {
		t.Errorf("a channel that does not exist: %d", status)
	}
	if status, _, _ := s.call("DELETE", "/api/channels/sms", nil); status != 404 {
		t.Errorf("removing what is not set: %d", status)
	}
	if got := s.channels().states(); got != "email log running default" {
		t.Errorf("what was refused has changed something: %s", got)
	}

	if status, text := set(map[string]any{"settings": settings}); status != 200 || strings.Contains(text, gatewayToken) {
		t.Fatalf("good settings: %d %s", status, text)
	}
	s.eventually("the message that waited leaves", func() bool { return len(sent) == 1 })
	<-sent
	seen := s.channels()
	if got := seen.states(); got != "email log running default, sms sms running settings" {
		t.Errorf("the channels are %s", got)
	}
	before := seen.Channels[1]
	if before.Settings["callback_token"] != "********" || before.Settings["from"] != "SHOP" || before.Callback != s.url+"/callbacks/sms" {
		t.Errorf("sms is shown as %+v", before)
	}

	// Changed as the console does it: the secret stays hidden, and stays what it was.
	before.Settings["from"] = "MARKET"
	if status, text := set(map[string]any{"connector": "sms", "settings": before.Settings}); status != 200 {
		t.Fatalf("changed settings: %d %s", status, text)
	}
	after := s.channels().Channels[1]
	if after.PID == before.PID || after.Settings["from"] != "MARKET" {
		t.Errorf("sms is shown as %+v", after)
	}
	stop := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	status, text, headers := s.call("POST", "/callbacks/sms/"+gatewayToken+"/inbound", "from=%2B84912121212&text=hi", stop)
	if status != 200 {
		t.Errorf("the secret is not what it was: %d %s", status, text)
	}
	if status, text, _ = s.call("GET", "/callbacks/sms/"+gatewayToken+"/status/0a1b?status=delivered", nil); status != 200 { // which has no body
		t.Errorf("a callback that says it in its address: %d %s", status, text)
	}
	if policy := headers.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") { // a connector wrote it
		t.Errorf("a callback's answer may do what the console may: %q", policy)
	}

	// The next start goes on with it, and nothing in the data folder shows the secret.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	notInFolder(t, s.cfg.Data, gatewayToken)
	s.start()
	s.eventually("sms is back", func() bool { return strings.Contains(s.channels().states(), "sms sms running settings") })
	s.track("bob", "Order", phone)
	s.eventually("a message leaves after the restart", func() bool { return len(sent) == 1 })
	<-sent

	s.must("DELETE", "/api/channels/sms", nil)
	s.eventually("sms is gone", func() bool { return s.channels().states() == "email log running default" })
	if status, _, _ := s.call("POST", "/callbacks/sms/"+gatewayToken+"/inbound", "from=%2B1&text=hi", stop); status != 404 {
		t.Errorf("a callback of a channel that was removed: %d", status)
	}
	s.track("eve", "Order", phone)
	s.eventually("it waits again", func() bool { return s.overview().Messages[0].State == "queued" })
	set(map[string]any{"settings": settings})
	s.eventually("and leaves again", func() bool { return len(sent) == 1 })
}

func notInFolder(t *testing.T, folder, secret string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The file of --channels is taken over once, and not needed after that; a connector that refuses it is heard of at once.
func TestTheChannelsFileIsTakenOverOnce(t *testing.T) {
	_, settings := gateway(t)
	file := filepath.Join(t.TempDir(), "channels.json")
	write := func(from string) {
		settings["from"] = from
		text, err := json.Marshal(map[string]any{"sms": map[string]any{"settings": settings}})
		if err == nil {
			err = os.WriteFile(file, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("FIRST")
	s := startServer(t, func(c *config.Config) { c.Channels = config.ChannelsFile(file) })
	sender := func() any { return s.channels().Channels[1].Settings["from"] }
	if got := sender(); got != "FIRST" {
		t.Errorf("taken over: %v", got)
	}
	again := func(channels config.ChannelsFile) {
		t.Helper()
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.cfg.Channels = channels
		s.start()
		if got := sender(); got != "FIRST" {
			t.Errorf("after a start with %q: %v", channels, got)
		}
	}
	write("SECOND")
	again(config.ChannelsFile(file))
	again("")
}

// What flags say about mail counts, and cannot be changed here; without them mail has settings like any other channel.
func TestMailThatFlagsSet(t *testing.T) {
	s := startServer(t, func(c *config.Config) {
		c.SMTP = config.SMTP{Host: "127.0.0.1", Port: 9, Security: "none", From: "Shop <hello@shop.example>", Connections: 1}
	})
	mail := s.channels().Channels[0]
	if mail.From != "flags" || mail.Fixed != "--smtp-host" || mail.Settings["host"] != "127.0.0.1" {
		t.Errorf("mail is %+v", mail)
	}
	settings := map[string]any{"host": "localhost", "from": "a@shop.example", "security": "none"}
	if status, text, _ := s.call("PUT", "/api/channels/email", map[string]any{"settings": settings}); status != 409 || !strings.Contains(text, "--smtp-host") {
		t.Errorf("setting it: %d %s", status, text)
	}
	var answer struct{ Records []struct{ Name, Want string } }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/channels/email/records", nil)), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Records) != 2 || answer.Records[0].Want != "v=spf1 ip4:127.0.0.1 ~all" || answer.Records[1].Name != "_dmarc.shop.example" {
		t.Errorf("the records are %+v", answer.Records)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.cfg.SMTP = config.SMTP{}
	s.start()
	if text := s.must("GET", "/api/channels/email/records", nil); text != `{"records":[]}` {
		t.Errorf("records without a sender: %s", text)
	}
	s.must("PUT", "/api/channels/email", map[string]any{"settings": settings})
	if mail = s.channels().Channels[0]; mail.Connector != "email" || mail.From != "settings" {
		t.Errorf("mail is %+v", mail)
	}
	s.must("DELETE", "/api/channels/email", nil)
	if mail = s.channels().Channels[0]; mail.Connector != "log" || mail.From != "default" {
		t.Errorf("mail is %+v", mail)
	}
}

// Settings that cannot be read any more cost their channel only, and can be set anew.
func TestSettingsThatCannotBeRead(t *testing.T) {
	_, settings := gateway(t)
	s := startServer(t)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.cfg.Data, "channels", "sms.settings"), []byte("stagecraft settings 1\nnonsense nonsense nonsense nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	if sms := s.channels().Channels[1]; !strings.Contains(sms.LastError, "was changed") || sms.State != "none" {
		t.Errorf("sms is %+v", sms)
	}
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	if got := s.channels().states(); !strings.Contains(got, "sms sms running settings") {
		t.Error(got)
	}
}

// A connector of others is approved with the SHA-256 that was looked at, asked what it is, and serves a channel.
func TestAConnectorOfOthersIsApproved(t *testing.T) {
	_, settings := gateway(t)
	s := startServer(t)
	path := filepath.Join(s.cfg.Data, "plugins", "stagecraft-channel-pigeon")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(path, []byte("#!/bin/sh\nexec '"+executable+"' plugin sms\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"connector": "pigeon", "settings": settings}
	if status, text, _ := s.call("PUT", "/api/channels/sms", body); status != 409 || !strings.Contains(text, "not approved") {
		t.Errorf("before the approval: %d %s", status, text)
	}
	seen := s.channels()
	if len(seen.Plugins) != 1 || seen.Plugins[0].Approval != "not approved" || len(seen.Plugins[0].SHA256) != 64 {
		t.Fatalf("the plugins are %+v", seen.Plugins)
	}
	for _, sum := range []string{"", strings.Repeat("0", 64)} {
		if status, _, _ := s.call("POST", "/api/connectors/pigeon/approve", map[string]any{"sha256": sum}); status < 400 {
			t.Errorf("approved with the SHA-256 %q", sum)
		}
	}
	s.must("POST", "/api/connectors/pigeon/approve", map[string]any{"sha256": seen.Plugins[0].SHA256})
	seen = s.channels()
	last := seen.Connectors[len(seen.Connectors)-1]
	if seen.Plugins[0].Approval != "approved" || last.Name != "pigeon" || last.BuiltIn || last.Schema == nil {
		t.Errorf("it is shown as %+v, %+v", seen.Plugins, last)
	}
	s.must("PUT", "/api/channels/sms", body)
	if got := s.channels().states(); !strings.Contains(got, "sms pigeon running settings") {
		t.Error(got)
	}
	s.must("DELETE", "/api/connectors/pigeon/approve", nil)
	if got := s.channels().Plugins[0].Approval; got != "not approved" {
		t.Error(got)
	}
}

// A file that a connector refuses is heard of at the start, before anything is kept of it.
func TestAChannelsFileThatIsRefused(t *testing.T) {
	data := t.TempDir()
	file := filepath.Join(data, "channels.json")
	if err := os.WriteFile(file, []byte(`{"sms": {"settings": {"provider": "http", "url": "`+gatewayToken+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{Data: data, Scripts: filepath.Join(data, "scripts"), Addr: "127.0.0.1:0", MaxPending: 16384, Channels: config.ChannelsFile(file)}
	_, err := app.New(t.Context(), cfg, app.Options{Version: "test", Out: io.Discard, Log: slog.New(slog.DiscardHandler), Plugin: []string{os.Args[0], "plugin"}})
	if lifecycle.CodeOf(err) != lifecycle.Invalid || !strings.Contains(err.Error(), "channel sms") || !strings.Contains(err.Error(), "url is not") {
		t.Errorf("%v", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(data, "channels", "*")); len(kept) > 0 {
		t.Errorf("kept: %v", kept)
	}
}
