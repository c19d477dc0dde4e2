package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A script's webhook is posted by a connector of its own, which is started by the first one.
func TestAWebhookIsPosted(t *testing.T) {
	type hook struct{ id, signature, body string }
	hooks := make(chan hook, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- hook{r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Signature"), string(body)}
	}))
	defer receiver.Close()
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function(customer, event)\n"+
		"  webhook(\""+receiver.URL+"/orders\", { total = event.properties.total })\nend)\n")),
		func(c *config.Config) { c.WebhookAllow = []string{"127.0.0.1"} })
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Something else")
	if channels := s.overview().Channels; len(channels) != 1 {
		t.Errorf("before the first webhook the channels are %v", channels)
	}
	s.track("ada", "Order", map[string]any{"properties": map[string]any{"total": 20}})
	got := <-hooks
	if got.id == "" || !strings.HasPrefix(got.signature, "v1,") || got.body != `{"total":20}` {
		t.Errorf("what was posted: %+v", got)
	}
	s.eventually("the ledger shows it", func() bool {
		for _, m := range s.overview().Messages {
			if m.State == "accepted" && m.Name == strings.TrimPrefix(receiver.URL, "http://") {
				return true
			}
		}
		return false
	})
	if channels := s.overview().Channels; len(channels) != 2 || channels[1].Channel != "webhook" || channels[1].State != "running" {
		t.Errorf("the channels are %v", channels)
	}
}

// Without leave, a script reaches nothing in the server's own network.
func TestAWebhookStaysOutOfTheOwnNetwork(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was posted") }))
	defer receiver.Close()
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function()\n  webhook(\""+receiver.URL+"\", {})\nend)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.eventually("it has failed", func() bool {
		messages := s.overview().Messages
		return len(messages) == 1 && messages[0].State == "failed" && strings.Contains(messages[0].Reason, "allow the host by name")
	})
}

// A data folder from before there were webhooks keeps its keys and gets a secret to sign with; the next start keeps it.
func TestKeysOfAnOlderFolder(t *testing.T) {
	s := startServer(t, func(c *config.Config) {
		if err := os.WriteFile(filepath.Join(c.Data, "keys.json"), []byte(`{"write": "the-write-key", "admin": "the-admin-key"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	read := func() (keys struct{ Write, Admin, Webhook string }) {
		data, err := os.ReadFile(filepath.Join(s.cfg.Data, "keys.json"))
		if err == nil {
			err = json.Unmarshal(data, &keys)
		}
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	first := read()
	if first.Write != "the-write-key" || first.Admin != "the-admin-key" || !strings.HasPrefix(first.Webhook, "whsec_") || len(first.Webhook) < 40 {
		t.Errorf("the keys are %+v", first)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if again := read(); again != first {
		t.Errorf("the keys became %+v", again)
	}
}

// Every figure of a journey is in the metrics too, but for those of single lines.
func TestMetricsOfAJourney(t *testing.T) {
	s := startServer(t, withScripts(t, map[string]string{
		"trial/journey.lua": `journey { title = "Trial", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`,
		"trial/a.lua": "stage { title = \"A\", goal = \"Order\", next = \"b\" }\nenter(function()\n  split(\"side\", \"left\", \"right\")\n" +
			"  wait \"1 day\"\nend)\n",
		"trial/b.lua": "stage { title = \"B\", exit = { \"Goodbye\" } }\non(\"Back\", function() move \"a\" end)\n"}))
	s.setMode("trial", lifecycle.Live)
	for _, event := range []string{"Hello", "Order", "Back", "Order", "Goodbye"} {
		s.track("ada", event)
	}
	s.track("bob", "Hello")
	text := s.must("GET", "/metrics", nil)
	for _, want := range []string{
		`stagecraft_journey_mode{journey="trial",mode="live"} 1`,
		`stagecraft_stage_entered_total{journey="trial",stage="a"} 3`,
		`stagecraft_stage_converted_total{journey="trial",stage="a"} 2`,
		`stagecraft_stage_exits_total{journey="trial",stage="b"} 1`,
		`stagecraft_steps_back_total{from="b",journey="trial",to="a"} 1`,
		`stagecraft_choices_total{journey="trial",name="side",value="`,
		`stagecraft_stage_stay_median_seconds{journey="trial",stage="a"} `,
		`stagecraft_runs_waiting{journey="trial",version="`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "stagecraft_runs_waiting{") && !strings.HasSuffix(line, " 1\n") {
			t.Errorf("one run waits, not as in %s", line)
		}
	}
}
