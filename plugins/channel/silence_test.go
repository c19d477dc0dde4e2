package channel_test

import (
	"testing"
	"time"

	"stagecraft/plugins/channel"
)

// Who does not answer gets one request at a time, and the others get theirs.
func TestSilence(t *testing.T) {
	var s channel.Silence
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	begin := func(name string, want time.Duration) {
		t.Helper()
		if wait := s.Begin(name, now); wait != want {
			t.Errorf("%s waits for %s, not %s", name, wait, want)
		}
	}
	for range 50 {
		begin("slow", 0) // as long as nobody can know
	}
	now = now.Add(3 * time.Second)
	begin("slow", 3*time.Second)
	begin("other", 0)
	s.End("other", true, now)
	s.End("slow", true, now)
	begin("slow", 0) // it answers after all
	now = now.Add(10 * time.Second)
	for range 50 {
		s.End("slow", false, now)
	}
	begin("slow", 0)
	begin("slow", 10*time.Second)
	now = now.Add(time.Hour)
	begin("slow", 5*time.Minute)
	s.End("slow", false, now)
	now = now.Add(time.Minute)
	begin("slow", 0)
	begin("slow", 5*time.Minute)
	s.End("slow", true, now)
	begin("slow", 0)
	begin("slow", 0)
}

// A silence of long ago says little about now: beside the request that finds out, the others wait for a moment only.
func TestAnOldSilenceIsOver(t *testing.T) {
	var s channel.Silence
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.Begin("slow", now)
	now = now.Add(8 * time.Second)
	s.End("slow", false, now)
	now = now.Add(9 * time.Hour)
	if wait := s.Begin("slow", now); wait != 0 {
		t.Errorf("the first waits for %s", wait)
	}
	for _, want := range []time.Duration{time.Second, 4 * time.Second} {
		if wait := s.Begin("slow", now); wait != want {
			t.Errorf("the others wait for %s, not %s", wait, want)
		}
		now = now.Add(4 * time.Second)
	}
	s.End("slow", true, now)
	for range 2 {
		if wait := s.Begin("slow", now); wait != 0 {
			t.Errorf("after the answer one waits for %s", wait)
		}
	}
}
