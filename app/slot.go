package app

import (
	"context"
	"sync/atomic"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// Times of changing a channel's connector.
const (
	stopPatience  = 10 * time.Second // for calls under way of the one that goes
	startPatience = 5 * time.Second  // for the one that comes, before the operator is told how it stands
)

// slot is a channel as delivery knows it: it stays while connectors come and go. Messages of a channel without one wait
// in its lanes.
type slot struct {
	channel atomic.Pointer[channels.Channel]
	// present tells delivery whether there is a connector at all.
	present func(bool)
}

// Ready reports whether messages may be claimed.
func (s *slot) Ready() bool {
	c := s.channel.Load()
	return c != nil && c.Ready()
}

// Idempotent reports what the connector says of itself.
func (s *slot) Idempotent() bool {
	c := s.channel.Load()
	return c != nil && c.Idempotent()
}

// Admit waits until the connector may be given messages. Without one it may not.
func (s *slot) Admit(ctx context.Context, most int, direct bool) *channels.Pass {
	if c := s.channel.Load(); c != nil {
		return c.Admit(ctx, most, direct)
	}
	return channels.FreePass(0)
}

// Send hands messages to the connector. Without one, or with one that is just being replaced, they are untried.
func (s *slot) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	if c := s.channel.Load(); c != nil {
		return c.Send(ctx, batch)
	}
	return later(batch, "the channel has no connector at the moment")
}

// replace ends the connector that serves the channel, in good order, and then has start bring the next; nil for none.
func (s *slot) replace(ctx context.Context, start func(context.Context) (*channels.Channel, error)) error {
	old := s.channel.Swap(nil)
	if start == nil {
		s.present(false) // at once, so that nothing more is claimed for it
	}
	if old != nil {
		limited, cancel := context.WithTimeout(ctx, stopPatience)
		old.Stop(limited)
		cancel()
	}
	if start == nil {
		return nil
	}
	next, err := start(ctx)
	if err != nil {
		s.present(false)
		return err
	}
	s.channel.Store(next)
	s.present(true)
	return nil
}

// later is the receipt of messages that nobody could take.
func later(batch []channels.Outgoing, reason string) []lifecycle.Receipt {
	receipts := make([]lifecycle.Receipt, len(batch))
	for i := range batch {
		receipts[i] = lifecycle.Receipt{Message: batch[i].ID, Outcome: lifecycle.OutcomeTemporary, Reason: reason, Untried: true}
	}
	return receipts
}
