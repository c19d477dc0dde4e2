package letter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// What the host has not released when its day's batch is written goes into the journal of the day that takes letters now. It
// is written there first and then taken out of the old one, so that an end in between leaves it in both: the later one holds,
// see reopen. The batch of the old day is begun only then.

// leaveBehind moves letters of a day to the next batch. Called with mu.
func (o *office) leaveBehind(day string, keys map[key]struct{}) (err error) {
	defer func() {
		if err != nil {
			o.forget() // the next open sees to what is done by half
			err = fmt.Errorf("letters that were not released cannot be moved to the next batch: %w", err)
		}
	}()
	path := filepath.Join(o.state, day+journalEnd)
	stay, moved, err := divide(path, keys)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, l := range moved {
		l.Behind = day
		_ = encoder.Encode(l) // texts into a buffer
	}
	next, err := o.today(o.now())
	if err != nil {
		return err
	}
	if err = next.append(lines.Bytes()); err != nil {
		return err
	}
	if err = writeDurably(path, stay); err != nil {
		return err
	}
	o.held.drop(func(h *held) bool { _, moved := keys[h.key]; return moved && h.day == day })
	return nil
}

// divide reads a journal and takes letters out of it: stay are the lines of the others.
func divide(path string, keys map[key]struct{}) (stay []byte, taken []*letter, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	stay = make([]byte, 0, len(content))
	for line := range bytes.Lines(content) {
		l := &letter{}
		if err := json.Unmarshal(line, l); err != nil {
			return nil, nil, fmt.Errorf("a line of %s is no letter: %w", path, err)
		}
		if _, is := keys[keyOf(l.ID)]; is && l.ID != "" {
			taken = append(taken, l)
		} else {
			stay = append(stay, line...)
		}
	}
	return stay, taken, nil
}

// reopen reads the journals that are there, the last one first: a letter that stands in two of them was being moved, and goes
// out of the earlier one. Called with mu.
func (o *office) reopen() error {
	days, err := daysIn(o.state, journalEnd)
	if err != nil {
		return err
	}
	struck := map[key]struct{}{} // by half, before a crash
	for i := len(days) - 1; i >= 0; i-- {
		path := filepath.Join(o.state, days[i]+journalEnd)
		if err := mend(path); err != nil {
			return err
		}
		stands := waiting
		if _, missing := os.Stat(filepath.Join(o.settings.Folder, days[i], manifestName)); missing == nil {
			stands = printed // the end came before the journal's
		}
		var here []key
		moved := map[key]struct{}{}
		if err := readJournal(path, func(l *letter) error {
			k := keyOf(l.ID)
			switch o.seen[k] {
			case withdrawn:
				struck[k] = struct{}{}
			case waiting:
				moved[k] = struct{}{}
			default:
				here = append(here, k)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, k := range here {
			o.seen[k] = stands
		}
		if len(moved) == 0 || stands == printed {
			continue
		}
		stay, _, err := divide(path, moved)
		if err == nil {
			err = writeDurably(path, stay)
		}
		if err != nil {
			return err
		}
	}
	return o.strike(struck)
}

// countBehind returns how many letters a day has left to batches after it.
func (o *office) countBehind(day string) (n int, err error) {
	o.mu.Lock() // no line is half written
	defer o.mu.Unlock()
	days, err := daysIn(o.state, journalEnd)
	for _, later := range days {
		if later > day && err == nil {
			err = readJournal(filepath.Join(o.state, later+journalEnd), func(l *letter) error {
				if l.Behind == day {
					n++
				}
				return nil
			})
		}
	}
	return n, err
}
