package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
	connlog "stagecraft/plugins/log"
)

// faxConnector is a connector of others, for a channel of its own.
type faxConnector struct{ *connlog.Connector }

func (f faxConnector) Describe() channel.Description {
	d := f.Connector.Describe()
	d.Name, d.Channels = "fax", []string{"fax"}
	return d
}

// Send refuses what is for a number that is gone.
func (f faxConnector) Send(ctx context.Context, messages []channel.Message) []channel.Receipt {
	receipts := f.Connector.Send(ctx, messages)
	for i, m := range messages {
		if m.To == "gone 1" {
			receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Permanent, Reason: "no such number", Data: map[string]string{channel.FactGone: "1"}}
		}
	}
	return receipts
}

// A connector of others brings a channel that is none of ours: messages are written for it, scripts narrow to it, and consent,
// the caps and the ledger know it. It comes, goes and comes back while the server runs.
func TestAConnectorBringsAChannel(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"fax\" }) end)\n")
	files["trial/messages/hello.fax.liquid"] = "Hello by fax\n"
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\n---\nHello by mail\n"
	policy := func(c *config.Config) { c.Policy.Preset, c.Policy.Caps = "none", []string{"fax=2/24h"} }
	s := startServer(t, withScripts(t, files), policy)
	s.installFax("")
	s.must("POST", "/api/connectors/paper/approve", map[string]any{"sha256": s.channels().Plugins[0].SHA256})
	folder := t.TempDir()
	body := map[string]any{"connector": "paper", "settings": map[string]any{"folder": folder}}
	for _, name := range []string{"emial", "telegram", "FAX"} {
		if status, text, _ := s.call("PUT", "/api/channels/"+name, body); status != 404 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if status, text, _ := s.call("PUT", "/api/channels/pager", body); status < 400 {
		t.Errorf("a channel that the connector does not serve: %d %s", status, text)
	}
	// What was decided before the channel came waits, and shows.
	s.setMode("trial", lifecycle.Live)
	s.must("POST", "/v1/identify", map[string]any{"userId": "eve", "traits": map[string]any{"fax": "9"}})
	s.track("eve", "Order")
	s.eventually("it waits", func() bool { return s.states()["queued there is no connector for fax"] == 1 })
	if fax := s.channel("fax"); fax.From != "none" || fax.State != "none" || fax.Queued != 1 {
		t.Errorf("before it is set: %+v", fax)
	}
	s.must("PUT", "/api/channels/fax", body)
	s.eventually("it runs", func() bool { return strings.Contains(s.channels().states(), "fax paper running settings") })
	s.eventually("what waited leaves", func() bool { return s.states()["accepted"] == 1 })
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"fax": "+84 28 3822 0000"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ben", "traits": map[string]any{"fax": "7"}})
	s.track("ada", "Order")
	s.eventually("it leaves", func() bool { return s.states()["accepted"] == 2 })
	if got := s.must("GET", "/v1/messages", nil); !strings.Contains(got, `"channel":"fax"`) {
		t.Errorf("the ledger: %s", got)
	}
	s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": "fax", "granted": false})
	s.track("ada", "Order")
	s.eventually("consent holds there", func() bool { return len(s.states()) == 2 })
	for range 3 {
		s.track("ben", "Order")
	}
	s.eventually("and so do caps", func() bool { return s.states()["accepted"] == 4 && len(s.states()) == 3 })

	// Removed, its process ends; what is decided meanwhile waits and leaves when it is back, and the limits have stayed.
	s.must("PUT", "/api/channels/fax", map[string]any{"rate": 50, "concurrency": 7})
	pid := s.channel("fax").PID
	s.must("DELETE", "/api/channels/fax", nil)
	if runs(pid) {
		t.Error("the connector of a removed channel runs")
	}
	if fax := s.channel("fax"); fax.From != "none" || fax.State != "none" { // its connector is there still, and brings it
		t.Errorf("it is shown as %+v", fax)
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "dan", "traits": map[string]any{"fax": "8"}})
	s.track("dan", "Order")
	s.eventually("it waits, as does what the caps put off", func() bool { return s.channel("fax").Queued == 2 })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if fax := s.channel("fax"); fax.From != "none" || fax.Queued != 2 {
		t.Errorf("after a restart: %+v", fax)
	}
	s.must("PUT", "/api/channels/fax", body)
	s.eventually("what waited leaves", func() bool { return s.states()["accepted"] == 5 })
	if fax := s.channel("fax"); fax.Rate != 50 || fax.Concurrency != 7 || fax.Queued != 1 {
		t.Errorf("when it is back: %+v", fax)
	}
}

