package store

import (
	"path/filepath"
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
	mappedEvery = time.Second
	mappedKept  = 32 << 20 // bytes of mapped files that may come into memory before they are given back
)

// giveBack hands mapped pages back to the system, whenever enough have come, until stop is closed.
func (s *Store) giveBack(stop <-chan struct{}) {
	ticker := time.NewTicker(mappedEvery)
	defer ticker.Stop()
	var kept int64
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		mapped, err := mappedBytes()
		if err != nil {
			s.log.Debug("what is mapped cannot be read; it stays with the process", "error", err)
			return
		}
		if mapped < kept+mappedKept {
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

// unmapPages gives back the pages of all files that are sure to stay mapped where they are while it runs.
//
// A table is one if it was part of the tree before and after an iterator over the whole tree was opened: tables never
// come back, so the iterator has it. A file of values is removed only when the last iterator is closed, and never in
// between; it moves while it is the newest one only.
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
	values, err := filepath.Glob(filepath.Join(s.folder, "*.vlog"))
	if err != nil {
		return err
	}
	for _, file := range values[:max(0, len(values)-1)] { // in the order of their numbers
		stay[file] = true
	}
	return unmapFiles(stay)
}

// closeIterator closes an iterator. The last one to close removes files of values that nobody needs any more.
func closeIterator(it *badger.Iterator, ending *sync.RWMutex) {
	ending.RLock()
	defer ending.RUnlock()
	it.Close()
}
