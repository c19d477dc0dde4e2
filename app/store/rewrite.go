package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/lifecycle"
)

// What is deleted stays in the files until they happen to be merged, and longer. Rewriting copies everything that is there
// into a new folder while the old one goes on serving, stops the writers for what was written meanwhile, and goes on in the
// new one. The file "current" names the folder that counts, and says when the copying of it began, so that a kill leaves
// either the old one or the new one; Open removes the other.
const (
	firstFolder = "badger"
	currentFile = "current"

	smallRest  = 64 // commits that are left to be copied while the writers stand still
	maxCatchUp = 12 // rounds before; the last one takes what there is
)

var storeFolder = regexp.MustCompile(`^badger(-[0-9]{1,9})?$`)

// Rewritten is what a rewrite did.
type Rewritten struct {
	Keys   uint64        `json:"keys"`
	Before int64         `json:"before"` // bytes of the files
	After  int64         `json:"after"`
	Took   time.Duration `json:"took"`
	Paused time.Duration `json:"paused"` // while nothing was read or written
}

// Rewrite makes the files of the store anew, without anything that was deleted before it was called. It needs as much free
// disk again as the store takes. A second one at the same time is a Conflict; in memory there is nothing to do.
func (s *Store) Rewrite(ctx context.Context) (done Rewritten, err error) {
	if s.dir == "" {
		return done, nil
	}
	if !s.rewriting.TryLock() {
		return done, lifecycle.Errorf(lifecycle.Conflict, "the store is being rewritten already")
	}
	defer s.rewriting.Unlock()
	if err = s.usable(); err != nil {
		return done, err
	}
	began := time.Now()
	old := s.folder
	done.Before = folderBytes(old)
	if free, e := freeBytes(s.dir); e == nil && free < s.minFree+uint64(done.Before) {
		return done, lifecycle.Errorf(lifecycle.Full, "rewriting needs %d MiB of free disk under %s, there are %d", (s.minFree+uint64(done.Before))>>20, s.dir, free>>20)
	}
	s.tidyLock.Lock() // files of values are not rewritten under us
	defer s.tidyLock.Unlock()

	s.committing.Lock()
	since := s.readable.Load()
	s.pinned = true // what is read from here on keeps its versions
	s.committing.Unlock()
	defer func() {
		s.committing.Lock()
		s.pinned = false
		s.committing.Unlock()
	}()

	folder := nextFolder(old)
	if err = os.RemoveAll(folder); err != nil {
		return done, lifecycle.Wrap(lifecycle.Unavailable, err, "an unfinished rewrite cannot be removed")
	}
	next, err := s.openFolder(folder)
	if err != nil {
		return done, err
	}
	defer func() {
		if err != nil {
			_ = next.Close()
			_ = os.RemoveAll(folder)
			if lifecycle.CodeOf(err) == "" {
				err = lifecycle.Wrap(lifecycle.Unavailable, err, "the store was not rewritten; it goes on as it was")
			}
		}
	}()
	if done.Keys, err = s.copyTo(ctx, next, 0, since); err != nil {
		return done, err
	}
	for range maxCatchUp {
		until := s.readable.Load()
		if until-since <= smallRest {
			break
		}
		if _, err = s.copyTo(ctx, next, since, until); err != nil {
			return done, err
		}
		since = until
	}
	if err = next.Sync(); err != nil {
		return done, err
	}
	was := s.db
	if done.Paused, err = s.changeOver(ctx, next, folder, since, began); err != nil {
		return done, err
	}
	if e := was.Close(); e != nil {
		s.log.Warn("the store's former files did not close cleanly", "error", e)
	}
	if e := os.RemoveAll(old); e != nil {
		return done, lifecycle.Wrap(lifecycle.Unavailable, e, "the store was rewritten, but its former folder %s cannot be removed; remove it", old)
	}
	done.After, done.Took = folderBytes(folder), time.Since(began)
	return done, nil
}

// RewrittenAt returns when the last rewrite began: of what was deleted before, the files have nothing. What was deleted
// while it went on may have been copied. Zero: there was none.
func (s *Store) RewrittenAt() time.Time {
	if s.dir == "" {
		return time.Time{}
	}
	_, began, _ := readCurrent(s.dir) // it was read when the store was opened
	return began
}

