//go:build unix

package cli_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// The verbs about webhooks, against a running server.
func TestWebhooks(t *testing.T) {
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	expect := func(code int, said string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		got := cli.Main("test", append(args, "--server", "http://"+server.addr()), strings.NewReader(""), &out, &out)
		if text := strings.Join(strings.Fields(out.String()), " "); got != code || !strings.Contains(text, said) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, text[:min(len(text), 400)])
		}
	}
	expect(0, "No endpoint fails.", "webhooks")
	expect(1, "name one message by its reference", "webhooks", "replay")
	expect(1, "there is no message", "webhooks", "replay", "1-aa")
	expect(0, "0 webhooks are posted once more.", "webhooks", "replay", "--since", "36h")
	expect(1, "state is failed", "webhooks", "replay", "--since", "36h", "--state", "accepted")
	expect(0, "whsec_", "webhooks", "rotate")
	expect(1, "under way", "webhooks", "rotate")
	expect(0, "Two secrets sign", "webhooks")
	expect(0, "the new secret only", "webhooks", "rotate", "--finish")
	expect(0, "channel webhook, endpoint https://hooks.example.com/x", "messages", "pause", "--channel", "webhook", "--endpoint", "https://hooks.example.com/x")
	expect(0, "Nothing is paused", "messages", "resume", "--channel", "webhook", "--endpoint", "https://hooks.example.com/x")
}
