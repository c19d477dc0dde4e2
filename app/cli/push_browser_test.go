//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"stagecraft/app/cli"
	"stagecraft/plugins/channel"
	"stagecraft/plugins/push"
)

// TestPushInABrowser shows in Chromium, with the service worker of the documentation, what the connector sends with keys
// that stagecraft push keys has drawn.
func TestPushInABrowser(t *testing.T) {
	chromium, npm := findBrowser(t)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/sw.js", "/subscribe.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			http.ServeFile(w, r, "../../docs/push"+r.URL.Path)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title><h1>Shop</h1>
<script type="module">import { subscribe } from "/subscribe.js"; window.subscribe = subscribe;</script></html>`)
		}
	}))
	defer shop.Close()
	var keys bytes.Buffer
	if code := cli.Main("test", []string{"push", "keys", "--contact", "mailto:push@shop.example"}, strings.NewReader(""), &keys, os.Stderr); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	var settings map[string]any
	if err := json.Unmarshal(keys.Bytes(), &settings); err != nil {
		t.Fatal(err)
	}
	public := settings["vapid_public_key"].(string)
	shots := os.Getenv("STAGECRAFT_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	command := exec.Command(npm, "run", "test:browser", "--", "test/push.test.ts")
	command.Dir = "../../assets"
	command.Env = append(os.Environ(), "STAGECRAFT_URL="+shop.URL, "STAGECRAFT_WRITE_KEY=none", "STAGECRAFT_SHOP="+shop.URL, "STAGECRAFT_PUSH_KEY="+public,
		"STAGECRAFT_PUSH_PAYLOAD="+pushed(t, settings, shop.URL), "STAGECRAFT_SHOTS="+shots, "STAGECRAFT_CHROMIUM="+chromium, "NO_COLOR=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Logf("%s", output)
}

// pushed has the connector send a notification to a push service of our own, and returns what a browser would read of it.
func pushed(t *testing.T, settings map[string]any, shop string) string {
	t.Helper()
	var body []byte
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		if !strings.HasPrefix(r.Header.Get("Authorization"), "vapid t=") || !strings.HasSuffix(r.Header.Get("Authorization"), settings["vapid_public_key"].(string)) {
			t.Errorf("Authorization %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer service.Close()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := []byte("0123456789abcdef")
	base64url := base64.RawURLEncoding.EncodeToString
	subscription, _ := json.Marshal(map[string]any{"endpoint": service.URL + "/1",
		"keys": map[string]string{"p256dh": base64url(key.PublicKey().Bytes()), "auth": base64url(auth)}})
	settings["allow"] = []string{"127.0.0.1"}
	raw, _ := json.Marshal(settings)
	connector := push.New()
	defer connector.Close()
	if err = connector.Configure(context.Background(), raw); err != nil {
		t.Fatal(err)
	}
	receipt := connector.Send(t.Context(), []channel.Message{{ID: strings.Repeat("a", 32), To: string(subscription), Text: "Three things to look at first.",
		Kind: "transactional", Attempt: 1, Data: map[string]string{"title": "Xin chào, Ada", "url": shop + "/tour", "plan": "free"}}})[0]
	if receipt.Outcome != channel.Accepted {
		t.Fatalf("%+v", receipt)
	}
	plain, err := opened(body, key, auth)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// opened reads an encrypted push message as a browser does (RFC 8291, RFC 8188).
func opened(body []byte, key *ecdh.PrivateKey, auth []byte) (string, error) {
	salt, sender := body[:16], body[21:21+int(body[20])]
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return "", err
	}
	shared, err := key.ECDH(from)
	if err != nil {
		return "", err
	}
	secret, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(key.PublicKey().Bytes())+string(sender), 32)
	if err != nil {
		return "", err
	}
	contentKey, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return "", err
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(contentKey)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := gcm.Open(nil, nonce, body[21+len(sender):], nil)
	return strings.TrimSuffix(string(plain), "\x02"), err
}
