package channels

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// record is a process-ID file: which process serves a channel, and what tells it from a later one with the same ID.
type record struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // see startedAt
	Sockets string `json:"sockets"`
	Folder  string `json:"folder"` // in which the file was written: in a copy of it, the process is somebody else's
}

const recordSuffix = ".pid"

// recordProcess notes a process before anything is asked of it.
func recordProcess(dir, channel string, pid int, sockets string) error {
	data, err := json.Marshal(record{PID: pid, Started: startedAt(pid), Sockets: sockets, Folder: realFolder(dir)})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, channel+recordSuffix)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func forgetProcess(dir, channel string) { _ = os.Remove(filepath.Join(dir, channel+recordSuffix)) }

// realFolder returns a folder's path without links, or the path itself where that cannot be known.
func realFolder(dir string) string {
	if path, err := filepath.EvalSymlinks(dir); err == nil {
		return path
	}
	return dir
}

// endLeftovers kills the connectors that the files in dir name, if the files were written there, and the processes still run
// and are the same, and removes the files. It returns when they are gone.
func endLeftovers(dir string, log *slog.Logger) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), recordSuffix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var r record
		if json.Unmarshal(data, &r) == nil && r.Folder == realFolder(dir) {
			if err := r.end(log); err != nil {
				return err
			}
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// end kills the process, if it still runs and is the same, and removes its sockets.
func (r *record) end(log *slog.Logger) error {
	if r.PID > 1 && r.Started != "" && startedAt(r.PID) == r.Started {
		log.Warn("killing a connector that outlived its host", "pid", r.PID)
		if err := endProcess(r.PID, r.Started); err != nil {
			return err
		}
	}
	if base := filepath.Base(r.Sockets); strings.HasPrefix(base, "stagecraft-") && filepath.Dir(r.Sockets) == filepath.Clean(os.TempDir()) {
		_ = os.RemoveAll(r.Sockets)
	}
	return nil
}

// endProcess kills a process with its group and waits until it is gone.
func endProcess(pid int, started string) error {
	for range 400 {
		if startedAt(pid) != started {
			return nil
		}
		kill(pid)
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("a connector that outlived its host does not die")
}
