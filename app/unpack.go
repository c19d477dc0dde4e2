package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/scripts"
)

// UnpackScripts writes the built-in journeys to a folder that does not exist yet, so that they can be read and changed. The
// folder is there when all of it is: it is made beside, as .NAME.unpacking, and what a program that was killed has left of
// that is taken away. Segments and forms have no switch: the built-in ones are examples, and are written when somebody asks
// for one.
func UnpackScripts(dir string) error {
	beside := filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".unpacking")
	err := os.RemoveAll(beside)
	if _, missing := os.Stat(dir); err == nil && errors.Is(missing, fs.ErrNotExist) {
		if err = writeBuiltIn(beside); err == nil {
			err = os.Rename(beside, dir)
		}
		if folder, e := os.Open(filepath.Dir(dir)); e == nil {
			_ = folder.Sync() // not everywhere can a folder be synced
			folder.Close()
		}
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the built-in journeys cannot be written to %s", dir)
	}
	return nil
}

// writeBuiltIn writes the built-in journeys to disk. They are synced together: one by one takes twice as long.
func writeBuiltIn(dir string) error {
	var written []string
	err := fs.WalkDir(scripts.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if path == script.SegmentsFolder || path == script.FormsFolder {
			return fs.SkipDir
		}
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(scripts.Files, path)
		if err != nil {
			return err
		}
		written = append(written, target)
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		return err
	}
	errs := make([]error, len(written))
	var syncing sync.WaitGroup
	for i, target := range written {
		syncing.Go(func() {
			file, err := os.OpenFile(target, os.O_WRONLY, 0)
			if err == nil {
				err = errors.Join(file.Sync(), file.Close())
			}
			errs[i] = err
		})
	}
	syncing.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
