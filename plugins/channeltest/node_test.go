//go:build unix

package channeltest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stagecraft/plugins/channel"
	"stagecraft/plugins/channeltest"
)

// notebook installs the example in JavaScript into a folder, as an operator does, and returns its command.
func notebook(t *testing.T) []string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	source, folder := filepath.Join("..", "..", "docs", "connector-node"), t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "stagecraft-channel-notebook", "notebook.js", "serve.js", "tls.js"} {
		copyFile(t, filepath.Join(source, name), filepath.Join(folder, name))
	}
	copyFile(t, filepath.Join("..", "channel", "channel.proto"), filepath.Join(folder, "channel.proto"))
	if modules := filepath.Join(source, "node_modules"); isDir(modules) {
		if err := os.CopyFS(filepath.Join(folder, "node_modules"), os.DirFS(modules)); err != nil {
			t.Fatal(err)
		}
	} else {
		install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = folder
		if out, err := install.CombinedOutput(); err != nil {
			t.Skipf("npm could not fetch what the example needs: %v: %s", err, out)
		}
	}
	return []string{filepath.Join(folder, "stagecraft-channel-notebook")}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheExampleInJavaScriptConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts Node a dozen times")
	}
	settings := fmt.Sprintf(`{"file":%q}`, filepath.Join(t.TempDir(), "messages.ndjson"))
	channeltest.Run(t, notebook(t), settings, channeltest.WithRefusedSettings(`{}`, `{"file":""}`))
}

func TestTheExampleInJavaScriptChecksCallbacks(t *testing.T) {
	dir, err := os.MkdirTemp("", "channel-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p, err := channel.Start(ctx, channel.Launch{Command: notebook(t), SocketDir: dir, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	settings, _ := json.Marshal(map[string]string{"file": filepath.Join(dir, "messages"), "secret": "s3cret"})
	if err := p.Configure(ctx, settings); err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"id":"0a","event":"delivered"}`)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(body)
	signature := hex.EncodeToString(mac.Sum(nil))
	for _, test := range []struct {
		signature string
		status    int
		reports   int
	}{{signature, 204, 1}, {"", 403, 0}, {signature[1:] + "0", 403, 0}} {
		reply, reports, err := p.Callback(ctx, channel.Callback{Method: "POST", Headers: map[string]string{"x-signature": test.signature}, Body: body})
		if err != nil || reply.Status != test.status || len(reports) != test.reports {
			t.Errorf("signature %q: %+v %v %v", test.signature, reply, reports, err)
		}
	}
}
