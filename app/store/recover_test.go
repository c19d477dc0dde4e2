package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, 4, set("a", "1"))
	do(t, s, 63, set("b", "2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if get(t, s, 4, "a") != "1" || get(t, s, 63, "b") != "2" {
		t.Error("something is missing after closing and opening")
	}
}

// What was answered before a crash is there after it. The crash is a copy of the folder made while the store works.
func TestReopenAfterACrash(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	s := open(t, dir)
	var answered [lifecycle.Partitions]atomic.Int64
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{}, lifecycle.Partitions)
	for p := range lifecycle.Partitions {
		go func() {
			defer func() { ended <- struct{}{} }()
			for n := int64(1); ctx.Err() == nil; n++ {
				if _, err := s.Do(context.WithoutCancel(ctx), p, set(fmt.Sprint("k", n), strings.Repeat("v", 200))); err != nil {
					t.Error(err)
					return
				}
				answered[p].Store(n)
			}
		}()
	}
	for answered[lifecycle.Partitions-1].Load() < 20 && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	// The mark is copied last: a real crash freezes everything in one moment.
	var safe [lifecycle.Partitions]int64
	for p := range safe {
		safe[p] = answered[p].Load()
	}
	copyFile(t, filepath.Join(dir, "high-water"), filepath.Join(crashed, "high-water"))
	copyFolder(t, filepath.Join(dir, "badger"), filepath.Join(crashed, "badger"))
	stop()
	for range lifecycle.Partitions {
		<-ended
	}
	os.Remove(filepath.Join(crashed, "badger", "LOCK"))
	again := open(t, crashed)
	for p := range lifecycle.Partitions {
		for n := range safe[p] {
			if get(t, again, p, fmt.Sprint("k", n+1)) == "-" {
				t.Fatalf("partition %d lost input %d of %d that were answered", p, n+1, safe[p])
			}
		}
	}
	do(t, again, 0, set("more", "1"))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A store that has fewer commits than were once reported as safe is refused, whatever took them away.
func TestLostCommitsAreNoticed(t *testing.T) {
	fill := func(t *testing.T, dir string, from, to int) {
		s := open(t, dir)
		for n := from; n < to; n++ {
			do(t, s, n%lifecycle.Partitions, set(fmt.Sprint("k", n), "v"))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(t *testing.T, dir string) {
		t.Helper()
		s, err := store.Open(store.Options{Dir: dir})
		if err == nil {
			s.Close()
			t.Fatal("a store that has lost commits was opened")
		}
		if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "high-water") {
			t.Errorf("the refusal does not say what to do: %v", err)
		}
	}
	t.Run("an older copy", func(t *testing.T) {
		dir, older := t.TempDir(), t.TempDir()
		fill(t, dir, 0, 20)
		copyFolder(t, filepath.Join(dir, "badger"), older)
		fill(t, dir, 20, 40)
		if err := os.RemoveAll(filepath.Join(dir, "badger")); err != nil {
			t.Fatal(err)
		}
		copyFolder(t, older, filepath.Join(dir, "badger"))
		refused(t, dir)
		// Whoever accepts the loss removes the mark.
		if err := os.Remove(filepath.Join(dir, "high-water")); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		if get(t, s, 19, "k19") != "v" || get(t, s, 20, "k20") != "-" {
			t.Error("the older copy does not hold what it held")
		}
	})
	t.Run("all files gone", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir, 0, 20)
		if err := os.RemoveAll(filepath.Join(dir, "badger")); err != nil {
			t.Fatal(err)
		}
		refused(t, dir)
	})
	t.Run("the newest log gone", func(t *testing.T) {
		dir, crashed := t.TempDir(), t.TempDir()
		fill(t, dir, 0, 20)
		s := open(t, dir)
		for n := 20; n < 40; n++ {
			do(t, s, n, set(fmt.Sprint("k", n), "v"))
		}
		copyFolder(t, dir, crashed)
		logs, err := filepath.Glob(filepath.Join(crashed, "badger", "*.mem"))
		if err != nil || len(logs) == 0 {
			t.Fatalf("no log was found: %v", err)
		}
		for _, log := range logs {
			if err := os.Remove(log); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, crashed)
	})
	t.Run("a flipped bit in the log", func(t *testing.T) {
		dir, crashed := t.TempDir(), t.TempDir()
		s := open(t, dir)
		for n := range 40 {
			do(t, s, n, set(fmt.Sprint("k", n), strings.Repeat("v", 100)))
		}
		copyFolder(t, dir, crashed)
		logs, _ := filepath.Glob(filepath.Join(crashed, "badger", "*.mem"))
		if len(logs) == 0 {
			t.Fatal("no log was found")
		}
		data, err := os.ReadFile(logs[len(logs)-1])
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Index(string(data), "k20")
		if at < 0 {
			t.Skip("the log is not in the clear")
		}
		data[at] ^= 1
		if err = os.WriteFile(logs[len(logs)-1], data, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, crashed)
	})
}

func TestAnotherFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	db, err := badger.Open(badger.DefaultOptions(filepath.Join(dir, "badger")).WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err = db.Update(func(txn *badger.Txn) error {
		return txn.Set([]byte{0xff, 0xff, 'f'}, []byte("stagecraft store 1, 128 partitions, sha256/16"))
	}); err != nil {
		t.Fatal(err)
	}
	if err = db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: dir})
	if err == nil {
		s.Close()
		t.Fatal("a store of 128 partitions was opened")
	}
	if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "128 partitions") {
		t.Errorf("got %v", err)
	}
}

// A folder goes on with newer programs, and is refused by older ones, which would understand the half of it.
func TestNewerRecordsAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, records := range []uint64{20, 20, 21, 0, 20} {
		s, err := store.Open(store.Options{Dir: dir, Records: records})
		if records == 20 && err != nil && strings.Contains(err.Error(), "records 21; this one reads up to 20") && lifecycle.CodeOf(err) == lifecycle.Conflict {
			return
		}
		if err != nil {
			t.Fatalf("records %d: %v", records, err)
		}
		s.Start(machine{})
		if _, err := s.Do(context.Background(), 0, set("a", "1")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("an older program was let in")
}

func TestASecondHandleIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	s, err := store.Open(store.Options{Dir: dir})
	if err == nil {
		s.Close()
		t.Fatal("a folder was opened twice")
	}
	if lifecycle.CodeOf(err) != lifecycle.Unavailable || !strings.Contains(err.Error(), "another stagecraft") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir, MinFree: math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Start(machine{})
	_, err = s.Do(context.Background(), 0, set("a", "1"))
	if lifecycle.CodeOf(err) != lifecycle.Full || !strings.Contains(err.Error(), dir) {
		t.Errorf("an input on a full disk: %v", err)
	}
	if got := get(t, s, 0, "a"); got != "-" {
		t.Errorf("reading on a full disk: %s", got)
	}
}

// What is written to files without a folder is lost at the end: the store looks once in a second whether it is still there.
func TestARemovedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	failed := make(chan error, 1)
	s, err := store.Open(store.Options{Dir: dir, OnFailed: func(err error) { failed <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Start(machine{})
	if _, err := s.Do(context.Background(), 0, set("a", "1")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = s.Do(context.Background(), 0, set("a", "2"))
	}
	if lifecycle.CodeOf(err) != lifecycle.Unavailable {
		t.Errorf("an input without a folder: %v", err)
	}
	if err := <-failed; !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "removed") {
		t.Errorf("it failed with: %v", err)
	}
}

// Keys that hold a time sort by it, before and after 1970.
func TestKeyTimes(t *testing.T) {
	for _, nanos := range []int64{math.MinInt64, -1, 0, 1, 1 << 60, math.MaxInt64} {
		key := store.AppendTime([]byte("x"), unix(nanos))
		if got := store.KeyTime(key[1:]); got.UnixNano() != nanos {
			t.Errorf("%d came back as %d", nanos, got.UnixNano())
		}
		newest := store.AppendTimeNewestFirst(nil, unix(nanos))
		if ^binary.BigEndian.Uint64(newest) != binary.BigEndian.Uint64(key[1:]) {
			t.Errorf("%d: the newest first is not the other way round", nanos)
		}
	}
}
