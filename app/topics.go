package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"stagecraft/app/script"
)

// topics are the titles of topics in the scripts folder, read anew when the file changes. It implements web.Topics. A file that is
// broken leaves the last good titles.
type topics struct {
	dir string
	log *slog.Logger

	mu     sync.Mutex
	read   os.FileInfo // of the file that was read; nil: there was none
	titles script.Topics
}

// Topics returns the titles as they are now. They are not to be changed.
func (t *topics) Topics() script.Topics {
	now, _ := os.Stat(filepath.Join(t.dir, script.TopicsFile))
	t.mu.Lock()
	defer t.mu.Unlock()
	if now == nil {
		t.read, t.titles = nil, nil
		return nil
	}
	if t.read != nil && os.SameFile(now, t.read) && now.ModTime().Equal(t.read.ModTime()) && now.Size() == t.read.Size() {
		return t.titles
	}
	t.read = now
	titles, err := script.ReadTopics(os.DirFS(t.dir))
	if err != nil {
		t.log.Error("the titles of topics cannot be used", "error", err)
		return t.titles
	}
	t.titles = titles
	return titles
}
