package email

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"stagecraft/plugins/channel"
)

// warmUp are the settings of a ramp. Mailbox providers distrust a domain or an address that suddenly sends much mail; one
// that begins with little and sends more each day earns their trust.
type warmUp struct {
	Start  int     `json:"start"`  // mails on the first day
	Growth float64 `json:"growth"` // percent a day
	Target int     `json:"target"` // mails a day; when these may leave, the ramp has ended
	State  string  `json:"state"`  // the file that keeps how far it is
}

// What a ramp has where its settings do not say.
const (
	defaultStart  = 50
	defaultGrowth = 50
)

func (s *settings) checkWarmUp() error {
	w := s.WarmUp
	if w == nil {
		return nil
	}
	if w.Start == 0 {
		w.Start = min(defaultStart, w.Target)
	}
	if w.Growth == 0 {
		w.Growth = defaultGrowth
	}
	switch {
	case w.Target < 1:
		return errors.New("warm_up.target is missing; say how many mails a day you want to send in the end")
	case w.Start < 1 || w.Start > w.Target:
		return fmt.Errorf("warm_up.start %d is outside of 1 to the target of %d mails a day", w.Start, w.Target)
	case w.Growth < 1 || w.Growth > 900:
		return fmt.Errorf("warm_up.growth %g is outside of 1 to 900 percent a day", w.Growth)
	case !filepath.IsAbs(w.State):
		return errors.New("warm_up.state is missing or no whole path; name a file to keep the state in, like /srv/stagecraft/warm-up.json")
	}
	if info, err := os.Stat(filepath.Dir(w.State)); err != nil || !info.IsDir() {
		return errors.New("warm_up.state: the folder of this file does not exist")
	}
	_, err := readRamps(w.State)
	return err
}

// ramp holds the mail of one sender's domain to what a day of its warm-up allows. A day is 24 hours from its first mail
// on, so that one on which nothing is sent is none; the next one allows more if at least half of what was allowed has
// left. What is over comes back on the next day. Transactional mail counts and is never held.
type ramp struct {
	warmUp
	domain string

	mu     sync.Mutex
	day    rampDay
	used   int // of day.Sent
	behind int // how many were told to come back on the next day
	broken error
}

// rampDay is what the file keeps of a domain.
type rampDay struct {
	Day   int       `json:"day"`   // of the ramp, from 1
	Began time.Time `json:"began"` // zero: no mail has left yet
	Sent  int       `json:"sent"`  // at most so many mails have left on it
}

// newRamp goes on where the file says that the domain is; nil without settings.
func newRamp(w *warmUp, domain string) *ramp {
	if w == nil {
		return nil
	}
	r := &ramp{warmUp: *w, domain: domain, day: rampDay{Day: 1}}
	kept, err := readRamps(w.State)
	if r.broken = err; kept[domain].Day > 0 {
		r.day = kept[domain]
		r.used = r.day.Sent
	}
	return r
}

// allowed is how many mails may leave on a day of the ramp.
func (r *ramp) allowed(day int) int {
	return int(min(float64(r.Start)*math.Pow(1+r.Growth/100, float64(day-1)), float64(r.Target)))
}

// turn goes on to the day that it is. r.mu is held.
func (r *ramp) turn(now time.Time) {
	if r.day.Began.IsZero() || now.Before(r.day.Began.Add(24*time.Hour)) {
		return
	}
	if 2*r.used >= r.allowed(r.day.Day) {
		r.day.Day++
	}
	r.day.Began, r.day.Sent, r.used, r.behind = time.Time{}, 0, 0, 0
}

// take takes a place of the day for a mail, or returns the receipt of one that has to wait. The file is written for some
// places at once, and before they are taken: a crash can cost a hundredth of a day's mails and never gives more.
func (r *ramp) take(kind string, now time.Time) (held channel.Receipt, ok bool) {
	if r == nil {
		return held, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	allowed := r.allowed(r.day.Day)
	if allowed >= r.Target {
		return held, true
	}
	owed := kind != "marketing"
	if r.used >= allowed && !owed {
		return r.hold(allowed, now), false
	}
	if r.used == r.day.Sent {
		next := r.day
		if next.Began.IsZero() {
			next.Began = now.UTC()
		}
		next.Sent += max(1, allowed/100)
		if r.broken = saveRamp(r.State, r.domain, next); r.broken != nil && !owed {
			return channel.Untried("warming up "+r.domain+": how far it is cannot be kept: "+r.broken.Error(), time.Minute), false
		}
		r.day = next
	}
	r.used++
	return held, true
}

// hold tells a mail when to come back: on the next day, spread over its first half, in turn.
func (r *ramp) hold(allowed int, now time.Time) channel.Receipt {
	next := r.allowed(r.day.Day + 1)
	share := min(float64(r.behind)/float64(next), 1)
	r.behind++
	return channel.Untried(fmt.Sprintf("warming up %s: the %d mails of day %d have left, the next has up to %d", r.domain, allowed, r.day.Day, next),
		r.day.Began.Add(24*time.Hour).Sub(now)+time.Duration(share*float64(12*time.Hour))+time.Second)
}

// giveBack takes a place back from a mail that did not leave.
func (r *ramp) giveBack() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used = max(r.used-1, 0)
}

func (r *ramp) health() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return fmt.Errorf("how far the warm-up is cannot be kept: %w", r.broken)
	}
	return nil
}

// readRamps reads the file, which holds one day for each domain; none if there is no file yet.
func readRamps(path string) (map[string]rampDay, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("warm_up.state cannot be read: %w", err)
	}
	var kept map[string]rampDay
	if json.Unmarshal(text, &kept) != nil {
		return nil, errors.New("warm_up.state is a file of something else; name one of its own")
	}
	return kept, nil
}

// saveRamp writes a domain's day so that a crash leaves the old file or the new one. A day that another process has
// brought further stays: for a moment there are two while settings are changed.
func saveRamp(path, domain string, day rampDay) error {
	kept, err := readRamps(path)
	if err != nil {
		return err
	}
	if kept == nil {
		kept = map[string]rampDay{}
	}
	if old := kept[domain]; old.Day > day.Day || old.Day == day.Day && old.Began.Equal(day.Began) && old.Sent > day.Sent {
		return nil
	}
	kept[domain] = day
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".warm-up-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), path); err != nil {
		return err
	}
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
	return nil
}
