package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// scrub removes what files of the data folder beside the store say of somebody: mails that were written to files, letters
// that wait to be printed, and the rows of those that are in a batch. Lines are overwritten where they stand, with as many
// bytes: their connector may be writing to the end of the same file.
func scrub(dir string, one engine.Scrub) error {
	messages := map[string]bool{}
	for _, id := range one.Messages {
		messages[id.String()] = true
	}
	skip := []string{"downloads", "scripts", "plugins", "channels"}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		case entry.IsDir() && path != dir && (slices.Contains(skip, entry.Name()) || strings.HasPrefix(entry.Name(), "badger")):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		switch filepath.Ext(path) {
		case ".ndjson", ".journal":
			err = scrubLines(path, func(line []byte) bool { return isOf(line, one.Values, messages) }, blankObject)
		case ".csv":
			err = scrubLines(path, func(line []byte) bool { return isOf(line, one.Values, messages) }, blankRow)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return lifecycle.Wrap(lifecycle.Unavailable, err, "%s still names somebody who was erased", path)
		}
		return nil
	})
}

func isOf(line []byte, values []string, messages map[string]bool) bool {
	if engine.Names(line, values) {
		return true
	}
	for id := range messages {
		if bytes.Contains(line, []byte(id)) {
			return true
		}
	}
	return false
}

// scrubLines overwrites the lines of a file that belong to somebody.
func scrubLines(path string, theirs func(line []byte) bool, blank func(line []byte) []byte) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	changed := false
	reader, at := bufio.NewReaderSize(file, 1<<20), int64(0)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // without its end a line is still being written, or never will be
		}
		if err == nil && theirs(line) {
			changed = true
			_, err = file.WriteAt(blank(line), at)
		}
		if err != nil {
			_ = file.Close()
			return err
		}
		at += int64(len(line))
	}
	if changed {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// blankObject is a JSON object of a line's length that says no more than that something was erased.
func blankObject(line []byte) []byte {
	const begin, end = `{"erased":"`, "\"}\n"
	if len(line) < len(begin)+len(end) {
		return append(bytes.Repeat([]byte{' '}, len(line)-1), '\n')
	}
	return []byte(begin + strings.Repeat(" ", len(line)-len(begin)-len(end)) + end)
}

// blankRow is a row of CSV with the cells of a line, and nothing in them.
func blankRow(line []byte) []byte {
	blank := bytes.Clone(line)
	for i, b := range blank {
		if !strings.ContainsRune(",\"\r\n", rune(b)) {
			blank[i] = ' '
		}
	}
	return blank
}

// erasedLine is a line of the list of who was erased.
type erasedLine struct {
	Partition int          `json:"partition"`
	Hash      lifecycle.ID `json:"hash"`
	At        int64        `json:"at"` // in ns since 1970
	Whole     bool         `json:"whole,omitempty"`
}

// erasedHead is its first line. Check tells whether it was written with the key that is there.
type erasedHead struct {
	Erased int    `json:"erased"` // version of the format, 1
	Check  string `json:"check"`
}

// readErased reads the list; nothing is there before somebody was erased.
func readErased(path, check string) (list []engine.Erasure, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, lifecycle.Wrap(lifecycle.Unavailable, err, "the list of who was erased cannot be read")
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	var head erasedHead
	if err = json.Unmarshal(first, &head); err != nil || head.Erased != 1 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "%s is no list of who was erased", path)
	}
	if head.Check != check {
		return nil, lifecycle.Errorf(lifecycle.Conflict, "%s was written with another key than the one in keys.json: bring back the keys.json that belongs to it, else nobody whom an older backup brings back can be told", path)
	}
	for line := range bytes.Lines(rest) {
		var one erasedLine
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err = json.Unmarshal(line, &one); err != nil || one.Partition < 0 || one.Partition >= lifecycle.Partitions {
			return nil, lifecycle.Errorf(lifecycle.Invalid, "%s has a line that cannot be read: %.80s", path, line)
		}
		list = append(list, engine.Erasure{Partition: one.Partition, Hash: one.Hash, At: timeOf(one.At), Whole: one.Whole})
	}
	return list, nil
}

// writeErased writes the list anew; it is on disk when it returns.
func writeErased(path, check string, list []engine.Erasure) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	_ = encoder.Encode(erasedHead{1, check}) // into a buffer; cannot fail
	for _, one := range list {
		_ = encoder.Encode(erasedLine{one.Partition, one.Hash, one.At.UnixNano(), one.Whole})
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.Write(text.Bytes())
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the list of who was erased cannot be written")
	}
	return nil
}