// changeOver copies the rest while nobody reads or writes, and lets everybody go on in the new folder.
func (s *Store) changeOver(ctx context.Context, next *badger.DB, folder string, since uint64, began time.Time) (time.Duration, error) {
	s.reading.Lock() // first: writers that wait for the committer hold it no more
	defer s.reading.Unlock()
	s.committing.Lock()
	defer s.committing.Unlock()
	stopped := time.Now()
	if _, err := s.copyTo(ctx, next, since, s.readable.Load()); err != nil {
		return 0, err
	}
	if err := next.Sync(); err != nil {
		return 0, err
	}
	if err := writeCurrent(s.dir, filepath.Base(folder), began); err != nil {
		return 0, err
	}
	letGo(next, s.readable.Load())
	s.db, s.folder = next, folder
	return time.Since(stopped), nil
}

// copyTo writes into another database what was committed after one commit and up to another one.
func (s *Store) copyTo(ctx context.Context, to *badger.DB, since, until uint64) (keys uint64, err error) {
	if since >= until {
		return 0, nil
	}
	txn := s.db.NewTransactionAt(until, false)
	defer txn.Discard()
	options := badger.DefaultIteratorOptions
	options.PrefetchValues = false
	options.AllVersions = since > 0 // else what was deleted would be passed over, and stay
	options.SinceTs = since
	it := txn.NewIterator(options)
	defer closeIterator(it, &s.ending)
	batch := to.NewManagedWriteBatch()
	defer batch.Cancel()
	var last []byte
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if since > 0 && last != nil && bytes.Equal(item.Key(), last) {
			continue // an older version
		}
		last = item.KeyCopy(nil)
		if keys++; keys%1000 == 0 && (ctx.Err() != nil || s.closing.Load()) {
			return keys, lifecycle.Errorf(lifecycle.Unavailable, "the rewrite was ended before it was done; the store goes on as it was")
		}
		if item.IsDeletedOrExpired() {
			err = batch.DeleteAt(last, item.Version())
		} else {
			err = read(item, func(value []byte) {
				if e := batch.SetEntryAt(badger.NewEntry(last, bytes.Clone(value)), item.Version()); e != nil {
					err = e
				}
			})
		}
		if err != nil {
			return keys, err
		}
	}
	return keys, batch.Flush()
}

// readCurrent returns the name of the folder that counts, and when the copying of it began.
func readCurrent(dir string) (name string, began time.Time, err error) {
	data, err := os.ReadFile(filepath.Join(dir, currentFile))
	if os.IsNotExist(err) {
		return firstFolder, time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, lifecycle.Wrap(lifecycle.Unavailable, err, "the file that names the store's folder cannot be read")
	}
	name, at, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if !storeFolder.MatchString(name) {
		return "", time.Time{}, lifecycle.Errorf(lifecycle.Invalid, "the file %s names no folder of a store", filepath.Join(dir, currentFile))
	}
	began, _ = time.Parse(time.RFC3339Nano, at) // else it is rewritten once more
	return name, began, nil
}

// currentFolder returns where the store's files are. A folder without them is a new store, unless another folder has some:
// then the one that counts was lost, or the file that names it, and nothing may be begun in its place.
func currentFolder(dir string) (string, error) {
	name, _, err := readCurrent(dir)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(dir, name)
	if _, err = os.Stat(folder); err == nil {
		return folder, nil
	}
	others, _ := filepath.Glob(filepath.Join(dir, firstFolder+"-*"))
	if name != firstFolder || len(others) > 0 {
		return "", lifecycle.Errorf(lifecycle.Conflict, "the store's folder %s is not there; bring it back, together with the file %s that names it", folder, currentFile)
	}
	return folder, nil
}

// removeFormer removes the other folders of stores. It is called when the current one is open and locked.
func removeFormer(dir, current string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() && storeFolder.MatchString(entry.Name()) && entry.Name() != filepath.Base(current) {
			if e := os.RemoveAll(filepath.Join(dir, entry.Name())); err == nil {
				err = e
			}
		}
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "what a rewrite left cannot be removed")
	}
	return nil
}

func nextFolder(folder string) string {
	n := 1
	if _, number, ok := strings.Cut(filepath.Base(folder), "-"); ok {
		n, _ = strconv.Atoi(number)
	}
	return filepath.Join(filepath.Dir(folder), firstFolder+"-"+strconv.Itoa(n+1))
}

// writeCurrent is on disk when it returns, or has changed nothing.
func writeCurrent(dir, name string, began time.Time) error {
	path := filepath.Join(dir, currentFile)
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(name + "\n" + began.UTC().Format(time.RFC3339Nano) + "\n")
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		if folder, e := os.Open(dir); e == nil {
			_ = folder.Sync() // not everywhere can a folder be synced
			_ = folder.Close()
		}
	}
	return err
}

func folderBytes(folder string) (size int64) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
	}
	return size
}
