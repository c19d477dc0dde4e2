package store

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// Badger reads its files where they are mapped into memory, and a page that was read once counts as memory of the process
// from then on, until the system is short of it: with the days the process seems to need as much as it has stored. Such
// pages are the system's own copy of the file all the same, so they are given back here, and found there again when they
// are read.
const (
	mappedEvery = time.Second / 2
	mappedKept  = 16 << 20 // bytes of mapped files that may come into memory before they are given back
	mappedLooks = 5        // as often it is looked meanwhile whether
	mappedMost  = 32 << 20 // bytes have come: keys that are looked up all over the files bring hundreds of megabytes in a second
)

// giveBack hands mapped pages back to the system, whenever enough have come, until stop is closed.
func (s *Store) giveBack(stop <-chan struct{}) {
	ticker := time.NewTicker(mappedEvery / mappedLooks)
	defer ticker.Stop()
	var kept int64
	var written map[string]bool
	for look := 1; ; look++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		most := int64(mappedMost)
		if look%mappedLooks == 0 {
			written, most = s.mindNewest(written), mappedKept
		}
		mapped, err := mappedBytes()
		if err != nil {
			s.log.Debug("what is mapped cannot be read; it stays with the process", "error", err)
			return
		}
		if mapped < kept+most {
			kept = min(kept, mapped)
			continue
		}
		if err := s.unmapPages(); err != nil {
			s.log.Warn("mapped pages could not be given back; they stay with the process", "error", err)
			return
		}
		if kept, err = mappedBytes(); err != nil {
			return
		}
	}
}

// mindNewest keeps the system from reading ahead in the files that are being written. It returns them, if written were others.
func (s *Store) mindNewest(written map[string]bool) map[string]bool {
	s.reading.RLock() // the folder may change
	defer s.reading.RUnlock()
	newest, err := s.newestFiles()
	if err != nil || maps.Equal(newest, written) {
		return written
	}
	if err := errors.Join(readAhead(written), noReadAhead(newest)); err != nil {
		s.log.Debug("the system reads ahead in files that grow, and may write more than it has to", "error", err)
	}
	return newest
}

// unmapPages gives back the pages of all files that are sure to stay mapped where they are while it runs.
//
// A table is one if it was part of the tree before and after an iterator over the whole tree was opened: tables never
// come back, so the iterator has it. A file of values is removed only when the last iterator is closed, and never in
// between. The newest one, and the newest log, may be mapped elsewhere when they are written.
func (s *Store) unmapPages() error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	if s.closed {
		return nil
	}
	before := s.db.Tables()
	txn := s.db.NewTransactionAt(s.readable.Load(), false)
	defer txn.Discard()
	s.ending.Lock() // whoever closed the last one has removed what it had to
	held := txn.NewIterator(badger.IteratorOptions{})
	s.ending.Unlock()
	defer closeIterator(held, &s.ending)
	was := make(map[uint64]bool, len(before))
	for _, one := range before {
		was[one.ID] = true
	}
	stay := make(map[string]bool, len(before))
	for _, one := range s.db.Tables() {
		if was[one.ID] {
			stay[table.NewFilename(one.ID, s.folder)] = true
		}
	}
	values, err := numbered(s.folder, ".vlog")
	if err != nil {
		return err
	}
	for _, file := range values[:max(0, len(values)-1)] {
		stay[file] = true
	}
	if err := unmapFiles(stay); err != nil {
		return err
	}
	return s.unmapNewest()
}

// unmapNewest gives back the pages of the files that are being written, between two commits. While a file of values is
// rewritten there is no such moment.
func (s *Store) unmapNewest() error {
	if !s.tidyLock.TryLock() {
		return nil
	}
	defer s.tidyLock.Unlock()
	s.committing.Lock()
	defer s.committing.Unlock()
	newest, err := s.newestFiles()
	if err != nil {
		return err
	}
	return unmapFiles(newest)
}

// newestFiles returns the files that commits are written to.
func (s *Store) newestFiles() (map[string]bool, error) {
	newest := map[string]bool{}
	for _, kind := range []string{".vlog", ".mem"} {
		files, err := numbered(s.folder, kind)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			newest[files[len(files)-1]] = true
		}
	}
	return newest, nil
}

// numbered returns the files of a kind, the newest one last: their names are numbers with leading zeros.
func numbered(folder, kind string) (files []string, err error) {
	entries, err := os.ReadDir(folder)
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == kind {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return files, err
}

// closeIterator closes an iterator. The last one to close removes files of values that nobody needs any more.
func closeIterator(it *badger.Iterator, ending *sync.RWMutex) {
	ending.RLock()
	defer ending.RUnlock()
	it.Close()
}
