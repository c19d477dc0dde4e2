package channel_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// buf is the version of the tool that checks the protocol and makes its code.
const buf = "github.com/bufbuild/buf/cmd/buf@v1.75.0"

// The protocol keeps to the rules of its linter, and the code that is kept is what is made of it. Where the tool cannot be had
// within half a minute, this is skipped, loudly; STAGECRAFT_PROTO=must makes that a failure.
func TestTheProtocolIsAsGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("not in short mode: it may have to build the tool")
	}
	run := func(patience time.Duration, dir string, arguments ...string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		command := exec.CommandContext(ctx, "go", append([]string{"run", buf}, arguments...)...)
		command.Dir, command.WaitDelay = dir, time.Second
		command.Env = append(os.Environ(), "GOFLAGS=")
		return command.CombinedOutput()
	}
	if out, err := run(30*time.Second, ".", "--version"); err != nil {
		if os.Getenv("STAGECRAFT_PROTO") == "must" {
			t.Fatalf("buf cannot be had: %v\n%s", err, out)
		}
		t.Skipf("*** NO BUF HERE: channel.proto IS NOT LINTED, AND ITS CODE NOT COMPARED *** (%v)", err)
	}
	if out, err := run(time.Minute, ".", "lint"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	dir := t.TempDir()
	for _, name := range []string{"buf.yaml", "buf.gen.yaml", "channel.proto"} {
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run(2*time.Minute, dir, "generate"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := os.DirFS(filepath.Join(dir, "channelpb"))
	n := 0
	err := fs.WalkDir(made, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		n++
		want, err := fs.ReadFile(made, path)
		if err != nil {
			return err
		}
		if got, _ := os.ReadFile(filepath.Join("channelpb", path)); !bytes.Equal(got, want) {
			t.Errorf("channelpb/%s is not what channel.proto says; run: make proto", path)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d files were made: %v", n, err)
	}
}
