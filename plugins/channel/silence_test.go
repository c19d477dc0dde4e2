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
	begin("slow", 0)
	begin("slow", 5*time.Minute)
	s.End("slow", true, now)
	begin("slow", 0)
	begin("slow", 0)
}
