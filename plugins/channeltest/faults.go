package channeltest

import (
	"context"
	"testing"
	"time"

	"stagecraft/plugins/channel"
)

// leaves is how soon a connector must be gone when its host is: the next host starts another one, and two would send.
const leaves = 10 * time.Second

// hostGone cuts the connector off from its host, once when it is idle and once when it has just been given messages.
func (s *suite) hostGone(t *testing.T) {
	for _, busy := range []bool{false, true} {
		process, description := s.configured(t)
		ended := make(chan struct{})
		if busy {
			messages := s.messages(description.MaxBatch)
			go func() {
				defer close(ended)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				_, _ = process.Send(ctx, messages) // what becomes of them is in doubt, and says nothing about the connector
			}()
		} else {
			close(ended)
		}
		process.Abandon()
		select {
		case <-process.Done():
		case <-time.After(leaves):
			t.Errorf("standard input has ended, which says that the host is gone, and the connector still runs after %s (busy: %t)", leaves, busy)
		}
		process.Kill()
		<-ended
		if exists(process.PID()) {
			t.Errorf("process %d or one of its group is left", process.PID())
		}
	}
}

// stopped keeps the processor from the connector for a while, as a machine that sleeps or swaps does. Afterwards it must
// go on where it was.
func (s *suite) stopped(t *testing.T) {
	process, _ := s.configured(t)
	if !pause(process.PID(), true) {
		t.Skip("processes cannot be stopped on this system")
	}
	messages := s.messages(3)
	answer := make(chan []channel.Receipt, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		receipts, err := process.Send(ctx, messages)
		if err != nil {
			t.Errorf("Send to a connector that stood still for a while: %v", err)
		}
		answer <- receipts
	}()
	time.Sleep(300 * time.Millisecond) // a thread that was not stopped yet may have answered by then
	pause(process.PID(), false)
	if receipts := <-answer; receipts != nil {
		check(t, messages, receipts)
		accepted(t, receipts)
	}
	accepted(t, s.send(t, process, s.messages(1)))
}
