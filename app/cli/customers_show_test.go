//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// The verbs list and show customers, for people and as JSON.
func TestCustomersListAndShow(t *testing.T) {
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	client, err := cli.NewClient("http://"+server.addr(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	order := map[string]any{"userId": "ada", "event": "Order Completed", "context": map[string]any{"traits": map[string]any{"email": "ada@example.com", "timezone": "New York"}}}
	if _, err = client.Post(t.Context(), "/v1/track", order, nil); err != nil {
		t.Fatal(err)
	}
	verb := func(args ...string) (int, string) {
		var out bytes.Buffer
		args = append([]string{"customers"}, append(args, "--server", "http://"+server.addr(), "--data", data)...)
		return cli.Main("test", args, strings.NewReader(""), &out, &out), out.String()
	}
	for said, args := range map[string][]string{
		"customer-lifecycle/single-purchase": {"list", "--newest"},
		"nobody":                             {"list", "--search", "bob"},
		"customer-lifecycle: moved member > single-purchase (custom": {"show", "ada", "--timeline", "9"},
		`"ada@example.com"`:                      {"show", "ada"},
		"not a time zone":                        {"show", "ada"},
		"message thank-you: put into the outbox": {"show", "ada", "--timeline", "9"},
	} {
		if code, out := verb(args...); code != 0 || !strings.Contains(out, said) {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	code, out := verb("show", "ada", "--timeline", "1", "--json")
	var shown struct{ Timeline []struct{ Seq uint64 } }
	if err = json.Unmarshal([]byte(out), &shown); err != nil || code != 0 || len(shown.Timeline) != 1 {
		t.Errorf("as JSON: %d %v %s", code, err, out)
	}
	if code, out := verb("show", "bob"); code != 1 || !strings.Contains(out, `there is no customer "bob"`) {
		t.Errorf("nobody: %d %s", code, out)
	}
}
