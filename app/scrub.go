package app

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
		theirs := func(line []byte) bool { return isOf(line, one, messages) }
		switch filepath.Ext(path) {
		case ".ndjson", ".journal":
			_, err = scrubLines(path, theirs, blankObject)
		case ".csv":
			err = scrubTable(path, theirs)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return lifecycle.Wrap(lifecycle.Unavailable, err, "%s still names somebody who was erased", path)
		}
		return nil
	})
}

func isOf(line []byte, one engine.Scrub, messages map[string]bool) bool {
	if engine.Names(line, one.Values, one.Place) {
		return true
	}
	// Connectors know a message by its reference, which ends with its ID.
	for at, digits := 0, 0; at < len(line); at++ {
		if b := line[at]; b >= '0' && b <= '9' || b >= 'a' && b <= 'f' {
			digits++
		} else {
			digits = 0
		}
		if digits >= idDigits && messages[string(line[at+1-idDigits:at+1])] {
			return true
		}
	}
	return false
}

const idDigits = 2 * len(lifecycle.ID{})

// scrubTable overwrites the rows of a table that belong to somebody. The sum of it that stands in the manifest of a batch
// becomes that of what it is now.
func scrubTable(path string, theirs func(line []byte) bool) error {
	manifest := filepath.Join(filepath.Dir(path), "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := ""
	if text != nil {
		if before, err = sumOf(path); err != nil {
			return err
		}
	}
	changed, err := scrubLines(path, theirs, blankRow)
	if err != nil || !changed || before == "" || !bytes.Contains(text, []byte(before)) {
		return err
	}
	after, err := sumOf(path)
	if err != nil {
		return err
	}
	return writeDurably(manifest, bytes.ReplaceAll(text, []byte(before), []byte(after)))
}

// sumOf is the SHA-256 of a file in hex.
func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err = io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// writeDurably makes a file that nobody else may read, which is on disk as a whole when it returns, or as it was.
func writeDurably(path string, text []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		if folder, e := os.Open(filepath.Dir(path)); e == nil {
			_ = folder.Sync() // not everywhere can a folder be synced
			_ = folder.Close()
		}
	}
	return err
}

// scrubLines overwrites the lines of a file that belong to somebody, and reports whether there were any.
func scrubLines(path string, theirs func(line []byte) bool, blank func(line []byte) []byte) (changed bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
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
			return changed, err
		}
		at += int64(len(line))
	}
	if changed {
		err = file.Sync()
	}
	return changed, errors.Join(err, file.Close())
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
	if err := writeDurably(path, text.Bytes()); err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the list of who was erased cannot be written")
	}
	return nil
}
