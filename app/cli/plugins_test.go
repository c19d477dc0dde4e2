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

func TestPluginVerbs(t *testing.T) {
	data := t.TempDir()
	run := func(code int, want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		if got := cli.Main("test", append([]string{"plugin"}, append(args, "--data", data)...), strings.NewReader(""), &out, &out); got != code || !strings.Contains(out.String(), want) {
			t.Errorf("%v: exit code %d, %q; expected %d and %q", args, got, out.String(), code, want)
		}
	}
	run(0, "no connectors", "list")
	run(1, "no connector pigeon", "approve", "pigeon")
	path := filepath.Join(data, "plugins", "stagecraft-channel-pigeon")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("#!/bin/sh\n", 0o700)
	run(0, "not approved", "list")
	run(1, "not what was looked at", "approve", "pigeon", "--sha256", "00")
	run(0, "is approved with SHA-256", "approve", "pigeon")
	run(0, "pigeon  approved", "list")
	write("#!/bin/sh\nexit 1\n", 0o700)
	run(0, "changed", "list")
	run(0, "is not approved any more", "remove", "pigeon")
	run(1, "is not approved", "remove", "pigeon")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "chmod u+x", "list")
	run(1, "chmod u+x", "approve", "pigeon")
}
