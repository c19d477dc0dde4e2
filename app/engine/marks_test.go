package engine_test

import (
	"fmt"
	"testing"
	"time"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// What was added is never denied, and what was not is nearly always.
func TestTheSieveDeniesNothingThatIsThere(t *testing.T) {
	var s engine.Sieve
	name := func(n int) lifecycle.ID { return lifecycle.HashID("mark", fmt.Sprint(n)) }
	for _, most := range []int{1, 4095, 4096, 4097, 50_000, 262_144} {
		s = engine.Sieve{}
		for n := range most {
			s.Add(name(n))
		}
		for n := range most {
			if !s.MayHave(name(n)) {
				t.Fatalf("of %d marks the one of number %d is denied", most, n)
			}
		}
		wrong := 0
		for n := range 20_000 {
			if s.MayHave(name(-1 - n)) {
				wrong++
			}
		}
		if wrong > 20_000*4/100 {
			t.Errorf("of %d marks %d of 20000 others are taken for known", most, wrong)
		}
	}
	s.Add(name(262_144))
	if !s.Full() || !s.MayHave(name(-1)) {
		t.Error("beyond its bound it has to let everything through")
	}
}

// A repeat is recognised whether its mark was written in this start or in one before, while the former ones are being read and
// behind that, and a month later it is an event of its own again.
func TestRepeatsOverRestarts(t *testing.T) {
	h := newHarness(t)
	var events []lifecycle.Event
	for n := range 300 {
		events = append(events, h.event(fmt.Sprint("user", n%90), "Seen"))
	}
	count := func() (total int) {
		for n := range 90 {
			for _, entry := range h.timelineOf(fmt.Sprint("user", n)) {
				if entry.Event != nil {
					total++
				}
			}
		}
		return total
	}
	h.receive(events...)
	h.receive(events...)
	for range 3 {
		h.restart()
		h.receive(events...)
	}
	if got := count(); got != 300 {
		t.Fatalf("%d events, 300 were sent", got)
	}
	h.clock.Advance(29 * 24 * time.Hour)
	h.receive(events...)
	if got := count(); got != 300 {
		t.Fatalf("after 29 days: %d events, 300 were sent", got)
	}
	h.clock.Advance(2 * 24 * time.Hour)
	h.receive(events...)
	if got := count(); got != 600 {
		t.Fatalf("after 31 days: %d events, want 600", got)
	}
}
