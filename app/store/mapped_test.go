package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What was read goes back to the system and is found again; nothing of it changes, whatever else happens to the files at
// the same time: writing, merging, rewriting and removing.
func TestMappedPagesAreGivenBack(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pages are given back on Linux only")
	}
	dir := filepath.Join(t.TempDir(), "a folder with blanks")
	const keys = 4000
	long := func(n, round int) string { return fmt.Sprintf("%05d.%05d", n, round) + strings.Repeat("x", 10<<10) }
	short := func(n, round int) string { return fmt.Sprintf("%05d.%05d", n, round) }
	write := func(s *store.Store, round int) {
		for first := 0; first < keys; first += 500 {
			var all []store.Item
			for n := first; n < first+500; n++ {
				all = append(all, store.Item{Partition: n % lifecycle.Partitions, Input: act(func(tx store.Tx) (any, error) {
					tx.Set(fmt.Appendf(nil, "long%d", n), []byte(long(n, round)))
					tx.Set(fmt.Appendf(nil, "short%d", n), []byte(short(n, round)))
					return nil, nil
				})})
			}
			for _, result := range s.DoAll(context.Background(), all) {
				if result.Err != nil {
					t.Error(result.Err)
				}
			}
		}
	}
	// read looks at every key, and that both of its values are of one round.
	read := func(s *store.Store) {
		for n := range keys {
			answer, err := s.Ask(context.Background(), n%lifecycle.Partitions, look(func(tx store.Reader) (any, error) {
				var one string
				from := fmt.Appendf(nil, "long%d", n)
				tx.Scan(from, append(from, 0), func(_, value []byte) bool {
					one = string(value)
					return true
				})
				return one + "|" + string(tx.Get(fmt.Appendf(nil, "short%d", n))), nil
			}))
			if err != nil {
				t.Error(err)
				return
			}
			first, second, _ := strings.Cut(answer.(string), "|")
			var round int
			if _, err := fmt.Sscanf(second, fmt.Sprintf("%05d.%%05d", n), &round); err != nil || first != long(n, round) {
				t.Errorf("%d: %q does not go with %d bytes that begin with %.11q", n, second, len(first), first)
				return
			}
		}
	}

	before, err := store.MappedBytes()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	for round := range 3 {
		write(s, round) // 40 MB
	}
	read(s)
	if err := s.UnmapPages(); err != nil {
		t.Fatal(err)
	}
	after, err := store.MappedBytes()
	if err != nil {
		t.Fatal(err)
	}
	if after > before+16<<20 {
		t.Errorf("%d MB of files are in memory, %d before there was a store", after>>20, before>>20)
	}
	read(s)

	done := make(chan struct{})
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					read(s)
				}
			}
		})
	}
	others.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := s.UnmapPages(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for round := 3; round < 6; round++ {
		write(s, round)
		if _, err := s.Tidy(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	others.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read(open(t, dir))
}

// The files that commits go to are not read ahead in: what the system reads ahead in one piece it writes in one piece, at
// each sync (VmFlags rr, proc_pid_smaps(5)).
func TestGrowingFilesAreNotReadAhead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system is told on Linux only")
	}
	dir := t.TempDir()
	open(t, dir)
	flags := func(kind string) string {
		smaps, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		mine := false
		for line := range strings.Lines(string(smaps)) {
			line = strings.TrimSpace(line)
			if fields := strings.Fields(line); strings.Contains(fields[0], "-") {
				mine = strings.Contains(line, dir) && strings.HasSuffix(line, kind)
			} else if found, ok := strings.CutPrefix(line, "VmFlags:"); ok && mine {
				return found + " "
			}
		}
		return ""
	}
	for _, kind := range []string{".vlog", ".mem"} {
		for until := time.Now().Add(time.Minute); !strings.Contains(flags(kind), " rr "); {
			if time.Now().After(until) {
				t.Fatalf("the newest %s file has the flags %q", kind, flags(kind))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
