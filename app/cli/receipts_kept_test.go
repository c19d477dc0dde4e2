//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var keptScripts = map[string]string{
	"kept/journey.lua":                 `journey { title = "Kept", stages = { "all" }, moves = {} }`,
	"kept/all.lua":                     "stage { title = \"All\" }\n\non(\"Order\", function(customer)\n  send(\"text\", { by = \"sms\" })\n  send(\"chat\", { by = \"social\" })\nend)\n",
	"kept/messages/text.sms.liquid":    "---\nkind: transactional\n---\nOrdered\n",
	"kept/messages/chat.social.liquid": "---\nkind: transactional\n---\nOrdered\n",
}

// A provider that knows messages by its own IDs only is understood after the power went, and after a change of settings.
func TestReceiptsAreUnderstoodAfterARestart(t *testing.T) {
	var texts, chats atomic.Int64
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"code": "100", "id": "G-%d"}`, texts.Add(1))
	}))
	defer gateway.Close()
	telegram := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok": true, "result": {"message_id": %d, "chat": {"id": 42}}}`, 100+chats.Add(1))
	}))
	defer telegram.Close()
	const token = "token-of-16-letters"
	sms := map[string]any{"provider": "http", "url": gateway.URL, "body": `{"to": "{{digits}}", "text": "{{text}}"}`, "headers": []string{"Authorization: Bearer very-secret"},
		"from": "SHOP", "result_path": "code", "success": "^100$", "id_path": "id", "callback_token": token}
	social := map[string]any{"telegram": map[string]any{"token": "123456:ABC", "callback_secret": "s3cret", "url": telegram.URL}}
	dir := t.TempDir()
	data, scripts := filepath.Join(dir, "data"), filepath.Join(dir, "scripts")
	writeFiles(t, scripts, keptScripts)
	server := startServer(t, data, scripts)
	set := func(channel string, settings any) {
		t.Helper()
		var shown json.RawMessage
		if err := server.call("PUT", "/api/channels/"+channel, map[string]any{"settings": settings}, &shown); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(shown), "very-secret") || channel == "sms" && !strings.Contains(string(shown), `"Authorization: ********"`) {
			t.Errorf("headers are shown as %s", shown)
		}
	}
	set("sms", sms)
	set("social", social)
	server.live(t, "kept")
	order := func(n int) {
		t.Helper()
		if err := server.call("POST", "/v1/track", map[string]any{"userId": "ada", "event": "Order", "messageId": fmt.Sprint("m", n),
			"context": map[string]any{"traits": map[string]any{"phone": "+84901234567", "telegram": "42"}}}, nil); err != nil {
			t.Fatal(err)
		}
		keptEventually(t, "they leave", func() bool { return keptLedger(t, server)["accepted"] == 2*n })
	}
	order(1)
	order(2)
	call := func(path, body string, headers ...string) {
		t.Helper()
		request, err := http.NewRequest("POST", "http://"+server.addr()+"/callbacks/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 {
			t.Errorf("%s: %s %s", path, answer.Status, text)
		}
	}
	delivered := func(id string) {
		t.Helper()
		call("sms/"+token+"/status", `{"id": "`+id+`", "status": "DELIVERED"}`)
	}
	answered := func(id int, text string) {
		t.Helper()
		call("social/telegram", fmt.Sprintf(`{"message": {"text": %q, "date": %d, "chat": {"id": 42}, "from": {"id": 42}, "reply_to_message": {"message_id": %d}}}`, text, time.Now().Unix(), id),
			"X-Telegram-Bot-Api-Secret-Token", "s3cret")
	}
	server.kill()
	server = startServer(t, data, scripts)
	keptEventually(t, "the connectors run", func() bool { return keptRunning(t, server) })
	delivered("G-1")
	answered(101, "the first") // by the address alone it would be the newest
	keptEventually(t, "what was sent before is understood", func() bool {
		events := keptEvents(t, server)
		return events["Sms Delivered"] == 1 && events["Social Replied to 1"] == 1
	})
	sms["max_parts"] = 3
	set("sms", sms)
	social["timeout"] = 7
	set("social", social)
	delivered("G-2")
	delivered("G-2")
	delivered("G-7") // of somebody else
	answered(102, "the second")
	keptEventually(t, "and after new settings", func() bool {
		events := keptEvents(t, server)
		return events["Sms Delivered"] == 2 && events["Social Replied to 2"] == 1
	})
}

func keptEventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(readyWithin); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", readyWithin, what)
		}
	}
}

// keptLedger counts the messages by state.
func keptLedger(t *testing.T, server *serverProcess) map[string]int {
	t.Helper()
	states := map[string]int{}
	for _, m := range keptMessages(t, server, "") {
		states[m.State]++
	}
	return states
}

type keptMessage struct{ Ref, State string }

// keptMessages are those of a channel, the newest first.
func keptMessages(t *testing.T, server *serverProcess, channel string) []keptMessage {
	t.Helper()
	var page struct{ Messages []keptMessage }
	if err := server.call("GET", "/api/messages?limit=100&channel="+channel, nil, &page); err != nil {
		t.Fatal(err)
	}
	return page.Messages
}

func keptRunning(t *testing.T, server *serverProcess) bool {
	t.Helper()
	var o shown
	if err := server.call("GET", "/api/overview", nil, &o); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range o.Channels {
		if c.State == "running" && (c.Channel == "sms" || c.Channel == "social") {
			n++
		}
	}
	return n == 2
}

// keptEvents counts the events of the customer's, an answer with the number of the chat message that it names.
func keptEvents(t *testing.T, server *serverProcess) map[string]int {
	t.Helper()
	numbers := map[string]int{}
	chats := keptMessages(t, server, "social")
	for i, m := range chats {
		numbers[m.Ref[len(m.Ref)-32:]] = len(chats) - i // it ends with the message's ID
	}
	var life struct {
		Entries []struct {
			Event struct {
				Name       string
				Event      string
				Properties struct{ Message string }
			}
		}
	}
	if err := server.call("GET", "/v1/customers/ada/timeline?limit=100", nil, &life); err != nil {
		t.Fatal(err)
	}
	events := map[string]int{}
	for _, entry := range life.Entries {
		name := entry.Event.Name + entry.Event.Event
		if name == "Social Replied" {
			name += fmt.Sprint(" to ", numbers[entry.Event.Properties.Message])
		}
		events[name]++
	}
	return events
}
