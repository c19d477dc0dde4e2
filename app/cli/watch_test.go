//go:build unix

package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWatchRunsTheTestsAgain saves a file under the eyes of test --watch.
func TestWatchRunsTheTestsAgain(t *testing.T) {
	dir := testedShop(t, shopStage, shopTests)
	command := exec.Command(builtBinary(t), "test", dir, "--watch")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := time.AfterFunc(3*time.Minute, func() { _ = command.Process.Kill() })
	defer ended.Stop()
	defer command.Process.Kill() // whatever the test has come to
	lines := bufio.NewScanner(out)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("it ended without %q", want)
	}
	until("1 case passed, 1 failed")
	mended := strings.ReplaceAll(shopTests, "to_not.have", "to.have")
	if err = os.WriteFile(filepath.Join(dir, "shop", "shop_test.lua"), []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	until("2 cases passed, 0 failed")
	if err = command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to the end of its output
	}
	if err = command.Wait(); err != nil {
		t.Errorf("an interrupt ends it well: %v", err)
	}
}
