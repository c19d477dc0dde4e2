package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// size returns how many bytes of a folder's files of that kind hold something.
func size(t *testing.T, dir, kind string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, kind) {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// Long values that are overwritten do not fill the disk, and those that stay can be read all the time.
func TestOverwrittenValuesAreGivenBack(t *testing.T) {
	dir := t.TempDir()
	long := func(n int) string { return fmt.Sprintf("%05d", n) + strings.Repeat("x", 100<<10) }
	const kept, rounds = 40, 20
	for round := range rounds {
		s := open(t, dir)
		var all []store.Item
		for n := range kept {
			all = append(all, store.Item{Partition: n % lifecycle.Partitions, Input: set(fmt.Sprint("k", n), long(round))})
		}
		if round == 0 {
			all = append(all, store.Item{Partition: 1, Input: set("once", long(777))})
		}
		for _, result := range s.DoAll(t.Context(), all) {
			if result.Err != nil {
				t.Fatal(result.Err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	before := size(t, dir, ".vlog")
	s := open(t, dir)
	check := func() {
		t.Helper()
		for n := range kept {
			if got := get(t, s, n%lifecycle.Partitions, fmt.Sprint("k", n)); got != long(rounds-1) {
				t.Fatalf("k%d is %.10s…, %d bytes", n, got, len(got))
			}
		}
		if got := get(t, s, 1, "once"); got != long(777) {
			t.Fatalf("what was written once is %.10s…", got)
		}
	}
	files := 0
	for {
		rewritten, err := s.Tidy()
		if err != nil {
			t.Fatal(err)
		}
		check()
		if !rewritten {
			break
		}
		files++
	}
	if files < rounds/2 {
		t.Errorf("%d files were rewritten", files)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := size(t, dir, ".vlog"); after > before/4 {
		t.Errorf("%d MB of values are %d MB afterwards", before>>20, after>>20)
	}
	s = open(t, dir)
	check()
}

// A value whose bytes were changed on the disk is an error, and no other value.
func TestDamagedValuesAreNoticed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, 0, set("long", strings.Repeat("a", 1000)))
	for range 2 { // files after it keep the damaged one from being the newest, with which the store is refused
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
		do(t, s, 0, set("short", "b"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "badger", "*.vlog"))
	damaged := false
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := strings.Index(string(data), strings.Repeat("a", 900)); at >= 0 {
			data[at+450] ^= 1
			damaged = true
		}
		if err = os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !damaged {
		t.Fatal("the value is in no file of values")
	}
	s = open(t, dir)
	if got := get(t, s, 0, "short"); got != "b" {
		t.Errorf("short is %q", got)
	}
	got, err := s.Ask(t.Context(), 0, look(func(tx store.Reader) (any, error) {
		return string(tx.Get([]byte("long"))), nil
	}))
	if err == nil {
		t.Errorf("a damaged value was read: %.20q… of %d bytes", got, len(got.(string)))
	}
}
