//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/cli"
)

// The verbs of a broadcast, against a running server.
func TestBroadcast(t *testing.T) {
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAGECRAFT_WRITE_KEY", testKey)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(code int, said string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		args = append(args, "--server", "http://"+server.addr())
		if got := cli.Main("test", args, strings.NewReader(""), &out, &out); got != code || !strings.Contains(out.String(), said) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, out.String())
		}
		return out.String()
	}
	people := file("people.csv", "userId,date\nada,2026-01-01\nbob,2026-01-01\ncyd,2026-01-01\n")
	run(0, "", "import", people, "--history", "--map", "userId=userId", "--map", "timestamp=date", "--map", "event:=Seen", "--map", "properties.x:=1")
	draft := file("draft.json", `{"audience": {"list": true}, "parts": [{"texts": {"sms": "Hello {{ event.properties.code }}"}}]}`)
	run(0, "draft", "broadcast", "save", "hello", draft)
	run(0, "2 put on the list, 1 were there already, 1 are not known", "broadcast", "add", "hello", file("list.csv", "userId,code\nada,\"A;1\"\nbob,B2\nada,A3\nnobody,C4\n"))
	run(0, "kept back: no address", "broadcast", "ahead", "hello")
	run(0, "2 of 2 are meant, 0 would get it, 0 held out", "broadcast", "ahead", "hello")
	run(1, "list", "broadcast", "save", "wrong", file("wrong.json", `{"audience": {"list": true, "everybody": true}, "parts": []}`))
	run(0, "", "broadcast", "start", "hello")
	var shown string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if shown = run(0, "", "broadcast", "show", "hello"); strings.Contains(shown, "2 let in, 2 on the list") {
			break
		}
	}
	if !strings.Contains(shown, "2 let in, 2 on the list") {
		t.Errorf("it shows:\n%s", shown)
	}
	run(0, "hello", "broadcast")
	run(0, "", "broadcast", "save", "later", file("later.json", `{"audience": {"everybody": true}, "at": "2100-01-01T09:00:00Z", "parts": [{"texts": {"sms": "Hello"}}]}`))
	run(0, "", "broadcast", "start", "later")
	run(0, "", "messages", "pause", "--channel", "sms", "--kind", "marketing", "--why", "too many complaints")
	run(0, "channel sms, kind marketing is paused by ", "broadcast", "show", "later")
	run(0, ": too many complaints; what it holds leaves after stagecraft messages resume --channel sms --kind marketing\n", "broadcast", "show", "later")
	run(0, "; it goes on with stagecraft broadcast resume later\n", "broadcast", "pause", "later", "--why", "a typo")
	run(0, "stopped", "broadcast", "stop", "hello", "--why", "enough")
	run(0, "", "broadcast", "remove", "hello")
}
