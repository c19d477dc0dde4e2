package store_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// killed returns a copy of a store that was killed after so many commits, its newest file of values, and that file's bytes up to
// the zeros at its end.
func killed(t *testing.T, commits int) (dir, file string, data []byte) {
	t.Helper()
	lives := t.TempDir()
	dir = t.TempDir()
	s := open(t, lives)
	for n := range commits {
		do(t, s, n%lifecycle.Partitions, set(fmt.Sprint("k", n), fmt.Sprintf("%03d%s", n, strings.Repeat("v", 300))))
	}
	copyFolder(t, lives, dir)
	files, _ := filepath.Glob(filepath.Join(dir, "badger", "*.vlog"))
	if len(files) == 0 {
		t.Fatal("there is no file of values")
	}
	file = files[len(files)-1]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return dir, file, bytes.TrimRight(data, "\x00")
}

// put writes bytes over those of a file, at an offset.
func put(t *testing.T, file string, data []byte, at int) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt(data, int64(at))
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Damage to the newest file of values, behind which something lies that was reported as safe, is refused, and nothing is changed.
func TestDamageToTheNewestValuesIsRefused(t *testing.T) {
	dir, file, data := killed(t, 60)
	mark, err := os.ReadFile(filepath.Join(dir, "high-water"))
	if err != nil {
		t.Fatal(err)
	}
	record := func(n int) int { // where the record of a value begins
		at := bytes.Index(data, fmt.Appendf(nil, "%03dvvv", n))
		return bytes.LastIndex(data[:at], []byte{0, 0}) // meta and user meta
	}
	for name, at := range map[string]int{"the first": record(0) + 30, "a tenth": len(data) / 10, "the middle": len(data) / 2, "a length": record(30) + 2, "another length": record(40) + 3,
		"the last but one": record(58) + 100, "the last": len(data) - 20} {
		t.Run(name, func(t *testing.T) {
			put(t, file, []byte{data[at] ^ 0x40}, at)
			defer put(t, file, data[at:at+1], at)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(store.Options{Dir: dir})
			if err == nil {
				s.Close()
				t.Fatal("the store was opened")
			}
			if lifecycle.CodeOf(err) != lifecycle.Conflict || !strings.Contains(err.Error(), "high-water") || !strings.Contains(err.Error(), file) {
				t.Errorf("the refusal does not say what to do: %v", err)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed: %d bytes, before %d, %v", len(after), len(before), err)
			}
		})
	}
	if t.Failed() {
		return
	}
	// Whoever accepts the loss removes the mark.
	put(t, file, []byte{data[len(data)/2] ^ 0x40}, len(data)/2)
	if err := os.Remove(filepath.Join(dir, "high-water")); err != nil {
		t.Fatal(err)
	}
	if got := get(t, open(t, dir), 0, "k0"); len(got) != 303 {
		t.Errorf("what is before the damage is %q", got)
	}
	if len(mark) != 8 {
		t.Errorf("the mark has %d bytes", len(mark))
	}
}

// In a file that was closed nothing is half written.
func TestDamageToClosedValuesIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	do(t, s, 0, set("k", strings.Repeat("v", 300)))
	do(t, s, 0, set("k", strings.Repeat("w", 300)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "badger", "000001.vlog")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.LastIndex(data[:bytes.Index(data, []byte("www"))], []byte{0, 0})
	put(t, file, append([]byte{1, 2, 3}, data[20:second]...), len(data)) // the first commit behind the second, as after a rewrite
	if s, err = store.Open(store.Options{Dir: dir}); lifecycle.CodeOf(err) != lifecycle.Conflict {
		if err == nil {
			s.Close()
		}
		t.Errorf("got %v", err)
	}
}

// What a kill or a loss of power leaves half written at the end is nobody's loss: nobody was told that it is safe.
func TestHalfWrittenValuesAreTaken(t *testing.T) {
	for name, tear := range map[string]func(t *testing.T, dir, file string, data []byte){
		"nothing": func(*testing.T, string, string, []byte) {},
		"half a record": func(t *testing.T, dir, file string, data []byte) {
			put(t, filepath.Join(dir, "high-water"), number(58), 0)
			put(t, file, make([]byte, 150), len(data)-150)
		},
		"a hole before the end": func(t *testing.T, dir, file string, data []byte) {
			put(t, filepath.Join(dir, "high-water"), number(40), 0)
			at := bytes.Index(data, []byte("050vvv"))
			put(t, file, make([]byte, 100), at)
		},
		"what was being moved from another file": func(t *testing.T, _, file string, data []byte) {
			first := bytes.Index(data, []byte("001vvv"))
			put(t, file, append([]byte{0, 0, 9, 9, 9, 9}, data[20:first+350]...), len(data))
		},
		"what was being moved there first": func(t *testing.T, _, file string, data []byte) {
			put(t, file, make([]byte, 150), len(data)-150) // of a commit that was reported as safe, which it is in the file that it came from
		},
		"another program's bytes": func(t *testing.T, _, file string, data []byte) {
			put(t, file, bytes.Repeat([]byte{0xff, 0, 7}, 3000), len(data))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file, data := killed(t, 60)
			tear(t, dir, file, data)
			s := open(t, dir)
			if got := get(t, s, 30, "k30"); len(got) != 303 {
				t.Errorf("a value that is whole is %q", got)
			}
			do(t, s, 0, set("more", "1"))
		})
	}
}
