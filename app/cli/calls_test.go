//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/cli"
)

// An agent at a terminal works through the queue of a running server.
func TestCalls(t *testing.T) {
	data := t.TempDir()
	scripts := filepath.Join(data, "scripts")
	writeFiles(t, filepath.Join(scripts, "care"), map[string]string{
		"journey.lua":                  "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"welcome.lua":                  "stage { title = \"Welcome\" }\n\nenter(function(customer)\n  send \"hello\"\nend)\n",
		"messages/hello.call.liquid":   "---\nkind: transactional\nreason: Say hello\n---\nGood morning, {{ customer.first_name }}.\n",
		"messages/goodbye.call.liquid": "Goodbye.\n",
	})
	server := startServer(t, data, scripts, "STAGECRAFT_CALL_DISPOSITIONS=interested")
	run := func(args ...string) (int, string) {
		t.Helper()
		var out bytes.Buffer
		code := cli.Main("test", append(append([]string{"calls"}, args...), "--server", "http://"+server.addr()), strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	expect := func(code int, said string, args ...string) {
		t.Helper()
		if got, text := run(args...); got != code || !strings.Contains(text, said) {
			t.Errorf("calls %s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, text)
		}
	}
	post := func(path string, body any) {
		t.Helper()
		if err := server.call("POST", path, body, nil); err != nil {
			t.Fatal(err)
		}
	}
	expect(0, "no call waits", "next", "--agent", "Lan")
	post("/api/journeys/care/mode", map[string]any{"mode": "live"})
	for i, user := range []string{"ada", "bob"} {
		post("/v1/track", map[string]any{"userId": user, "event": "Signed Up", "messageId": user,
			"context": map[string]any{"traits": map[string]any{"first_name": strings.ToUpper(user), "phone": "+44207946000" + string(rune('1'+i))}}})
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, text := run(); strings.Count(text, "Say hello") == i+1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the call does not come into the queue")
			}
		}
	}
	expect(0, "2 calls waiting")
	expect(0, "+442079460001  ada\nSay hello\ncare/hello, claimed by Lan until ", "next", "--agent", "Lan")
	_, text := run("list", "--state", "claimed", "--json", "--agent", "Lan")
	var mine struct{ Calls []struct{ Ref string } }
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&mine); err != nil || len(mine.Calls) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	ref := mine.Calls[0].Ref
	expect(0, "\nGood morning, ADA.\n", "show", ref)
	expect(1, "Lan has this call until ", "claim", ref, "--agent", "Mai")
	expect(1, "this call is Lan's", "release", ref, "--agent", "Mai")
	expect(1, "disposition must be one of reached, no-answer, busy, wrong-number, refused, call-back, interested", "close", ref, "perhaps", "--agent", "Lan")
	expect(1, "a call back needs the time that was agreed", "close", ref, "call-back", "--agent", "Lan")
	tomorrow := time.Now().Add(24 * time.Hour)
	expect(0, "+442079460001  ada  from "+tomorrow.Local().Format("2006-01-02 15:04"), "close", ref, "call-back", "--until", tomorrow.Format(time.RFC3339), "--agent", "Lan", "--note", "in a meeting")
	expect(0, "agreed", "list", "--state", "later")
	expect(0, "Lan: call-back, in a meeting", "show", ref)
	expect(1, "this call waits until ", "claim", ref, "--agent", "Lan")
	expect(0, "+442079460002  bob", "next", "--agent", "Mai")
	_, text = run("list", "--state", "claimed", "--json")
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&mine); err != nil || len(mine.Calls) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	expect(0, "bob  open since ", "release", mine.Calls[0].Ref, "--agent", "Mai")
	expect(0, "claimed by Mai", "claim", mine.Calls[0].Ref, "--agent", "Mai")
	expect(0, "bob  interested by Mai at ", "close", mine.Calls[0].Ref, "interested", "--agent", "Mai")
	expect(0, "interested by Mai", "list", "--state", "closed")
	expect(1, "there is no call", "show", "nothing")
	expect(2, "--state", "list", "--state", "all")
}
