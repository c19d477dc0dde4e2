package channels

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Bounds of a connector's folder.
const (
	maxPluginFiles = 20_000
	maxPluginBytes = 1 << 30
)

// fingerprint returns what to execute of a connector, and its SHA-256: of the file, or, of a folder, of one line for each
// file in it, in order: what it is, its path, its size and its own SHA-256. A file that others may change is refused.
func fingerprint(path string) (executable, sum string, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", "", err
	}
	total := sha256.New()
	if !info.IsDir() {
		if err := fit(path, info, true); err != nil {
			return "", "", err
		}
		_, err := contents(total, path)
		return path, hex.EncodeToString(total.Sum(nil)), err
	}
	executable = filepath.Join(path, filepath.Base(path))
	if info, err = os.Lstat(executable); err != nil {
		return "", "", fmt.Errorf("the folder holds no executable %s", filepath.Base(path))
	}
	if err := fit(executable, info, true); err != nil {
		return "", "", err
	}
	files, bytes := 0, int64(0)
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if bytes += info.Size(); bytes > maxPluginBytes {
			return fmt.Errorf("the folder holds more than %d MB", maxPluginBytes>>20)
		}
		if files++; files > maxPluginFiles {
			return fmt.Errorf("the folder holds more than %d files", maxPluginFiles)
		}
		relative, err := filepath.Rel(path, file)
		if err != nil {
			return err
		}
		return line(total, file, relative, info)
	})
	return executable, hex.EncodeToString(total.Sum(nil)), err
}

// line adds what a file is. Links count by what they say, and must stay in the folder.
func line(total hash.Hash, file, relative string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(relative), target)) {
			return fmt.Errorf("%s leads out of the folder", file)
		}
		fmt.Fprintf(total, "link %q %q\n", filepath.ToSlash(relative), target)
		return nil
	}
	if err := fit(file, info, false); err != nil {
		return err
	}
	if info.IsDir() {
		fmt.Fprintf(total, "folder %q\n", filepath.ToSlash(relative))
		return nil
	}
	own := sha256.New()
	size, err := contents(own, file)
	fmt.Fprintf(total, "file %q %d %x %t\n", filepath.ToSlash(relative), size, own.Sum(nil), info.Mode()&0o100 != 0)
	return err
}

func contents(to io.Writer, path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return io.Copy(to, io.LimitReader(file, maxPluginBytes))
}

// fit refuses what nobody could answer for.
func fit(path string, info fs.FileInfo, executable bool) error {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a link; put the executable itself there", path)
	case !mode.IsRegular() && !mode.IsDir(), executable && !mode.IsRegular():
		return fmt.Errorf("%s is no file", path)
	case runtime.GOOS == "windows":
		return nil
	case mode&0o022 != 0:
		return fmt.Errorf("others may change %s; take that from them with: chmod go-w %s", path, path)
	case executable && mode&0o100 == 0:
		return fmt.Errorf("%s may not be executed; allow it with: chmod u+x %s", path, path)
	}
	return nil
}

func executableName(path string) string {
	if runtime.GOOS == "windows" && !strings.HasSuffix(path, ".exe") {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return path + ".exe"
		}
	}
	return path
}

// replaceFile writes a file that only we may read, all of it or nothing.
func replaceFile(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
