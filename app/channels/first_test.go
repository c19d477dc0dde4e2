package channels_test

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stagecraft/app/channels"
)

// What was asked for directly does not queue behind what waits for the channel's rate.
func TestDirectMessagesOvertakeTheRate(t *testing.T) {
	h := channels.New(options(t))
	defer h.Close(t.Context())
	executable, _ := os.Executable()
	c, err := h.Start(t.Context(), channels.Spec{Channel: "email", Name: "puppet", Command: []string{executable, "plugin", "puppet"}, Limits: channels.Limits{Rate: 100}})
	if err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	var others sync.WaitGroup
	var done atomic.Int64
	for range 12 { // they leave a quarter of a second apart
		others.Go(func() {
			c.Send(t.Context(), outgoing(strings.Fields(strings.Repeat("ok ", 25))...))
			done.Add(1)
		})
	}
	for done.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	first := outgoing("ok")
	first[0].Direct = true
	if got := outcomes(c.Send(t.Context(), first)); got[0] != accepted {
		t.Errorf("%v", got)
	}
	if n := done.Load(); n > 6 {
		t.Errorf("%d of 12 batches have left before it", n)
	}
	others.Wait()
}
