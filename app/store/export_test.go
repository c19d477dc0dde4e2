package store

import (
	"log/slog"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// MergePace is how merging gives way.
type MergePace = mergePace

// NewMergePace returns one that looks at inputs and at levels.
func NewMergePace(inputs func() uint64, levels func() (newest int, more bool)) *MergePace {
	return &mergePace{inputs: inputs, levels: levels}
}

// Pause is how long a merge waits at a moment after a table that took some time.
func (m *MergePace) Pause(took time.Duration, now time.Time) time.Duration { return m.pause(took, now) }

// Workers is how many of Badger's workers begin.
const Workers = 1 + mergers

// MergeLog returns a log for Badger that tells of merged tables.
func MergeLog(merged func(took time.Duration)) badger.Logger {
	return badgerLog{slog.New(slog.DiscardHandler), func(error) {}, merged}
}

// LetGo lets merges drop what was overwritten before a commit.
var LetGo = letGo

// Tidy merges the tree, as load would, and rewrites a wasteful file of values if there is one.
func (s *Store) Tidy() (rewritten bool, err error) {
	s.db.SetDiscardTs(s.readable.Load())
	if err := s.db.Flatten(2); err != nil {
		return false, err
	}
	stop := make(chan struct{})
	close(stop)
	return s.rewriteOne(stop)
}

// UnmapPages gives the pages of mapped files back to the system.
func (s *Store) UnmapPages() error { return s.unmapPages() }

// MappedBytes returns how much memory of the process are pages of files.
func MappedBytes() (int64, error) { return mappedBytes() }
