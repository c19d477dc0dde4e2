package letter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// office takes letters in and hands batches out, in one folder.
type office struct {
	settings *settings
	now      func() time.Time
	state    string

	stop, done chan struct{}
	soon       chan struct{} // days that are over are to be looked at
	stopping   sync.Once
	closing    sync.Mutex // one batch at a time is written

	mu       sync.Mutex
	stopped  bool
	lock     *os.File // while open
	composer *composer
	seen     map[key]standing
	held     heldLetters
	released map[key]struct{} // of those, by the host since this start
	writing  string           // the day whose batch is being written
	journal  *journal         // of the day in which the last letter came; may be nil
	floor    string           // the first day that takes letters
	broken   error            // why nothing is accepted
	failed   error            // why a batch could not be written
	refused  error            // that the last batch lacks letters
}

func newOffice(s *settings, now func() time.Time) (*office, error) {
	o := &office{settings: s, now: now, state: filepath.Join(s.Folder, stateFolder), stop: make(chan struct{}), done: make(chan struct{}),
		soon: make(chan struct{}, 1), released: map[key]struct{}{}}
	if err := os.MkdirAll(o.state, 0o700); err != nil {
		return nil, fmt.Errorf("folder cannot be made: %w", err)
	}
	var err error
	o.composer, err = newComposer(s)
	return o, err
}

// run writes batches when their day is over, until close.
func (o *office) run() {
	go func() {
		defer close(o.done)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-o.stop:
				o.leave()
				return
			case <-ticker.C:
				_ = o.closeDays()
			case <-o.soon:
				_ = o.closeDays()
			}
		}
	}()
}

// close ends the work. It does not wait for a batch that is being written.
func (o *office) close() {
	o.stopping.Do(func() { close(o.stop) })
	select {
	case <-o.done:
	case <-time.After(500 * time.Millisecond):
	}
}

func (o *office) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	o.forget()
}

// forget closes what is open; the next open reads everything anew. Called with mu.
func (o *office) forget() {
	if o.journal != nil {
		_ = o.journal.file.Close()
	}
	if o.lock != nil {
		_ = o.lock.Close()
	}
	o.journal, o.lock, o.seen, o.held = nil, nil, nil, heldLetters{}
}

// open takes the folder's lock and reads which letters were accepted before. Called with mu.
func (o *office) open() (err error) {
	if o.stopped {
		return errors.New("the connector is ending")
	}
	if o.lock != nil {
		if stillThere(o.lock) && (o.journal == nil || stillThere(o.journal.file)) {
			return nil
		}
		o.forget()
	}
	defer func() {
		if err != nil {
			o.forget()
		}
	}()
	if err := os.MkdirAll(o.state, 0o700); err != nil {
		return err
	}
	if o.lock, err = os.OpenFile(filepath.Join(o.state, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if !hold(o.lock) {
		return errBusy
	}
	o.seen = map[key]standing{}
	if err := o.remember(withdrawnEnd, withdrawn); err != nil {
		return err
	}
	if err := o.remember(sentEnd, printed); err != nil {
		return err
	}
	return o.reopen()
}

// remember reads the keys of days that are over, of those that were printed or withdrawn, and removes what is too old. Called
// with mu.
func (o *office) remember(ending string, as standing) error {
	days, err := daysIn(o.state, ending)
	oldest := o.now().AddDate(0, 0, -rememberDays).Format(dayLayout)
	for _, day := range days {
		if err != nil {
			break
		}
		path := filepath.Join(o.state, day+ending)
		if day < oldest {
			err = os.Remove(path)
		} else {
			err = readKeys(path, as, o.seen)
		}
		if as == printed {
			o.floor = max(o.floor, dayAfter(day))
		}
	}
	return err
}

// stillThere reports whether an open file is the one of its name: what is written into one that was removed is lost.
func stillThere(file *os.File) bool {
	here, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(file.Name())
	return err == nil && os.SameFile(here, there)
}

// today is the open journal of the day to which letters of now belong. Called with mu.
func (o *office) today(now time.Time) (*journal, error) {
	day := max(o.settings.dayOf(now), o.floor)
	if o.journal != nil && o.journal.day == day {
		return o.journal, nil
	}
	if o.journal != nil {
		_ = o.journal.file.Close()
		o.journal = nil
	}
	journal, err := openJournal(o.state, day)
	if err == nil {
		o.journal = journal
	}
	return journal, err
}

// take accepts letters into the day's journal.
func (o *office) take(ctx context.Context, messages []channel.Message) []channel.Receipt {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	var journal *journal
	o.broken = o.open()
	if o.broken == nil {
		journal, o.broken = o.today(now)
	}
	if o.broken != nil {
		return channel.All(messages, channel.Temporary, "letters cannot be taken: "+o.broken.Error(), time.Minute)
	}
	receipts := make([]channel.Receipt, len(messages))
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	fresh := map[key]struct{}{}
	var written []int
	for i, m := range messages {
		receipts[i] = channel.Receipt{ID: m.ID, Outcome: channel.Accepted}
		id := keyOf(m.ID)
		if stands, known := o.seen[id]; known {
			if stands == withdrawn {
				receipts[i].Outcome, receipts[i].Reason = channel.Permanent, "it was withdrawn"
			}
			continue
		}
		if _, known := fresh[id]; !known {
			if ctx.Err() != nil {
				receipts[i].Outcome, receipts[i].Reason = channel.Temporary, "there was no time left for it"
				continue
			}
			l := letter{ID: m.ID, Subject: m.Subject, Text: m.Text, Kind: m.Kind, At: now.UTC()}
			if err := o.accept(&l, m.To, journal.day); err != nil {
				receipts[i].Outcome, receipts[i].Reason = channel.Permanent, err.Error()
				continue
			}
			_ = encoder.Encode(l) // texts into a buffer
			fresh[id] = struct{}{}
		}
		written = append(written, i)
	}
	if len(fresh) == 0 {
		return receipts
	}
	if o.broken = journal.append(lines.Bytes()); o.broken != nil {
		outcome := channel.Temporary
		if errors.Is(o.broken, errUnknown) {
			outcome = channel.InDoubt
		}
		for _, i := range written {
			receipts[i].Outcome, receipts[i].Reason = outcome, "the letter could not be written to disk: "+o.broken.Error()
		}
		o.forget()
		return receipts
	}
	for id := range fresh {
		o.seen[id] = waiting
	}
	return receipts
}

// accept sees whether a letter can be printed.
func (o *office) accept(l *letter, to, day string) (err error) {
	if l.Address, err = parseAddress(to, o.settings.Country); err != nil {
		return err
	}
	_, err = o.composer.compose(l, dateOf(day), o.settings.MaxPages)
	return err
}

func (o *office) health() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(o.broken, o.failed, o.refused)
}
