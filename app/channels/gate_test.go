package channels_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// A rate is reached exactly and never passed, by however many who ask, also where what was let through is given back.
func TestARateIsReachedExactly(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 7, 100, 1000} {
		synctest.Test(t, func(t *testing.T) {
			g := channels.NewGate(channels.Limits{Rate: rate})
			const seconds = 60
			ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second-time.Nanosecond)
			defer cancel()
			var passed atomic.Int64
			var senders sync.WaitGroup
			for i := range 5 {
				senders.Go(func() {
					for turn := i; ctx.Err() == nil; turn++ {
						pass := g.Enter(ctx, lifecycle.WallClock{}, 100, false)
						if turn%3 != 0 { // else nothing was there to be sent
							pass.Keep(max(0, pass.N-turn%2))
							passed.Add(int64(pass.N))
							time.Sleep(time.Duration(turn%4) * time.Millisecond)
						} else if pass.N > 0 {
							time.Sleep(time.Millisecond)
						}
						pass.Leave()
					}
				})
			}
			senders.Wait()
			want := rate * seconds
			if got := float64(passed.Load()); got > want+max(1, rate/2) || got < want*0.98-max(1, rate/4) {
				t.Errorf("at %v a second, %v passed in a minute", rate, got)
			}
		})
	}
}

// No more are inside than may be, and those that wait get in when others leave, in their order; those that go first before them.
func TestAGateIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := channels.NewGate(channels.Limits{Concurrency: 3})
		clock := lifecycle.WallClock{}
		if pass := g.Enter(t.Context(), clock, 2, false); pass.N != 2 {
			t.Fatalf("%d may pass", pass.N)
		}
		last := g.Enter(t.Context(), clock, 2, false)
		if last.N != 1 {
			t.Fatalf("%d may pass", last.N)
		}
		order := make(chan string, 3)
		wait := func(name string, first bool) {
			go func() { g.Enter(t.Context(), clock, 1, first); order <- name }()
			synctest.Wait()
		}
		wait("a", false)
		wait("b", false)
		wait("urgent", true)
		if len(order) != 0 {
			t.Fatal("the gate was full")
		}
		last.Keep(1)
		last.Leave()
		synctest.Wait()
		if len(order) != 1 || <-order != "urgent" {
			t.Error("who goes first did not")
		}
		g.Set(channels.Limits{Concurrency: 5})
		if a, b := <-order, <-order; a != "a" || b != "b" {
			t.Errorf("%s, %s", a, b)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if pass := g.Enter(ended, clock, 1, false); pass.N != 0 {
			t.Error("the gate was full")
		}
		g.Set(channels.Limits{})
		if pass := g.Enter(ended, clock, 100, false); pass.N != 100 {
			t.Error("without limits nobody waits")
		}
	})
}

// Those that go first do not wait for the rate of the others, and put them off.
func TestWhoGoesFirstDoesNotWaitForARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := channels.NewGate(channels.Limits{Rate: 0.1})
		begun := time.Now()
		at := func(first bool) time.Duration {
			g.Enter(t.Context(), lifecycle.WallClock{}, 1, first).Keep(1)
			return time.Since(begun)
		}
		for i, want := range []struct {
			first bool
			at    time.Duration
		}{{false, 0}, {true, 0}, {false, 20 * time.Second}, {true, 20 * time.Second}, {true, 30 * time.Second}, {false, 50 * time.Second}} {
			if got := at(want.first); got != want.at {
				t.Errorf("%d left after %s, want %s", i, got, want.at)
			}
		}
	})
}

// shifted is a clock that can be set back.
type shifted struct {
	lifecycle.WallClock
	by time.Duration
}

func (c *shifted) Now() time.Time { return time.Now().Add(c.by) }

func (c *shifted) Wait(ctx context.Context, until time.Time) error {
	return c.WallClock.Wait(ctx, until.Add(-c.by))
}

// A clock that is set back does not close a gate until it has come to where it was.
func TestAClockThatIsSetBack(t *testing.T) {
	for _, rate := range []float64{0.1, 1, 1000} {
		for _, first := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				clock := &shifted{}
				g := channels.NewGate(channels.Limits{Rate: rate})
				g.Enter(t.Context(), clock, 1000, first).Keep(1000)
				clock.by = -time.Hour
				begun, passed := time.Now(), 0
				for range 4 { // the rate goes on from there
					pass := g.Enter(t.Context(), clock, 1, first)
					pass.Keep(1)
					passed += pass.N
				}
				if took, most := time.Since(begun), time.Duration(3.01*float64(time.Second)/rate); passed != 4 || took > most {
					t.Errorf("at %v a second, %d passed in %s", rate, passed, took)
				}
			})
		}
	}
}
