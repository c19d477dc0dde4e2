package app

import (
	"context"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// Withdraws reports whether the connector keeps what it accepted until it is released.
func (s *slot) Withdraws() bool {
	c := s.channel.Load()
	return c != nil && c.Withdraws()
}

// Waiting returns what is about to leave for good.
func (s *slot) Waiting(ctx context.Context) ([]lifecycle.Ref, error) {
	if c := s.channel.Load(); c != nil {
		return c.Waiting(ctx)
	}
	return nil, errNoConnector()
}

// Release lets messages leave.
func (s *slot) Release(ctx context.Context, refs []lifecycle.Ref) error {
	if c := s.channel.Load(); c != nil {
		return c.Release(ctx, refs)
	}
	return errNoConnector()
}

// Withdraw takes messages back.
func (s *slot) Withdraw(ctx context.Context, refs []lifecycle.Ref, forget bool) ([]channels.Withdrawal, error) {
	if c := s.channel.Load(); c != nil {
		return c.Withdraw(ctx, refs, forget)
	}
	return nil, errNoConnector()
}

func errNoConnector() error {
	return lifecycle.Errorf(lifecycle.Unavailable, "the channel has no connector at the moment")
}
