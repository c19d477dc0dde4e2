package log

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"
)

// recallBytes is how much of the newest files is read at the start: enough for what was under way when a connector
// died, little enough to take some ten milliseconds.
const recallBytes = 16 << 20

const (
	dayLayout = "2006-01-02"
	extension = ".ndjson"
)

// append writes the gathered lines with one call.
func (c *Connector) append(now time.Time) error {
	if err := c.open(now.Format(dayLayout)); err != nil {
		return err
	}
	n, err := c.file.Write(c.line.buffer.Bytes())
	if err == nil {
		c.size += int64(n)
		c.sync(n)
		return nil
	}
	// What was written of the batch must go, or its lines would stand twice after the retry.
	if n > 0 {
		if cut := c.file.Truncate(c.size); cut != nil {
			err = errors.Join(err, cut)
		}
	}
	_ = c.closeFile()
	return fmt.Errorf("the messages could not be written: %w", err)
}

// syncBytes is how much is written before it is synced: left to itself, the system writes half a minute's worth at once,
// and everybody's commits wait for that.
const syncBytes = 4 << 20

// sync brings what was written to the disk once it is much, and waits for nothing.
func (c *Connector) sync(wrote int) {
	if c.behind += wrote; c.behind < syncBytes || c.syncs {
		return
	}
	c.behind, c.syncs = 0, true
	go func(file *os.File) {
		_ = file.Sync() // what cannot be written shows at the next write
		c.mu.Lock()
		c.syncs = false
		c.mu.Unlock()
	}(c.file)
}

// open makes the day's file the current one, and looks again whether someone has moved it away.
func (c *Connector) open(day string) error {
	path := filepath.Join(c.folder, day+extension)
	if c.file != nil && c.day == day {
		if there, err := os.Stat(path); err == nil {
			if here, err := c.file.Stat(); err == nil && os.SameFile(here, there) {
				return nil
			}
		}
	}
	_ = c.closeFile()
	size, err := mend(path)
	if err != nil {
		return fmt.Errorf("the file of the day cannot be used: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(c.folder, 0o700); err == nil {
			file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("the file of the day cannot be opened: %w", err)
	}
	c.file, c.day, c.size = file, day, size
	return nil
}

func (c *Connector) closeFile() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// mend removes a last line without its end, which a kill can leave, and returns the file's size; 0 if there is none.
func mend(path string) (int64, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	buffer := make([]byte, 64<<10)
	for end := size; end > 0; {
		start := max(0, end-int64(len(buffer)))
		chunk := buffer[:end-start]
		if _, err := file.ReadAt(chunk, start); err != nil {
			return 0, err
		}
		if at := bytes.LastIndexByte(chunk, '\n'); at >= 0 {
			whole := start + int64(at) + 1
			if whole != size {
				return whole, file.Truncate(whole)
			}
			return size, nil
		}
		end = start
	}
	return 0, file.Truncate(0)
}

// recall reads the IDs at the end of the newest files and mends their last lines.
func (c *Connector) recall() error {
	names, err := filepath.Glob(filepath.Join(escape(c.folder), "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"+extension))
	if err != nil {
		return err
	}
	sort.Strings(names)
	left, first := int64(recallBytes), len(names)
	for first > 0 && left > 0 {
		first--
		size, err := mend(names[first])
		if err != nil {
			return err
		}
		left -= size
	}
	// From old to new, so that the newest are forgotten last; of the oldest file only the end that is within bounds.
	for i := first; i < len(names); i++ {
		skip := int64(0)
		if i == first && left < 0 {
			skip = -left
		}
		if err := c.recallFile(names[i], skip); err != nil {
			return err
		}
	}
	return nil
}

func (c *Connector) recallFile(path string, skip int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// The line in which skip falls is passed over unless it begins there.
	if skip > 0 {
		skip--
	}
	partial := skip > 0
	if _, err := file.Seek(skip, io.SeekStart); err != nil {
		return err
	}
	lines := newLines(file)
	for {
		head, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if partial {
			partial = false
			continue
		}
		if id, ok := idOf(head); ok {
			c.seen.add(keyOf(id))
		}
	}
}

// escape keeps a folder's name from being read as a pattern.
func escape(path string) string {
	var out []byte
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '*', '?', '[':
			out = append(out, '[', path[i], ']')
		default:
			out = append(out, path[i])
		}
	}
	return string(out)
}
