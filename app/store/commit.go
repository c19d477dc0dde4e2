package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/lifecycle"
)

// Bounds of one synced commit.
const (
	maxCommitBytes   = 2304 << 10
	maxCommitEntries = 6000
	maxCommitTree    = newestTable*15/100 - 64<<10 // of what comes into the tree; Badger takes no more
)

// paceTime is the least pause between two commits: under load, fewer and larger ones leave more of the machine to the
// work itself. A commit after a longer pause begins at once.
const paceTime = 3 * time.Millisecond / 2

// gatherTime is how long a commit waits for partitions that are at work and may bring a group of their own: a sync costs
// the same for one group as for many. With nobody at work it waits for nobody.
const gatherTime = time.Millisecond

// keepVersions is how long at least what was overwritten stays readable for questions that began before. None takes
// nearly as long.
const keepVersions = 30 * time.Second

// group is what one partition wants on disk. finish is called when it is there, or with the error.
type group struct {
	writes []write
	bytes  int
	tree   int // of them in the tree
	finish func(error)
}

// entryBytes is what the tree takes for an entry besides its key and value, at most.
const entryBytes = 24

// treeBytes returns at least what writes take in the tree, where a long value is a pointer.
func treeBytes(writes []write) (sum int) {
	for i := range writes {
		value := len(writes[i].value)
		if value >= longValue {
			value = 12
		}
		sum += len(writes[i].key) + value + entryBytes
	}
	return sum
}

// commitLoop is the one committer that all partitions share. The commit in flight is the window in which the next
// groups gather; when nothing is in flight, a group does not wait.
func (s *Store) commitLoop(sequence uint64) {
	defer s.commited.Done()
	var held *group
	last, lastAt := sequence, time.Now()
	var ended time.Time // of the commit before
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if time.Since(lastAt) > keepVersions {
			s.discard(last)
			last, lastAt = sequence, time.Now()
		}
		first := held
		held = nil
		if first == nil {
			g, ok := <-s.commits
			if !ok {
				return
			}
			first = g
		}
		groups, bytes, tree, entries := []*group{first}, first.bytes, first.tree, len(first.writes)
		pace, patience := ended.Add(paceTime), time.Now().Add(gatherTime)
		for held == nil {
			g := s.nextGroup(timer, pace, patience)
			if g == nil {
				break
			}
			if bytes+g.bytes > maxCommitBytes || tree+g.tree > maxCommitTree || entries+len(g.writes) > maxCommitEntries {
				held = g
				break
			}
			groups, bytes, tree, entries = append(groups, g), bytes+g.bytes, tree+g.tree, entries+len(g.writes)
		}
		s.watchDisk()
		err := s.broken()
		if err == nil && entries > 0 {
			sequence++
			err = s.commitGroups(groups, sequence)
		}
		if err != nil {
			s.fail(err)
		}
		ended = time.Now()
		for _, g := range groups {
			g.finish(err)
		}
		s.stats.Groups.Add(uint64(len(groups)))
		s.stats.Commits.Add(1)
		s.stats.Entries.Add(uint64(entries))
		s.stats.Bytes.Add(uint64(bytes))
	}
}

// nextGroup returns a group that is there, or one that comes before the commit has to begin; nil if there is none to
// wait for. In memory there is no sync to share, and nothing to wait for.
func (s *Store) nextGroup(timer *time.Timer, pace, patience time.Time) *group {
	select {
	case g := <-s.commits:
		return g
	default:
	}
	if s.dir == "" {
		return nil
	}
	until := pace
	if s.applying.Load() > 0 && patience.After(until) {
		until = patience
	}
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	timer.Reset(left)
	defer timer.Stop()
	select {
	case g := <-s.commits:
		return g
	case <-timer.C:
		return nil
	}
}

// discard lets go of the versions that were overwritten before a commit, unless somebody still reads them.
func (s *Store) discard(before uint64) {
	s.committing.Lock()
	defer s.committing.Unlock()
	if !s.pinned {
		letGo(s.db, before)
	}
}

func (s *Store) commitGroups(groups []*group, sequence uint64) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	txn := s.db.NewTransactionAt(sequence-1, true)
	defer txn.Discard()
	for _, g := range groups {
		entries := make([]badger.Entry, len(g.writes))
		for i, w := range g.writes {
			var err error
			if w.deleted {
				err = txn.Delete(w.key)
			} else {
				entries[i].Key, entries[i].Value = w.key, w.value
				err = txn.SetEntry(&entries[i])
			}
			if err != nil {
				return err
			}
		}
	}
	if err := txn.Set(sequenceKey(), binary.BigEndian.AppendUint64(nil, sequence)); err != nil {
		return err
	}
	if err := txn.CommitAt(sequence, nil); err != nil {
		return err
	}
	if err := s.broken(); err != nil {
		return err
	}
	s.readable.Store(sequence)
	if s.mark != nil {
		return s.mark.raise(sequence)
	}
	return nil
}

// watchDisk looks at the free space, at most once in a second. It is asked before every commit, and for every input
// while the disk is full: there are no commits then that could find out that there is room again.
func (s *Store) watchDisk() {
	last, now := s.checked.Load(), int64(time.Since(s.opened))+1
	if s.dir == "" || last != 0 && now-last < int64(time.Second) || !s.checked.CompareAndSwap(last, now) {
		return
	}
	free, err := freeBytes(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		s.fail(lifecycle.Wrap(lifecycle.Unavailable, err, "the data folder %s has been removed: what is written now would be lost", s.dir))
		return
	}
	if err != nil {
		s.log.Warn("the free disk space cannot be read", "error", err)
		return
	}
	low := free < s.minFree
	if low != s.full.Swap(low) {
		if low {
			s.log.Error("the disk is nearly full; nothing is accepted", "free", free, "needed", s.minFree)
		} else {
			s.log.Info("there is room on the disk again", "free", free)
		}
	}
}
