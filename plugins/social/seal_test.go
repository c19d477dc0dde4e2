package social_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/plugins/channel"
)

// What is kept of Zalo's tokens is encrypted, also what an earlier version has left.
func TestZaloTokensAreEncryptedAtRest(t *testing.T) {
	n, at := newZalo(t), newClock()
	state := filepath.Join(t.TempDir(), "zalo.json")
	want(t, "the first", send(t, configured(t, at, zaloSettings(n, "refresh-0", state)), note(1, "zalo:777", "Hello")), channel.Accepted, "")
	n.mu.Lock()
	access, refresh := n.access, n.refresh
	n.mu.Unlock()
	hidden := func(when string) {
		t.Helper()
		text, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{access, refresh, "token"} {
			if rest := strings.TrimPrefix(string(text), "stagecraft zalo tokens 1\n"); token == "" || strings.Contains(rest, token) {
				t.Errorf("%s: %q can be read in %q", when, token, text)
			}
		}
	}
	hidden("at first")
	sum := sha256.Sum256([]byte("refresh-0"))
	plain, _ := json.Marshal(map[string]any{"seed": hex.EncodeToString(sum[:8]), "access_token": access, "refresh_token": refresh, "expires": at.now().Add(1e12)})
	if err := os.WriteFile(state, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	c := configured(t, at, zaloSettings(n, "refresh-0", state))
	hidden("of an earlier version")
	want(t, "with what was kept", send(t, c, note(2, "zalo:777", "Hello")), channel.Accepted, "")
	if n.changed() != 1 {
		t.Errorf("%d changes of the token", n.changed())
	}
}