// An approval that is taken back, through the API or by the verb, stops the connector; messages wait, and leave as soon as it is
// approved. A new version that is approved takes the place of the one that runs.
func TestAnApprovalIsHeeded(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"fax\" }) end)\n")
	files["trial/messages/hello.fax.liquid"] = "---\nkind: transactional\n---\nHello by fax\n"
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	s.installFax("first")
	verbs := channels.Plugins{Data: s.cfg.Data}
	approve := func() {
		t.Helper()
		if _, err := verbs.Approve("paper", "", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	approve()
	s.must("PUT", "/api/channels/fax", map[string]any{"connector": "paper", "settings": map[string]any{"folder": t.TempDir()}})
	s.eventually("it runs", func() bool { return s.channel("fax").State == "running" })
	ask := func(user string) {
		t.Helper()
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"fax": "7"}})
		s.track(user, "Order")
	}
	first := s.channel("fax").PID
	s.installFax("second")
	if pid := s.channel("fax").PID; pid != first {
		t.Error("a change of the file alone has replaced what runs")
	}
	approve()
	s.eventually("the new version runs", func() bool { fax := s.channel("fax"); return fax.State == "running" && fax.PID != first })
	if runs(first) {
		t.Error("the former version runs too")
	}
	for i, disapprove := range []func(){
		func() { s.must("DELETE", "/api/connectors/paper/approve", nil) },
		func() {
			if err := verbs.Remove("paper"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		pid := s.channel("fax").PID
		disapprove()
		s.eventually("it stops", func() bool { return s.channel("fax").State == "none" && !runs(pid) })
		if fax := s.channel("fax"); fax.From != "settings" || !strings.Contains(fax.LastError, "not approved") {
			t.Errorf("it is %+v", fax)
		}
		if got := s.must("GET", "/metrics", nil); !strings.Contains(got, `channel="fax"`) {
			t.Errorf("nobody is alarmed: %s", got)
		}
		ask(fmt.Sprint("user-", i))
		s.eventually("messages wait", func() bool { return s.channel("fax").Queued == 1 })
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		s.start()
		if fax := s.channel("fax"); fax.State != "none" || fax.Queued != 1 {
			t.Errorf("after a restart it is %+v", fax)
		}
		approve()
		s.eventually("they leave", func() bool { return s.states()["accepted"] == i+1 })
	}
}

// The connectors of the inbox, of calls and of webhooks serve no other channel, and an answer says so; one of others may have such a
// name. Where nothing can be set by a name, the answer lists what can be set, and for limits what can be limited.
func TestAConnectorOfOneChannel(t *testing.T) {
	s := startServer(t)
	refused := func(channel string, body map[string]any, want string) {
		t.Helper()
		if status, text, _ := s.call("PUT", "/api/channels/"+channel, body); status < 400 || !strings.Contains(text, want) {
			t.Errorf("%s %v: %d %s", channel, body, status, text)
		}
	}
	for _, name := range []string{"inapp", "call", "webhook"} {
		refused("sms", map[string]any{"connector": name}, "connector "+name+" serves the channel "+name+" only")
	}
	refused("telegram", map[string]any{"settings": map[string]any{}}, "that can be set; there are: email, sms, push, social, letter\"")
	refused("telegram", map[string]any{"settings": map[string]any{}, "rate": 5}, "that can be set; there are: email, sms, push, social, letter\"")
	refused("telegram", map[string]any{"rate": 5}, "that can be limited; there are: email, sms, push, social, letter, inapp, call, webhook\"")

	s.installFax("")
	folder := filepath.Join(s.cfg.Data, "plugins")
	if err := os.Rename(filepath.Join(folder, "stagecraft-channel-paper"), filepath.Join(folder, "stagecraft-channel-inapp")); err != nil {
		t.Fatal(err)
	}
	body := map[string]any{"connector": "inapp", "settings": map[string]any{"folder": t.TempDir()}}
	refused("fax", body, "connector inapp is not approved")
	s.must("POST", "/api/connectors/inapp/approve", map[string]any{"sha256": s.channels().Plugins[0].SHA256})
	s.must("PUT", "/api/channels/fax", body)
	s.eventually("it runs", func() bool { return strings.Contains(s.channels().states(), "fax inapp running settings") })
}

// installFax puts the connector paper into the data folder, with words that change what it is and not what it does.
func (s *server) installFax(words string) {
	s.t.Helper()
	path := filepath.Join(s.cfg.Data, "plugins", "stagecraft-channel-paper")
	executable, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path+".new", []byte("#!/bin/sh\n# "+words+"\nexec '"+executable+"' plugin fax\n"), 0o700)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// faxSeen is what these tests look at of a channel.
type faxSeen struct {
	Channel, State, From, LastError string
	PID, Queued, Concurrency        int
	Rate                            float64
}

// channel returns how a channel is shown; the zero value if it is not.
func (s *server) channel(name string) faxSeen {
	s.t.Helper()
	var all struct{ Channels []faxSeen }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/channels", nil)), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, one := range all.Channels {
		if one.Channel == name {
			return one
		}
	}
	return faxSeen{}
}

// runs reports whether a process is there.
func runs(pid int) bool {
	process, err := os.FindProcess(pid)
	return err == nil && pid > 0 && process.Signal(syscall.Signal(0)) == nil
}
