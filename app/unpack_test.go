package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"stagecraft/app"
	"stagecraft/app/config"
)

// filesIn counts the files of a folder that are not empty.
func filesIn(t *testing.T, dir string) (n int) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err == nil && info.Size() > 0 {
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// However early a first start is killed, the folder of journeys is not there yet or all of it is.
func TestJourneysAreUnpackedAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scripts")
	found := make(chan int)
	go func() {
		for {
			if _, err := os.Stat(dir); err == nil {
				found <- filesIn(t, dir)
				return
			}
		}
	}()
	if err := app.UnpackScripts(dir); err != nil {
		t.Fatal(err)
	}
	if got, all := <-found, filesIn(t, dir); got != all || all < 100 {
		t.Errorf("when the folder was there, %d of %d files were in it", got, all)
	}
}

// What a killed start has left is no folder of journeys, and the next start is the first one.
func TestAFirstStartThatWasKilledWhileItUnpacked(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "scripts")
	if err := app.UnpackScripts(whole); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	left := filepath.Join(data, ".scripts.unpacking", "customer-lifecycle")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"journey.lua", "half"} {
		if err := os.WriteFile(filepath.Join(left, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, func(c *config.Config) { c.Data = data })
	for _, j := range s.overview().Journeys {
		if (j.Mode == "live") != (j.Name == "customer-lifecycle") {
			t.Errorf("%s is %s", j.Name, j.Mode)
		}
	}
	if got, all := filesIn(t, s.cfg.Scripts), filesIn(t, whole); got != all {
		t.Errorf("%d of %d files are there", got, all)
	}
	if _, err := os.Stat(filepath.Dir(left)); !os.IsNotExist(err) {
		t.Errorf("what was left is there: %v", err)
	}
}

// A folder that is there is somebody's own, whatever is in it.
func TestAFolderOfScriptsIsNotTouched(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scripts")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := app.UnpackScripts(dir); err != nil || filesIn(t, dir) != 0 {
		t.Errorf("%d files, %v", filesIn(t, dir), err)
	}
}
