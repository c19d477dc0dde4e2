package letter

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"stagecraft/plugins/channel"
)

// A letter waits in the journal until its day is over and the host has released it (held.go); until then it can be withdrawn,
// also if it was left behind for the next batch (behind.go). The keys
// of those that were are kept in a file of their own, before their lines go: none is taken in once more.

// withdrawnEnd is the ending of the file with the keys of a day's withdrawn letters, in hex on each line.
const withdrawnEnd = ".withdrawn"

// standing is where a letter stands that was accepted once.
type standing byte

const (
	waiting   standing = iota + 1 // in a journal
	printed                       // in a batch, or in one that is being written
	withdrawn                     // in neither, for good
)

// Waiting returns letters of days that are over and were not released yet, those first that were not named for longest.
func (c *Connector) Waiting(context.Context) ([]string, error) {
	if office := c.current(); office != nil {
		return office.waiting()
	}
	return nil, nil
}

// Release lets letters be printed. A day's batch is written when nothing of it waits any more, or has waited for patience.
func (c *Connector) Release(_ context.Context, ids []string) error {
	if office := c.current(); office != nil {
		office.release(ids)
	}
	return nil
}

// Withdraw takes letters out of journals, and with forget out of batches too.
func (c *Connector) Withdraw(_ context.Context, ids []string, forget bool) ([]channel.Withdrawal, error) {
	office := c.current()
	if office == nil {
		return nil, errors.New("the connector has no settings yet")
	}
	return office.withdraw(ids, forget)
}

func (o *office) waiting() ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	today := o.settings.dayOf(o.now())
	days, err := daysIn(o.state, journalEnd)
	for _, day := range days {
		if day >= today || err != nil {
			break
		}
		err = o.hold(day)
	}
	if err != nil {
		return nil, err
	}
	return o.name(), nil
}

// release lets letters be printed. A word that comes when a letter was left behind is too old: the host is asked again.
func (o *office) release(ids []string) {
	o.mu.Lock()
	for _, id := range ids {
		if one := o.held.of[keyOf(id)]; one != nil {
			o.released[one.key] = struct{}{}
		}
	}
	o.mu.Unlock()
	o.hurry()
}

// hurry has the days looked at that are over.
func (o *office) hurry() {
	select {
	case o.soon <- struct{}{}:
	default:
	}
}

func (o *office) withdraw(ids []string, forget bool) ([]channel.Withdrawal, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if forget && o.writing != "" { // that batch has them too
		return nil, errors.New("a batch is being written; try again")
	}
	if err := o.open(); err != nil {
		return nil, err
	}
	out, wanted := make([]channel.Withdrawal, len(ids)), map[key]struct{}{}
	for i, id := range ids {
		k := keyOf(id)
		out[i] = channel.Withdrawal{ID: id, Fate: channel.Unknown}
		switch o.seen[k] {
		case waiting, withdrawn: // the latter may stand in a journal after a crash
			out[i].Fate = channel.Withdrawn
			wanted[k] = struct{}{}
		case printed:
			out[i].Fate, out[i].Reason = channel.TooLate, "it is in a batch"
			if forget { // and in the journal of a batch that has just been written before a crash
				wanted[k] = struct{}{}
			}
		}
	}
	if err := o.strike(wanted); err != nil {
		o.forget() // the next open sees to what is done by half
		return nil, fmt.Errorf("letters cannot be withdrawn: %w", err)
	}
	if forget {
		if err := o.forgetPrinted(ids); err != nil {
			return nil, fmt.Errorf("letters cannot be forgotten: %w", err)
		}
	}
	o.hurry() // a day may be waiting for nothing but them
	return out, nil
}

// strike takes letters out of all journals. Called with mu.
func (o *office) strike(wanted map[key]struct{}) error {
	if len(wanted) == 0 {
		return nil
	}
	days, err := daysIn(o.state, journalEnd)
	for _, day := range days {
		if err == nil && day != o.writing {
			err = o.strikeFrom(day, wanted)
		}
	}
	return err
}

// strikeFrom takes letters out of a day's journal. Called with mu.
func (o *office) strikeFrom(day string, wanted map[key]struct{}) error {
	path := filepath.Join(o.state, day+journalEnd)
	left, taken, err := divide(path, wanted)
	if err != nil || len(taken) == 0 {
		return err
	}
	if o.journal != nil && o.journal.day == day {
		_ = o.journal.file.Close()
		o.journal = nil
	}
	known, err := os.ReadFile(filepath.Join(o.state, day+withdrawnEnd))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	keys := bytes.NewBuffer(known)
	for _, l := range taken {
		k := keyOf(l.ID)
		keys.WriteString(hex.EncodeToString(k[:]) + "\n")
	}
	if err := writeDurably(filepath.Join(o.state, day+withdrawnEnd), keys.Bytes()); err != nil {
		return err
	}
	for _, l := range taken {
		o.seen[keyOf(l.ID)] = withdrawn
	}
	return writeDurably(path, left)
}
