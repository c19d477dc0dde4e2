package letter

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// What lies in the folder STATE besides the lock: the letters of each day that is not over, and then, for rememberDays,
// the keys of those that are in its batch; see withdraw.go for those that were withdrawn.
const (
	stateFolder  = ".state"
	journalEnd   = ".journal" // a letter as JSON on each line
	sentEnd      = ".sent"    // a key in hex on each line
	rememberDays = 90         // the host tries no message for that long
)

// key stands for a message's ID.
type key [16]byte

func keyOf(id string) key {
	sum := sha256.Sum256([]byte(id))
	return key(sum[:16])
}

// journal is the file of a day's letters. What stands in it was accepted.
type journal struct {
	day  string
	file *os.File
	size int64
}

// openJournal opens the day's journal for writing at its end, which mend found whole.
func openJournal(state, day string) (*journal, error) {
	path := filepath.Join(state, day+journalEnd)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = syncFolder(state)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &journal{day: day, file: file, size: info.Size()}, nil
}

// errUnknown is in the chain of append's error when the lines may be there all the same.
var errUnknown = errors.New("what was written of it could not be taken back")

// append writes lines durably: all of them, or none.
func (j *journal) append(lines []byte) error {
	n, err := j.file.Write(lines)
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		j.size += int64(n)
		return nil
	}
	if back := errors.Join(j.file.Truncate(j.size), j.file.Sync()); back != nil {
		return errors.Join(err, errUnknown)
	}
	return err
}

// readJournal gives each letter of a journal to a function.
func readJournal(path string, each func(*letter) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := bufio.NewReaderSize(file, 64<<10)
	for n := 1; ; n++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d of %s is torn", n, path)
		}
		var l letter
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("line %d of %s is no letter: %w", n, path, err)
		}
		if l.ID == "" {
			continue // its addressee was erased
		}
		if err := each(&l); err != nil {
			return err
		}
	}
}

// mend cuts off a last line without its end, which a kill can leave: it was never accepted.
func mend(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	buffer, whole := make([]byte, 64<<10), int64(0)
	for end := info.Size(); end > 0 && whole == 0; {
		start := max(0, end-int64(len(buffer)))
		part := buffer[:end-start]
		if _, err := file.ReadAt(part, start); err != nil {
			return err
		}
		if at := bytes.LastIndexByte(part, '\n'); at >= 0 {
			whole = start + int64(at) + 1
		}
		end = start
	}
	if whole == info.Size() {
		return nil
	}
	return errors.Join(file.Truncate(whole), file.Sync())
}

// readKeys adds the keys of a day's letters.
func readKeys(path string, as standing, into map[key]standing) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var k key
		if n, err := hex.Decode(k[:], lines.Bytes()); err != nil || n != len(k) {
			return fmt.Errorf("%s is damaged; without it letters could be printed twice", path)
		}
		into[k] = as
	}
	return lines.Err()
}

// writeDurably makes a file that is whole or not there.
func writeDurably(path string, content []byte) error {
	temporary := path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	return err
}

// daysIn are the days of the files with an ending in a folder, in order.
func daysIn(folder, ending string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var days []string
	for _, entry := range entries {
		if day, ok := strings.CutSuffix(entry.Name(), ending); ok && !dateOf(day).IsZero() {
			days = append(days, day)
		}
	}
	return days, nil
}
