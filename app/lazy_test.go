package app_test

import (
	"strings"
	"syscall"
	"testing"

	"stagecraft/app/lifecycle"
)

// connectorOf returns the state and the process of a channel's connector.
func (s *server) connectorOf(channel string) (state string, pid int) {
	s.t.Helper()
	for _, c := range s.channels().Channels {
		if c.Channel == channel {
			return c.State, c.PID
		}
	}
	s.t.Fatalf("channel %s is not shown", channel)
	return "", 0
}

// What a stranger posts starts no process: the connectors that begin with their first message take no callbacks.
func TestACallbackStartsNoConnector(t *testing.T) {
	s := startServer(t)
	for _, channel := range []string{"webhook", "inapp", "call"} {
		if status, text, _ := s.call("POST", "/callbacks/"+channel, "x"); status != 404 {
			t.Errorf("%s: %d %s", channel, status, text)
		}
		if state, _ := s.connectorOf(channel); state != "idle" {
			t.Errorf("%s is %s", channel, state)
		}
	}
}

// The connectors of inboxes and calls begin with their first message, and come back when they die. They have no settings,
// but limits.
func TestConnectorsOfInboxesAndCalls(t *testing.T) {
	files := inApp()
	files["trial/a.lua"] += `on("Ring", function() send("note", { by = "call" }) end)` + "\n"
	files["trial/messages/note.call.liquid"] = "---\nreason: Ask how it went\nnumber: 1900 1234\nkind: transactional\n---\nHello.\n"
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	gets := func(user string) {
		token := s.tokenOf(user)
		s.track(user, "Order", map[string]any{"properties": map[string]any{"number": "1"}})
		s.eventually(user+"'s inbox has it", func() bool { return len(s.inbox(token).Messages) == 1 })
	}
	gets("ada")
	state, pid := s.connectorOf("inapp")
	if calls, _ := s.connectorOf("call"); state != "running" || pid == 0 || calls != "idle" {
		t.Fatalf("inboxes are %s, calls %s", state, calls)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gets("grace")
	if _, again := s.connectorOf("inapp"); again == pid {
		t.Error("the killed process serves on")
	}
	if status, text, _ := s.call("PUT", "/api/channels/inapp", map[string]any{"settings": map[string]any{}}); status != 409 || !strings.Contains(text, "no settings") {
		t.Errorf("%d %s", status, text)
	}
	s.must("PUT", "/api/channels/call", map[string]any{"rate": 2})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "traits": map[string]any{"phone": "+84 90 123 45 67"}})
	s.track("ada", "Ring", nil)
	s.eventually("the call is in the list", func() bool { return len(s.calls("").Calls) == 1 })
}
