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

// The verbs that switch journeys and mark test people, against a running server. Everybody in the journey has a timer
// that is due within the hour, and the server's limit is none.
func TestJourneysAndCustomers(t *testing.T) {
	data := t.TempDir()
	scripts := filepath.Join(data, "scripts")
	writeFiles(t, filepath.Join(scripts, "care"), map[string]string{
		"journey.lua": "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"welcome.lua": "stage { title = \"Welcome\" }\n\nenter(function(customer)\n  wait \"30 minutes\"\nend)\n",
	})
	server, err := launchServer(builtBinary(t), data, scripts, "STAGECRAFT_PUBLISH_LIMIT=0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) (int, string) {
		t.Helper()
		var out bytes.Buffer
		code := cli.Main("test", append(args, "--server", "http://"+server.addr()), strings.NewReader(stdin), &out, &out)
		return code, out.String()
	}
	expect := func(code int, said string, stdin string, args ...string) {
		t.Helper()
		if got, text := run(stdin, args...); got != code || !strings.Contains(text, said) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, text)
		}
	}
	// Nobody is in it yet: going live asks nothing.
	expect(0, "0 in the next hour", "", "journeys", "care", "live")
	client, err := cli.NewClient("http://"+server.addr(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Post(t.Context(), "/v1/track", map[string]any{"userId": "u-1", "event": "Signed Up", "messageId": "1"}, nil); err != nil {
		t.Fatal(err)
	}
	expect(0, "journey  mode ", "", "journeys")
	expect(0, "care  braked  1 customer", "", "journeys", "care", "braked")
	expect(1, "Take care live? [y/N]", "n\n", "journeys", "care", "live")
	expect(1, "was left as it was", "", "journeys", "care", "live")
	expect(0, "care  braked", "", "journeys", "care")
	expect(0, "care  live", "y\n", "journeys", "care", "live")
	expect(0, "care  shadow", "", "journeys", "care", "shadow")
	expect(0, "1 in the next hour, 1 in the next seven days", "", "journeys", "care", "live", "--yes")
	expect(2, "not a mode", "", "journeys", "care", "fast")
	expect(1, "there is no journey", "", "journeys", "nothing", "live")

	if err = os.Rename(filepath.Join(scripts, "care"), filepath.Join(scripts, "concern")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, text := run("", "journeys"); strings.Contains(text, "concern  off") {
			break
		}
	}
	expect(0, "its folder is gone; the version that was published last runs on", "", "journeys", "care")
	expect(1, "Journey care may be concern under another name", "n\n", "journeys", "concern", "live")
	expect(0, "concern  off", "", "journeys", "concern")
	if err = os.Rename(filepath.Join(scripts, "concern"), filepath.Join(scripts, "care")); err != nil {
		t.Fatal(err)
	}

	expect(0, "u-1 is a test person now", "", "customers", "test", "u-1")
	expect(0, "care  live  0 customers", "", "journeys", "care")
	expect(0, "like any other", "", "customers", "test", "u-1", "--off")
	expect(1, "there is no customer", "", "customers", "test", "nobody")

	// A folder in which a stage has another name stands in place of the server's, not over it.
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{
		"care/journey.lua":  "journey { title = \"Care\", stages = { \"hello\" }, renamed = { [\"welcome\"] = \"hello\" } }\n",
		"care/hello.lua":    "use \"lib/greetings\"\nstage { title = \"Hello\" }\n",
		"lib/greetings.lua": "function greeting() return \"hello\" end\n",
	})
	expect(0, "renamed, its customers are in hello", "", "plan", "care", folder)
}
