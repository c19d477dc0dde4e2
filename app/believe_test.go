package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A connector is believed about messages of channels of its own kind only: those may share a provider, or a mailbox.
func TestReportsAboutAnotherChannel(t *testing.T) {
	sent, settings := gateway(t)
	files := ordered("ada", "sms")
	files["trial/a.lua"] = "stage { title = \"A\" }\non(\"Order\", function() send(\"hello\", { by = \"sms\" }) send(\"news\", { by = \"email\" }) end)\n"
	files["trial/messages/news.email.liquid"] = "---\nsubject: News\n---\nNews\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	s.must("PUT", "/api/channels/sms", map[string]any{"settings": settings})
	s.must("PUT", "/api/channels/sms-gw", map[string]any{"settings": settings})
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"phone": "+84 90 123 45 67", "email": "ada@example.com"}}})
	s.eventually("both leave", func() bool { return len(sent) == 1 && s.states()["accepted"] == 2 })
	var page struct {
		Messages []struct {
			Ref, Customer, Channel string
			Decided                time.Time
		}
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/messages", nil)), &page); err != nil {
		t.Fatal(err)
	}
	wire := map[string]string{} // how connectors know the messages
	for _, m := range page.Messages {
		customer, err := lifecycle.ParseID(m.Customer)
		if err != nil {
			t.Fatal(err)
		}
		id, err := lifecycle.ParseID(m.Ref[len(m.Ref)-32:])
		if err != nil {
			t.Fatal(err)
		}
		wire[m.Channel] = lifecycle.Ref{Partition: customer.Partition(), Decided: m.Decided, ID: id}.String()
	}
	report := func(channel, id, status string) {
		t.Helper()
		if code, text, _ := s.call("GET", "/callbacks/"+channel+"/"+gatewayToken+"/status/"+id+"?status="+status, nil); code != 200 {
			t.Fatalf("the report: %d %s", code, text)
		}
	}
	report("sms-gw", wire["email"], "failed")
	report("sms", wire["sms"], "delivered")
	s.eventually("its own is heard", func() bool { return len(s.ledgerOf("state=delivered").Messages) == 1 })
	if got := s.ledgerOf("state=bounced").Messages; len(got) != 0 {
		t.Errorf("it was believed: %+v", got)
	}
	if text := s.must("GET", "/api/channels", nil); !strings.Contains(text, "was not believed") || !strings.Contains(text, "which goes by email") {
		t.Errorf("nobody is told: %s", text)
	}
	report("sms-gw", wire["sms"], "failed")
	s.eventually("another one of its kind is heard", func() bool { return len(s.ledgerOf("state=bounced").Messages) == 1 })
}
