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
			c.Send(t.Context(), outgoing(strings.Fields(strings.Repeat("ok ", 25))...))
			done.Add(1)
		})
	}
	eventually(t, "the first batch", func() bool { return done.Load() > 0 })
	first := outgoing("ok")
	first[0].Direct = true
	if got := outcomes(c.Send(t.Context(), first)); got[0] != accepted {
		t.Errorf("%v", got)
	}
	if n := done.Load(); n != 1 {
		t.Errorf("%d of 12 batches have left before it, while the clock stood still", n)
	}
	eventually(t, "the others", func() bool {
		clock.Advance(250 * time.Millisecond)
		return done.Load() == 12
	})
	others.Wait()
}
