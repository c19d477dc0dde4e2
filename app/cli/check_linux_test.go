package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stagecraft/app/cli"
)

// On a terminal, and only there, problems have colours; NO_COLOR turns them off.
func TestCheckHasColoursOnATerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TERM", "xterm")
	writeFiles(t, "scripts", shop(strings.Replace(member, `"hello"`, `"helo"`, 1), "Hello"))
	for setting, want := range map[string]bool{"": true, "1": false} {
		t.Setenv("NO_COLOR", setting)
		shown, terminal := openTerminal(t)
		code := cli.Main("test", []string{"check"}, strings.NewReader(""), terminal, terminal)
		terminal.Close()
		text, err := io.ReadAll(shown) // a terminal that hung up ends with EIO, not with EOF
		if !errors.Is(err, unix.EIO) || code != 1 {
			t.Fatalf("code %d, %v", code, err)
		}
		if bytes.Contains(text, []byte("\x1b[1;31merror: ")) != want || !bytes.Contains(text, []byte(`there is no message "helo"`)) {
			t.Errorf("NO_COLOR=%q: %q", setting, text)
		}
	}
}

// openTerminal returns both sides of a pseudo-terminal.
func openTerminal(t *testing.T) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this machine has no pseudo-terminals:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	fd := int(outer.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inner.Close() })
	return outer, inner
}
