package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// Values of some length lie in files of their own, one after the other as they came, and the tree of keys only points at
// them: what is written once is not written again each time the tree is merged, which is most of what a busy disk and
// processor would do. What was overwritten stays in those files until they are rewritten without it.
const (
	longValue     = 160              // bytes, from which on a value lies outside the tree
	valueFileSize = 64 << 20         // the newest one is read once when the store is opened
	wasteful      = 0.5              // the part of a file that is waste before it is rewritten
	tidyEvery     = time.Minute      // between two looks at them
	readersNeed   = 10 * time.Second // more than a read takes from finding a pointer to reading there
)

// read passes on the value of an item. Badger gives an empty one, and no error, if it cannot read it.
func read(item *badger.Item, visit func(value []byte)) error {
	return item.Value(func(value []byte) error {
		if len(value) == 0 && item.ValueSize() > 0 {
			return fmt.Errorf("the value of key %x cannot be read: its file is damaged or gone", item.Key())
		}
		visit(value)
		return nil
	})
}

// tidy rewrites wasteful files until stop is closed.
func (s *Store) tidy(stop <-chan struct{}) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		for {
			rewritten, err := s.rewriteOne(stop)
			if err != nil {
				s.log.Warn("a file of values could not be rewritten; it is tried again", "error", err)
			}
			if !rewritten || err != nil {
				break
			}
		}
	}
}

// rewriteOne rewrites the most wasteful file of values, if one is wasteful enough, and removes it once nobody can be on
// the way to it any more.
func (s *Store) rewriteOne(stop <-chan struct{}) (rewritten bool, err error) {
	s.tidyLock.Lock()
	defer s.tidyLock.Unlock()
	txn := s.db.NewTransactionAt(s.readable.Load(), false)
	defer txn.Discard()
	// Files are kept while an iterator is open.
	guard := txn.NewIterator(badger.IteratorOptions{Prefix: sequenceKey()})
	defer closeIterator(guard, &s.ending)
	switch err = s.db.RunValueLogGC(wasteful); {
	case errors.Is(err, badger.ErrNoRewrite), errors.Is(err, badger.ErrRejected):
		return false, nil
	case err != nil:
		return false, err
	}
	select {
	case <-stop:
	case <-time.After(readersNeed):
	}
	return true, nil
}
