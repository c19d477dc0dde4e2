package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// A connector of others brings a channel that is none of ours: messages are written for it, scripts narrow to it, and consent,
// the caps and the ledger know it. It begins with the start after it was set.
func TestAConnectorBringsAChannel(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"fax\" }) end)\n")
	files["trial/messages/hello.fax.liquid"] = "Hello by fax\n"
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\n---\nHello by mail\n"
	policy := func(c *config.Config) { c.Policy.Preset, c.Policy.Caps = "none", []string{"fax=2/24h"} }
	s := startServer(t, withScripts(t, files), policy)
	path := filepath.Join(s.cfg.Data, "plugins", "stagecraft-channel-paper")
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(path, []byte("#!/bin/sh\nexec '"+executable+"' plugin fax\n"), 0o700); err != nil {
		t.Fatal(err)
	}
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
	s.must("PUT", "/api/channels/fax", body)
	if got := s.must("GET", "/api/channels", nil); !strings.Contains(got, "the channel is new and begins with the next start of the server") {
		t.Errorf("it is not shown: %s", got)
	}
	if err = s.stop(); err != nil {
		t.Fatal(err)
	}
	data, scripts := s.cfg.Data, s.cfg.Scripts
	s = startServer(t, policy, func(c *config.Config) { c.Data, c.Scripts = data, scripts })
	s.eventually("it runs", func() bool { return strings.Contains(s.channels().states(), "fax paper running settings") })
	s.setMode("trial", lifecycle.Live)
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"fax": "+84 28 3822 0000"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ben", "traits": map[string]any{"fax": "7"}})
	s.track("ada", "Order")
	s.eventually("it leaves", func() bool { return s.states()["accepted"] == 1 })
	if got := s.must("GET", "/v1/messages", nil); !strings.Contains(got, `"channel":"fax"`) {
		t.Errorf("the ledger: %s", got)
	}
	s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "channel": "fax", "granted": false})
	s.track("ada", "Order")
	s.eventually("consent holds there", func() bool { return len(s.states()) == 2 })
	for range 3 {
		s.track("ben", "Order")
	}
	s.eventually("and so do caps", func() bool { return s.states()["accepted"] == 3 && len(s.states()) == 3 })
}
