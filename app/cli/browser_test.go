//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"stagecraft/assets"
)

// findBrowser returns Chromium and npm. Without them, or without the console's packages, the test is skipped, and says so
// loudly.
func findBrowser(t *testing.T) (chromium, npm string) {
	t.Helper()
	for _, name := range []string{os.Getenv("STAGECRAFT_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			chromium = path
			break
		}
	}
	npm, err := exec.LookPath("npm")
	_, packages := os.Stat("../../assets/node_modules/playwright-core")
	switch {
	case chromium == "":
		skipLoudly(t, "Chromium is not installed")
	case err != nil:
		skipLoudly(t, "npm is not installed")
	case packages != nil || !assets.Built():
		skipLoudly(t, "the console is not built; run make console")
	}
	return chromium, npm
}

// TestConsoleInABrowser runs the console's browser test against the real program.
func TestConsoleInABrowser(t *testing.T) {
	t.Parallel() // with TestFaults, the other long one: both wait most of the time
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
	// A journey for the tests of the editor to change. It is read within a second, and off.
	writeFiles(t, filepath.Join(data, "scripts", "browser-care"), map[string]string{
		"journey.lua":                 "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"welcome.lua":                 "stage { title = \"Welcome\" }\n\nenter(function(customer)\n  send \"hello\"\n  wait \"30 minutes\"\nend)\n",
		"messages/hello.email.liquid": "---\nsubject: Hello\nkind: transactional\n---\nHello.\n",
	})
	shots := os.Getenv("STAGECRAFT_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	command := exec.Command(npm, "run", "test:browser")
	command.Dir = "../../assets"
	command.Env = append(os.Environ(), "STAGECRAFT_URL=http://"+server.addr(), "STAGECRAFT_WRITE_KEY="+testKey,
		"STAGECRAFT_SCRIPTS="+filepath.Join(data, "scripts"),
		"STAGECRAFT_SHOTS="+shots, "STAGECRAFT_CHROMIUM="+chromium, "NO_COLOR=1")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, server.lastWords())
	}
	t.Logf("%s", output)
}

// skipLoudly skips where a reader of the output cannot miss it.
func skipLoudly(t *testing.T, why string) {
	t.Helper()
	os.Stderr.WriteString("\n!!! SKIPPED " + t.Name() + ": " + why + " !!!\n\n")
	t.Skip(why)
}
