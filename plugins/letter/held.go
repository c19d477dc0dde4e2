package letter

import (
	"path/filepath"
	"time"

	"stagecraft/plugins/channel"
)

// patience is how long a day that is over waits for the host's word about its last letters. What was named to the host for
// that long in vain stays behind for the next batch: it must not hold back the others.
const patience = 10 * time.Minute

// held is a letter of a day that is over, and waits for the host's word.
type held struct {
	id    string
	key   key
	day   string
	asked time.Time // when it was named for the first time; zero: it was not
	due   bool      // it was named again after patience: that is the last time
	late  bool      // and that had no answer
}

// heldLetters are all of them, in order, so that none of it is read from disk more than once. Each is named in its turn: those that
// the host does not release are not in the way of those behind them.
type heldLetters struct {
	days map[string]bool // those that were read
	line []*held
	of   map[key]*held
	next int // whose turn it is
}

// hold reads the letters of a day that is over, once, and lets no more into it. Called with mu.
func (o *office) hold(day string) error {
	if err := o.beginClosing(day); err != nil {
		return err
	}
	h := &o.held
	if h.days[day] {
		return nil
	}
	var line []*held
	if err := readJournal(filepath.Join(o.state, day+journalEnd), func(l *letter) error {
		line = append(line, &held{id: l.ID, key: keyOf(l.ID), day: day})
		return nil
	}); err != nil {
		return err
	}
	if h.days == nil {
		h.days, h.of = map[string]bool{}, map[key]*held{}
	}
	h.days[day] = true
	h.line = append(h.line, line...)
	for _, one := range line {
		h.of[one.key] = one
	}
	return nil
}

// waits reports whether the host's word is missing. Called with mu.
func (o *office) waits(h *held) bool {
	_, may := o.released[h.key]
	return !may && o.seen[h.key] == waiting
}

// name returns whose turn it is, at most channel.MaxNamed. A turn ends with the last one. Called with mu.
func (o *office) name() (ids []string) {
	h, now, fresh := &o.held, o.now(), false
	for range 2 {
		from := h.next
		for h.next < len(h.line) && len(ids) < channel.MaxNamed {
			one := h.line[h.next]
			if h.next++; !o.waits(one) {
				continue
			}
			ids = append(ids, one.id)
			switch {
			case one.asked.IsZero():
				one.asked = now
			case one.due && !one.late:
				one.late, fresh = true, true
			case now.Sub(one.asked) >= patience: // the host, or all of the machine, may have slept meanwhile
				one.due = true
			}
		}
		if len(ids) == channel.MaxNamed {
			break
		}
		if h.next = 0; len(ids) > 0 || from == 0 {
			break
		}
	}
	if fresh {
		o.hurry()
	}
	return ids
}

// missing returns the letters of a day for which the host's word is missing, and whether there has been time enough for it.
// Called with mu.
func (o *office) missing(day string) (keys map[key]struct{}, enough bool) {
	keys, enough = map[key]struct{}{}, true
	for _, one := range o.held.line {
		if one.day == day && o.waits(one) {
			keys[one.key] = struct{}{}
			enough = enough && one.late
		}
	}
	return keys, enough
}

// drop forgets those that are in a batch, or left behind by one. Called with mu.
func (h *heldLetters) drop(gone func(*held) bool) {
	line := h.line
	h.line, h.next = nil, 0
	for _, one := range line {
		if !gone(one) {
			h.line = append(h.line, one)
		} else if h.of[one.key] == one {
			delete(h.of, one.key)
		}
	}
}
