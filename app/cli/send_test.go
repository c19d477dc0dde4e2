//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// The verb that sends one message, against a running server.
func TestSend(t *testing.T) {
	data := t.TempDir()
	scripts := filepath.Join(data, "scripts")
	writeFiles(t, filepath.Join(scripts, "shop"), map[string]string{
		"journey.lua":                    "journey { title = \"Shop\", stages = { \"buyer\" } }\n",
		"buyer.lua":                      "stage { title = \"Buyer\" }\n",
		"messages/receipt.email.liquid":  "---\nsubject: Receipt\nkind: transactional\n---\n{{ event.properties.total | times: 2 }} for {{ event.properties.item }}\n",
		"messages/farewell.email.liquid": "---\nsubject: Farewell\n---\nBye\n",
	})
	server, err := launchServer(builtBinary(t), data, scripts)
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAGECRAFT_WRITE_KEY", testKey)
	expect := func(code int, said string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		args = append([]string{"send"}, append(args, "--server", "http://"+server.addr())...)
		if got := cli.Main("test", args, strings.NewReader(""), &out, &out); got != code || !strings.Contains(out.String(), said) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", strings.Join(args, " "), got, code, said, out.String())
		}
		return out.String()
	}
	var admin bytes.Buffer
	if code := cli.Main("test", []string{"journeys", "shop", "live", "--yes", "--server", "http://" + server.addr()}, strings.NewReader(""), &admin, &admin); code != 0 {
		t.Fatal(admin.String())
	}
	expect(0, "accepted by email", "ada", "shop/receipt", "--email", "ada@example.com", "-p", "total=21", "-p", "item=two; or three", "--wait", "30s")
	first := expect(0, "by email", "ada", "shop/receipt", "-p", "total=1", "-p", "item=x", "--idempotency-key", "k")
	if again := expect(0, "by email", "ada", "shop/receipt", "-p", "total=1", "-p", "item=x", "--idempotency-key", "k"); again != first {
		t.Errorf("the same key: %q, then %q", first, again)
	}
	expect(1, "suppressed by email: no address", "bob", "shop/receipt", "-p", "total=1", "-p", "item=x", "--wait", "30s")
	expect(1, "is marketing", "ada", "shop/farewell")
	expect(1, "there is no journey", "ada", "nowhere/receipt")
	expect(1, "write key", "ada", "shop/receipt", "--key", "wrong")
	files, _ := filepath.Glob(filepath.Join(data, "mail", "*"))
	var mail []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mail = append(mail, text...)
	}
	if !strings.Contains(string(mail), "42 for two; or three") {
		t.Errorf("the mail is %s", mail)
	}
}
