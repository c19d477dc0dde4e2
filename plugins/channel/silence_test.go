package channel_test

import (
	"slices"
	"testing"
	"time"

	"stagecraft/plugins/channel"
)

// hush is a Silence at a moment.
type hush struct {
	*testing.T
	channel.Silence
	now time.Time
}

func newHush(t *testing.T) *hush {
	return &hush{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// begins wants a request to be made now, or to wait for so long.
func (s *hush) begins(name string, want time.Duration) {
	s.Helper()
	kept := s.Begin(name, name, s.now)
	switch {
	case kept == nil && want != 0:
		s.Errorf("%s does not wait, want %s", name, want)
	case kept != nil && (kept.Outcome != channel.Temporary || kept.Data[channel.FactUntried] != "1" || kept.RetryAfter != want):
		s.Errorf("%s waits: %+v, want %s", name, kept, want)
	}
}

// passes lets requests that are under way run out of time.
func (s *hush) passes(passed time.Duration, names ...string) {
	s.now = s.now.Add(passed)
	for _, name := range names {
		s.End(name, false, max(passed, time.Second), s.now)
	}
}

// A request that is cut off says nothing about who has not answered yet, nor ends the silence of who has not for long.
func TestACutIsNoSilence(t *testing.T) {
	s := newHush(t)
	s.begins("quick", 0)
	s.now = s.now.Add(20 * time.Millisecond)
	s.End("quick", false, 20*time.Millisecond, s.now)
	s.now = s.now.Add(time.Minute)
	for range 3 {
		s.begins("quick", 0)
	}
	s.begins("slow", 0)
	s.passes(3*time.Second, "slow")
	s.begins("slow", 0)
	s.End("slow", false, 20*time.Millisecond, s.now)
	s.begins("slow", 0)
	s.begins("slow", 3*time.Second)
}

// Who does not answer gets one request at a time, and the others get theirs.
func TestSilence(t *testing.T) {
	s := newHush(t)
	for range 50 {
		s.begins("slow", 0) // as long as nobody can know
	}
	s.passes(3 * time.Second)
	s.begins("slow", 3*time.Second)
	s.begins("other", 0)
	s.End("other", true, 10*time.Second, s.now)
	s.End("slow", true, 10*time.Second, s.now)
	s.begins("slow", 0) // it answers after all
	s.passes(10*time.Second, slices.Repeat([]string{"slow"}, 50)...)
	s.begins("slow", 0)
	s.begins("slow", 10*time.Second)
	s.passes(10*time.Second, "slow")
	s.passes(15 * time.Second)
	s.begins("slow", 0)
	s.begins("slow", 35*time.Second)
	s.End("slow", true, 10*time.Second, s.now)
	s.begins("slow", 0)
	s.begins("slow", 0)
}

// A silence of long ago says little about now: beside the request that finds out, the others wait for a moment only.
func TestAnOldSilenceIsOver(t *testing.T) {
	s := newHush(t)
	s.begins("slow", 0)
	s.passes(8*time.Second, "slow")
	s.passes(9 * time.Hour)
	s.begins("slow", 0)
	s.begins("slow", time.Second)
	s.passes(4 * time.Second)
	s.begins("slow", 4*time.Second)
	s.End("slow", true, 10*time.Second, s.now)
	s.begins("slow", 0)
	s.begins("slow", 0)
}

// What waits for somebody who has been silent for long was tried with the one that was sent, and comes to an end like it.
func TestALongSilenceIsATryOfAll(t *testing.T) {
	s := newHush(t)
	const many, tries = 2000, 30
	due, tried, returned := make([]time.Time, many), make([]int, many), 0
	for i := range due {
		due[i] = s.now.Add(time.Duration(i) * time.Second)
	}
	probe, until := -1, time.Time{}
	again := func(i int) { // as the host does, in short
		if tried[i]++; tried[i] < tries {
			due[i] = s.now.Add(min(5*time.Second<<min(tried[i]-1, 12), time.Hour))
		} else {
			due[i] = time.Time{}
		}
	}
	for begun := s.now; s.now.Sub(begun) < 36*time.Hour; s.now = s.now.Add(time.Second) {
		if probe >= 0 && !s.now.Before(until) {
			s.End("slow", false, 10*time.Second, s.now)
			again(probe)
			probe = -1
		}
		for i := range due {
			if i == probe || due[i].IsZero() || due[i].After(s.now) {
				continue
			}
			kept := s.Begin("slow", "slow", s.now)
			switch {
			case kept == nil:
				probe, until = i, s.now.Add(10*time.Second)
			case kept.Data[channel.FactUntried] == "":
				again(i)
			default:
				due[i] = s.now.Add(kept.RetryAfter)
				returned++
			}
		}
	}
	if least := slices.Min(tried); least < tries || returned > 10*many {
		t.Errorf("within 36 hours one was tried %d times only, and they were given back %d times", least, returned)
	}
}
