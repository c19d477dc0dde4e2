//go:build unix

package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// The verbs that set channels, against a running server.
func TestChannels(t *testing.T) {
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	expect := func(code int, said, stdin string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		args = append([]string{"channels"}, append(args, "--server", "http://"+server.addr())...)
		got := cli.Main("test", args, strings.NewReader(stdin), &out, &out)
		text := strings.Join(strings.Fields(out.String()), " ")
		if got != code || !strings.Contains(text, said) || strings.Contains(text, "hunter2") {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, text[:min(len(text), 400)])
		}
	}
	settings := `{"provider": "http", "url": "https://gateway.example/", "body": "{\"text\": \"{{text}}\"}", "secret": "hunter2hunter2"}`
	expect(0, "email running via log nothing is set sms none not set", "")
	expect(1, "must hold one JSON object", `["hunter2"]`, "set", "sms", "-")
	expect(1, "provider must be one of", `{"provider": "pigeons", "secret": "hunter2hunter2"}`, "set", "sms", "-")
	expect(1, "no connector fax", settings, "set", "fax", "-")
	expect(0, "at most 5 a second, at most 2 at once", "", "set", "webhook", "--rate", "5", "--concurrency", "2")
	expect(1, "0.001 to 100000", "", "set", "email", "--rate=-1")
	expect(1, "no connector pigeon", settings, "set", "sms", "-", "--connector", "pigeon")
	expect(1, "cannot be read", "", "set", "sms", filepath.Join(data, "none.json"))
	expect(0, "sms running via sms set by settings", settings, "set", "sms", "-")
	expect(0, `"secret":"********"`, "", "list", "--json")
	expect(0, "sms is removed; no message waits for it", "", "remove", "sms")
	expect(1, "has no settings", "", "remove", "sms")
}
