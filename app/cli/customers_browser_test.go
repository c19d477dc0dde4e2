//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCustomersInABrowser finds, looks at, moves and erases a customer in the console of the real program.
func TestCustomersInABrowser(t *testing.T) {
	chromium, npm := findBrowser(t)
	data := t.TempDir()
	server, err := launchServer(builtBinary(t), data, filepath.Join(data, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	shots := os.Getenv("STAGECRAFT_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	command := exec.Command(npm, "run", "test:browser", "--", "test/customers.test.ts")
	command.Dir = "../../assets"
	command.Env = append(os.Environ(), "STAGECRAFT_URL=http://"+server.addr(), "STAGECRAFT_WRITE_KEY="+testKey, "STAGECRAFT_PEOPLE=1",
		"STAGECRAFT_SHOTS="+shots, "STAGECRAFT_CHROMIUM="+chromium, "NO_COLOR=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, server.lastWords())
	}
	t.Logf("%s", output)
}
