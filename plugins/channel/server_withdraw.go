package channel

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/plugins/channel/channelpb"
)

// asWithdrawer makes a call of a Withdrawer, like those of Send: within its deadline, and without taking others along.
func (s *server) asWithdrawer(ctx context.Context, named int, do func(context.Context, Withdrawer) error) (err error) {
	withdrawer, ok := s.connector.(Withdrawer)
	switch {
	case !ok:
		return status.Error(codes.Unimplemented, "this connector keeps nothing that could be withdrawn")
	case !s.isConfigured():
		return status.Error(codes.FailedPrecondition, "the connector has no settings yet")
	case named > MaxNamed:
		return status.Errorf(codes.InvalidArgument, "%d messages are named; a call names at most %d", named, MaxNamed)
	}
	s.sending.Add(1)
	defer s.sending.Done()
	ctx, cancel := early(ctx)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "panic about what is to leave: %v\n%s", p, debug.Stack())
			err = status.Errorf(codes.Internal, "the connector failed: %v", p)
		}
	}()
	if err = do(ctx, withdrawer); err != nil {
		return status.Error(codes.Unavailable, clean(err.Error()))
	}
	return nil
}

func (s *server) Waiting(ctx context.Context, _ *channelpb.WaitingRequest) (*channelpb.WaitingResponse, error) {
	out := &channelpb.WaitingResponse{}
	return out, s.asWithdrawer(ctx, 0, func(ctx context.Context, w Withdrawer) error {
		ids, err := w.Waiting(ctx)
		for _, id := range ids[:min(len(ids), MaxNamed)] {
			out.Ids = append(out.Ids, clean(id))
		}
		return err
	})
}

func (s *server) Release(ctx context.Context, in *channelpb.ReleaseRequest) (*channelpb.ReleaseResponse, error) {
	return &channelpb.ReleaseResponse{}, s.asWithdrawer(ctx, len(in.GetIds()), func(ctx context.Context, w Withdrawer) error {
		return w.Release(ctx, in.GetIds())
	})
}

func (s *server) Withdraw(ctx context.Context, in *channelpb.WithdrawRequest) (*channelpb.WithdrawResponse, error) {
	out := &channelpb.WithdrawResponse{}
	return out, s.asWithdrawer(ctx, len(in.GetIds()), func(ctx context.Context, w Withdrawer) error {
		withdrawals, err := w.Withdraw(ctx, in.GetIds(), in.GetForget())
		for _, one := range withdrawals {
			out.Withdrawals = append(out.Withdrawals, &channelpb.Withdrawal{Id: clean(one.ID), Fate: channelpb.Fate(one.Fate), Reason: clean(one.Reason)})
		}
		return err
	})
}

// releaseEvery is how often what waits is released under a host that never asks.
const releaseEvery = 10 * time.Second

// releaseAll stands in for a host that is too old to be asked: what waits leaves, as it did under it before.
func (s *server) releaseAll(withdrawer Withdrawer) {
	for range time.Tick(releaseEvery) {
		ctx, cancel := context.WithTimeout(context.Background(), releaseEvery)
		if ids, err := withdrawer.Waiting(ctx); err == nil && len(ids) > 0 {
			_ = withdrawer.Release(ctx, ids)
		}
		cancel()
	}
}
