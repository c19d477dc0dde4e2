package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/store"
)

// holding returns the files of a folder that have a text in them.
func holding(t testing.TB, dir, text string) (files []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

func remove(key string) act {
	return func(tx store.Tx) (any, error) {
		tx.Delete([]byte(key))
		return nil, nil
	}
}

// What was deleted is in no file after a rewrite, be it long or short, and everything else is as it was, also after the
// next start and the next rewrite.
func TestRewriteLeavesNothingDeleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	secret := "planted-" + strings.Repeat("x", 20)
	long := strings.Repeat("long ", 100)
	for p := range 64 {
		do(t, s, p, set("stays", fmt.Sprint(p)))
		do(t, s, p, set("long", long+fmt.Sprint(p)))
	}
	do(t, s, 3, set("short", secret))
	do(t, s, 4, set("long", long+secret))
	do(t, s, 5, set(secret, "in a key"))
	if len(holding(t, dir, secret)) == 0 {
		t.Fatal("the planted value is not where it is looked for")
	}
	do(t, s, 3, remove("short"))
	do(t, s, 4, set("long", long+"4"))
	do(t, s, 5, remove(secret))
	if len(holding(t, dir, secret)) == 0 {
		t.Fatal("deleting alone is said not to be enough")
	}
	check := func() {
		t.Helper()
		if files := holding(t, dir, secret); len(files) > 0 {
			t.Fatal("the value is still in ", files)
		}
		for p := range 64 {
			if got := get(t, s, p, "stays") + get(t, s, p, "long"); got != fmt.Sprint(p)+long+fmt.Sprint(p) {
				t.Fatalf("partition %d has %q", p, got)
			}
		}
		if got := get(t, s, 3, "short"); got != "-" {
			t.Fatalf("what was deleted came back: %q", got)
		}
	}
	for range 2 {
		if _, err := s.Rewrite(context.Background()); err != nil {
			t.Fatal(err)
		}
		check()
		do(t, s, 9, set("after", "rewritten"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		check()
		if got := get(t, s, 9, "after"); got != "rewritten" {
			t.Fatalf("what was written after the rewrite is %q", got)
		}
	}
}

// Writers and readers go on while the store is rewritten, and nothing of what they wrote or deleted is lost.
func TestRewriteWhileWorking(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for p := range 64 {
		for i := range 200 {
			do(t, s, p, set(fmt.Sprint("old", i), strings.Repeat("o", 300)))
			if i >= 20 && p%8 != 0 {
				break
			}
		}
	}
	var stop atomic.Bool
	var writers sync.WaitGroup
	last := make([]int, 8)
	for p := range last {
		writers.Go(func() {
			for i := 1; !stop.Load(); i++ {
				inputs := items(p, set("count", fmt.Sprint(i)), set(fmt.Sprint("n", i), "there"), remove(fmt.Sprint("n", i-3)), remove(fmt.Sprint("old", i%200)))
				for _, result := range s.DoAll(context.Background(), inputs) {
					if result.Err != nil {
						t.Error(result.Err)
						return
					}
				}
				last[p] = i
				if got := get(t, s, p, "count"); got != fmt.Sprint(i) {
					t.Errorf("partition %d answers %s after %d", p, got, i)
					return
				}
			}
		})
	}
	for range 3 {
		done, err := s.Rewrite(context.Background())
		if err != nil {
			t.Error(err)
		}
		t.Logf("rewritten: %+v", done)
	}
	stop.Store(true)
	writers.Wait()
	check := func() {
		t.Helper()
		for p, n := range last {
			if got := get(t, s, p, "count"); got != fmt.Sprint(n) {
				t.Errorf("partition %d has %s, not %d", p, got, n)
			}
			if got := get(t, s, p, fmt.Sprint("n", n)) + get(t, s, p, fmt.Sprint("n", n-3)); got != "there-" {
				t.Errorf("partition %d has %q", p, got)
			}
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	check()
}

// A kill before the change-over leaves the old files, one after it the new ones; whatever else there is goes.
func TestKilledRewrite(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, 1, set("a", "1"))
	if _, err := s.Rewrite(context.Background()); err != nil {
		t.Fatal(err)
	}
	do(t, s, 1, set("a", "2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"badger", "badger-3"} {
		copyFolder(t, filepath.Join(dir, "badger-2"), filepath.Join(dir, left))
	}
	s = open(t, dir)
	if got := get(t, s, 1, "a"); got != "2" {
		t.Fatalf("the store has %q", got)
	}
	for _, left := range []string{"badger", "badger-3"} {
		if _, err := os.Stat(filepath.Join(dir, left)); !os.IsNotExist(err) {
			t.Errorf("%s was left", left)
		}
	}
}

// What is deleted while a rewrite goes on may have been copied: the time of a rewrite is that of its beginning.
func TestWhenItWasRewritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if at := s.RewrittenAt(); !at.IsZero() {
		t.Fatal("it was never rewritten: ", at)
	}
	do(t, s, 1, set("a", strings.Repeat("a", 1<<20)))
	before := time.Now()
	done, err := s.Rewrite(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if at := s.RewrittenAt(); at.Before(before) || at.After(time.Now().Add(-done.Took)) {
		t.Errorf("it began at %v, after %v, and took %v", at, before, done.Took)
	}
	// A copy of the folder is as old as what it was copied from.
	copied := t.TempDir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if at := open(t, copied).RewrittenAt(); at.IsZero() || at.After(time.Now().Add(-done.Took)) {
		t.Errorf("the copy was rewritten at %v", at)
	}
}

// Where the file that names the folder was lost, no empty store takes the place of the one that is there.
func TestTheNameOfTheFolderIsLost(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, 1, set("a", "1"))
	if _, err := s.Rewrite(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	current := filepath.Join(dir, "current")
	name, err := os.ReadFile(current)
	if err != nil {
		t.Fatal(err)
	}
	if err = os.Remove(current); err != nil {
		t.Fatal(err)
	}
	if _, err = store.Open(store.Options{Dir: dir}); err == nil {
		t.Fatal("an empty store was begun")
	}
	// An old folder beside it is behind what was reported as safe: nothing may be removed because of it.
	stale := t.TempDir()
	other := open(t, stale)
	if err = other.Close(); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, filepath.Join(stale, "badger"), filepath.Join(dir, "badger"))
	if _, err = store.Open(store.Options{Dir: dir}); err == nil {
		t.Fatal("an older store was taken")
	}
	if err = os.WriteFile(current, name, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := get(t, open(t, dir), 1, "a"); got != "1" {
		t.Errorf("the store has %q", got)
	}
}
