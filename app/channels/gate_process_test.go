//go:build unix

package channels_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// limited is a running puppet with limits.
func limited(t *testing.T, o channels.Options, limits channels.Limits) *channels.Channel {
	t.Helper()
	h := channels.New(o)
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Start(t.Context(), channels.Spec{Channel: "email", Name: "puppet", Command: []string{executable, "plugin", "puppet"}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	return c
}

// A connector is given no more messages at once than the operator allows, from whichever call; the limit can be lifted while
// they wait.
func TestAChannelKeepsItsConcurrency(t *testing.T) {
	c := limited(t, options(t), channels.Limits{Concurrency: 2})
	send := func(n int) (took time.Duration) {
		began := time.Now()
		var calls sync.WaitGroup
		for range n {
			calls.Go(func() {
				if got := push(t, c, "slow 200ms"); got[0] != accepted {
					t.Errorf("%v", got)
				}
			})
		}
		calls.Wait()
		return time.Since(began)
	}
	if took := send(4); took < 400*time.Millisecond {
		t.Errorf("4 messages of 200 ms, 2 at once, took %s", took)
	}
	// Whoever does not want to wait longer is told that there was no room.
	c.Limit(channels.Limits{Concurrency: 1})
	release := filepath.Join(t.TempDir(), "release")
	var held sync.WaitGroup
	held.Go(func() {
		if got := push(t, c, "until "+release); got[0] != accepted {
			t.Errorf("the one before: %v", got)
		}
	})
	eventually(t, "the first is under way", func() bool { return exists(release + ".begun") })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if pass := c.Admit(ctx, 1, false); pass.N != 0 {
		t.Errorf("%d were admitted where there is no room", pass.N)
	}
	c.Limit(channels.Limits{})
	if got := push(t, c, "ok"); got[0] != accepted {
		t.Errorf("without a limit: %v", got)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held.Wait()
}

// A rate that is changed counts for those who wait for their turn too.
func TestARateIsChangedWhileMessagesWait(t *testing.T) {
	o := options(t)
	o.Clock = lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	c := limited(t, o, channels.Limits{Rate: 0.1})
	push(t, c, "ok") // the next one would leave in 10 s, on a clock that stands still
	done := make(chan []lifecycle.Outcome)
	go func() { done <- push(t, c, "ok") }()
	time.AfterFunc(50*time.Millisecond, func() { c.Limit(channels.Limits{Rate: 1000}) })
	if got := <-done; got[0] != accepted {
		t.Errorf("%v", got)
	}
}

func TestLimitsThatCannotBeKept(t *testing.T) {
	for _, wrong := range []channels.Limits{{Rate: -1}, {Rate: 1e-9}, {Rate: 1e9}, {Concurrency: -1}, {Concurrency: 1 << 20}} {
		if err := wrong.Check(); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	settings, err := channels.NewSettings(t.TempDir(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	want := channels.Limits{Rate: 0.5, Concurrency: 3}
	if err = settings.SaveLimits("sms", want); err == nil {
		err = settings.SaveLimits("email", channels.Limits{Rate: 1})
	}
	if err == nil {
		err = settings.SaveLimits("email", channels.Limits{})
	}
	got, readErr := settings.Limits()
	if err != nil || readErr != nil || len(got) != 1 || got["sms"] != want {
		t.Errorf("%v, %v, %v", got, err, readErr)
	}
	if err = os.WriteFile(settings.Dir()+"/limits.json", []byte(`{"sms": {"rate": -4}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = settings.Limits(); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Errorf("a broken file: %v", err)
	}
}
