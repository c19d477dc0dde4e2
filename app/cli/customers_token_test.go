//go:build unix

package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// The token that the verb prints opens the inbox of its customer.
func TestCustomersToken(t *testing.T) {
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	verb := func(args ...string) (int, string) {
		var out bytes.Buffer
		args = append([]string{"customers", "token", "--server", "http://" + server.addr()}, args...)
		return cli.Main("test", args, strings.NewReader(""), &out, &out), out.String()
	}
	code, token := verb("ada", "--for", "10m", "--key", testKey)
	if code != 0 || strings.Count(token, ".") != 2 || strings.Count(token, "\n") != 1 {
		t.Fatalf("%d %q", code, token)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.addr()+"/v1/inapp", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || string(text) != `{"messages":[],"unread":0}` {
		t.Errorf("%d %s", response.StatusCode, text)
	}
	for said, args := range map[string][]string{"too short": {"ada", "--for", "1ms", "--key", testKey}, "seconds must be": {"ada", "--for", "9999h", "--key", testKey},
		"write key": {"ada", "--key", "wrong"}, "userId": {" ", "--key", testKey}} {
		if code, out := verb(args...); code != 1 || !strings.Contains(out, said) {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
}
