//go:build unix

package channels_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// What was asked for directly does not queue behind what waits for the channel's rate.
func TestDirectMessagesOvertakeTheRate(t *testing.T) {
	clock := lifecycle.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := options(t)
	o.Clock = clock
	c := limited(t, o, channels.Limits{Rate: 100})
	var others sync.WaitGroup
	var done atomic.Int64
	for range 12 { // they leave a quarter of a second apart
		others.Go(func() {
			pass := c.Admit(t.Context(), 25, false)
			defer pass.Leave()
			pass.Keep(25)
			c.Send(t.Context(), outgoing(strings.Fields(strings.Repeat("ok ", pass.N))...))
			done.Add(1)
		})
	}
	eventually(t, "the first batch", func() bool { return done.Load() > 0 })
	pass := c.Admit(t.Context(), 1, true)
	if pass.Keep(1); outcomes(c.Send(t.Context(), outgoing("ok")))[0] != accepted {
		t.Error("it was not accepted")
	}
	pass.Leave()
	if n := done.Load(); n != 1 {
		t.Errorf("%d of 12 batches have left before it, while the clock stood still", n)
	}
	eventually(t, "the others", func() bool {
		clock.Advance(250 * time.Millisecond)
		return done.Load() == 12
	})
	others.Wait()
}
