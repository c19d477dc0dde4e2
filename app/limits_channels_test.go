package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// limitsSeen is what GET /api/channels says of a channel's limits and pauses.
func (s *server) limitsSeen(channel string) (seen struct {
	Channel, State, From string
	Rate                 float64
	Concurrency          int
	Pauses               []struct{ Channel, Kind, By, Why string }
}) {
	s.t.Helper()
	var all struct{ Channels []json.RawMessage }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/channels", nil)), &all); err != nil {
		s.t.Fatal(err)
	}
	for _, raw := range all.Channels {
		if err := json.Unmarshal(raw, &seen); err != nil {
			s.t.Fatal(err)
		} else if seen.Channel == channel {
			return seen
		}
	}
	s.t.Fatalf("there is no channel %s", channel)
	return seen
}

// Every channel can be limited while the server runs, also one that flags set, without its settings; that is kept.
func TestChannelsAreLimited(t *testing.T) {
	sent, settings := gateway(t)
	s := startServer(t, withScripts(t, ordered("ada", "sms")), func(c *config.Config) {
		c.Policy.Preset = "none"
		c.SMTP = config.SMTP{Host: "127.0.0.1", Port: 9, Security: "none", From: "Shop <hello@shop.example>", Connections: 1}
	})
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings, "rate": 0.01, "concurrency": 3})
	s.must("PUT", "/api/channels/email", map[string]any{"concurrency": 2})
	s.must("PUT", "/api/channels/webhook", map[string]any{"rate": 50})
	if sms := s.limitsSeen("sms"); sms.Rate != 0.01 || sms.Concurrency != 3 || sms.State != "running" {
		t.Errorf("sms is %+v", sms)
	}
	for body, field := range map[string]string{`{"rate": -1}`: "rate", `{"concurrency": -1}`: "concurrency", `{"concurrency": 1000000}`: "concurrency"} {
		if status, text, _ := s.call("PUT", "/api/channels/email", body); status != 400 || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := s.call("PUT", "/api/channels/fax", `{"rate": 1}`); status != 404 {
		t.Errorf("a channel that does not exist: %d %s", status, text)
	}
	if status, text, _ := s.call("PUT", "/api/channels/webhook", `{"settings": {}}`); status != 409 {
		t.Errorf("settings of webhooks: %d %s", status, text)
	}

	// The second message would leave 100 seconds after the first. It leaves when the limit is lifted.
	began := time.Now()
	s.track("ada", "Order", phone)
	s.track("ben", "Order", phone)
	s.eventually("the first leaves", func() bool { return len(sent) == 1 })
	s.must("PUT", "/api/channels/sms", map[string]any{"rate": 0})
	s.eventually("the second leaves", func() bool { return len(sent) == 2 })
	if took := time.Since(began); took > 90*time.Second {
		t.Errorf("a lifted limit counts on for %s", took)
	}

	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if sms, email, webhook := s.limitsSeen("sms"), s.limitsSeen("email"), s.limitsSeen("webhook"); sms.Rate != 0 || sms.Concurrency != 3 || email.Concurrency != 2 ||
		email.From != "flags" || webhook.Rate != 50 || webhook.From != "built-in" || webhook.State != "idle" {
		t.Errorf("after a restart: %+v, %+v, %+v", sms, email, webhook)
	}
}

// What is paused shows beside the channel; what is misspelt is refused with what there is.
func TestOrdersAboutWhatThereIs(t *testing.T) {
	s := startServer(t, withScripts(t, ordered("ada", "sms")))
	s.setMode("trial", lifecycle.Live)
	for body, want := range map[string]string{
		`{"channel": "emial"}`:              "these are: call, email, inapp, letter, push, sms, social, webhook",
		`{"journey": "nojourney"}`:          "trial",
		`{"channel": "sms", "kind": "odd"}`: "transactional or marketing",
	} {
		for _, order := range []string{"pause", "resume", "cancel"} {
			if status, text, _ := s.call("POST", "/api/orders/"+order, body); status != 400 || !strings.Contains(text, want) {
				t.Errorf("%s %s: %d %s", order, body, status, text)
			}
		}
	}
	s.must("POST", "/api/orders/pause", map[string]string{"channel": "sms", "kind": "marketing", "by": "Ops", "why": "too many"})
	s.must("POST", "/api/orders/pause", map[string]string{"channel": "sms", "journey": "trial", "by": "Ops"})
	if sms := s.limitsSeen("sms"); len(sms.Pauses) != 1 || sms.Pauses[0].Kind != "marketing" || sms.Pauses[0].Why != "too many" {
		t.Errorf("sms is %+v", sms)
	}

	// The overview tells of it too: that a connector runs does not mean that anything leaves by it.
	s.must("POST", "/api/orders/pause", map[string]string{"channel": "email", "by": "Ops", "why": "the price is wrong"})
	channels := s.overview().Channels
	if len(channels) != 1 || channels[0].Channel != "email" || len(channels[0].Pauses) != 1 || channels[0].Pauses[0].Why != "the price is wrong" {
		t.Errorf("the overview's channels are %+v", channels)
	}
	s.must("POST", "/api/orders/resume", map[string]string{"channel": "email"})
	if channels = s.overview().Channels; len(channels[0].Pauses) != 0 {
		t.Errorf("resumed, they are %+v", channels)
	}
}

// Whoever writes a text message sees what it takes: in the preview, of a test, and in the ledger.
func TestPartsOfTextMessages(t *testing.T) {
	sent, settings := gateway(t)
	files := ordered("ada", "sms")
	files["trial/messages/hello.sms.liquid"] = "---\nkind: transactional\n---\n" + strings.Repeat("ơ", 71) + "\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	settings["max_parts"] = 2
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.track("ada", "Order", phone)
	s.eventually("it leaves", func() bool { return len(sent) == 1 })
	const want = `"sms":{"encoding":"UCS-2","units":71,"parts":2}`
	if text := s.must("POST", "/api/journeys/trial/messages/preview", map[string]any{"message": "hello", "channel": "sms", "user": "ada"}); !strings.Contains(text, want) {
		t.Errorf("the preview: %s", text)
	}
	if text := s.must("GET", "/api/messages/"+s.ledgerOf("customer=ada").Messages[0].Ref, nil); !strings.Contains(text, want) {
		t.Errorf("the ledger: %s", text)
	}
	test := s.must("POST", "/api/journeys/trial/messages/test", map[string]any{"message": "hello", "channel": "sms", "user": "ada", "to": "+84901234567"})
	if !strings.Contains(test, `"sms":{"encoding":"UCS-2","units":78,"parts":2}`) {
		t.Errorf("the test: %s", test)
	}
}
