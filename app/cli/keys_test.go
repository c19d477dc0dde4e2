//go:build unix

package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// A key is made, used by a verb, listed and revoked from the command line; and a customer's events are listed.
func TestKeysFromTheCommandLine(t *testing.T) {
	data := t.TempDir()
	server := startServer(t, data, filepath.Join(data, "scripts"), "STAGECRAFT_ADMIN_KEY=test-admin")
	run := func(want int, args ...string) string {
		t.Helper()
		out, said, code := verb(t, args...)
		if code != want {
			t.Fatalf("%v: %d %s %s", args, code, out, said)
		}
		return out + said
	}
	address := "http://" + server.addr()
	admin := []string{"--server", address, "--admin-key", "test-admin"}
	with := func(key string, args ...string) []string {
		return append(args, "--server", address, "--admin-key", key)
	}
	secret, said, code := verb(t, append([]string{"keys", "new", "reports", "--may", "read", "--expires", "90 days"}, admin...)...)
	if secret = strings.TrimSpace(secret); code != 0 || !strings.HasPrefix(secret, "sc_") || !strings.Contains(said, "once") {
		t.Fatalf("%d %q %s", code, secret, said)
	}
	run(0, with(secret, "journeys")...)
	if text := run(1, with(secret, "journeys", "customer-lifecycle", "shadow")...); !strings.Contains(text, "may not do this") {
		t.Error(text)
	}
	if text := run(1, with(secret, "keys")...); !strings.Contains(text, "may not do this") {
		t.Error(text)
	}
	if text := run(0, append([]string{"keys"}, admin...)...); !strings.Contains(text, "reports") || !strings.Contains(text, "read") || strings.Contains(text, secret) {
		t.Error(text)
	}
	var list struct{ Keys []struct{ Name, Used string } }
	if text := run(0, append([]string{"keys", "--json"}, admin...)...); json.Unmarshal([]byte(text), &list) != nil || len(list.Keys) != 1 || list.Keys[0].Used == "" {
		t.Error(text)
	}
	client, err := cli.NewClient(address, testKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"Product Viewed", "Cart Viewed", "Product Viewed"} {
		if _, err = client.Post(t.Context(), "/v1/track", map[string]any{"userId": "ada", "event": event}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if text := run(0, with(secret, "events", "ada", "--event", "Product Viewed")...); strings.Count(text, "Product Viewed") != 2 || strings.Contains(text, "Cart") {
		t.Error(text)
	}
	if text := run(0, with(secret, "events", "ada", "--limit", "2", "--json")...); strings.Count(text, `{"at":`) != 2 || !strings.Contains(text, `"event":"Cart Viewed"`) {
		t.Error(text)
	}
	run(0, append([]string{"keys", "revoke", "reports"}, admin...)...)
	if text := run(1, with(secret, "journeys")...); !strings.Contains(text, "this key is not known") {
		t.Error(text)
	}
}
