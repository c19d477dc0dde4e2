package channels

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"stagecraft/app/lifecycle"
	"stagecraft/plugins/channel"
)

// MaxNamed is how many messages one call about withdrawals names at most.
const MaxNamed = channel.MaxNamed

// Fate is what became of a message that was to be withdrawn; see the package plugins/channel.
type Fate = channel.Fate

// The fates.
const (
	Withdrawn = channel.Withdrawn // it has not left, and never will
	TooLate   = channel.TooLate   // it has left
	Unknown   = channel.Unknown   // nothing is known of it (any more)
)

// Withdrawal is the answer about one message.
type Withdrawal struct {
	Message lifecycle.Ref
	Fate    Fate
	Reason  string
}

// Withdraws reports whether the connector keeps what it accepted until it is released. It is false until the connector has
// run for the first time.
func (c *Channel) Withdraws() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.description.Withdraws
}

// Waiting returns messages that are about to leave for good and wait to be released or withdrawn, at most
// MaxNamed. What is no reference of ours is left out: it never leaves.
func (c *Channel) Waiting(ctx context.Context) (refs []lifecycle.Ref, err error) {
	err = c.withWithdrawer(ctx, func(ctx context.Context, process *channel.Process) error {
		ids, err := process.Waiting(ctx)
		for _, id := range ids {
			if ref, wrong := lifecycle.ParseRef(id); wrong == nil {
				refs = append(refs, ref)
			}
		}
		return err
	})
	return refs, err
}

// Release lets messages leave, at most MaxNamed.
func (c *Channel) Release(ctx context.Context, refs []lifecycle.Ref) error {
	return c.withWithdrawer(ctx, func(ctx context.Context, process *channel.Process) error {
		return process.Release(ctx, wireIDs(refs))
	})
}

// Withdraw takes messages back, at most MaxNamed; with forget the connector keeps nothing of them. The answers are one
// for each message, in their order. An error says that nothing is known: it is to be tried again.
func (c *Channel) Withdraw(ctx context.Context, refs []lifecycle.Ref, forget bool) (out []Withdrawal, err error) {
	ids := wireIDs(refs)
	err = c.withWithdrawer(ctx, func(ctx context.Context, process *channel.Process) error {
		answers, err := process.Withdraw(ctx, ids, forget)
		if err != nil {
			return err
		}
		wrong := len(answers) != len(ids)
		for i, answer := range answers {
			if wrong = wrong || answer.ID != ids[i] || answer.Fate < channel.Withdrawn || answer.Fate > channel.Unknown; wrong {
				break
			}
			out = append(out, Withdrawal{refs[i], answer.Fate, c.covered(bounded(answer.Reason))})
		}
		if wrong {
			out = nil
			return status.Error(codes.Internal, "it gave an answer that is none")
		}
		return nil
	})
	return out, err
}

// withWithdrawer makes a call that has a deadline. One that lets it pass is killed, as with Send.
func (c *Channel) withWithdrawer(ctx context.Context, do func(context.Context, *channel.Process) error) error {
	process, description, _, reason := c.enter(ctx)
	if process == nil {
		return lifecycle.Errorf(lifecycle.Unavailable, "%s", reason)
	}
	defer c.calls.Done()
	if !description.Withdraws {
		return lifecycle.Errorf(lifecycle.NotFound, "connector %s keeps nothing that could be withdrawn", c.spec.Name)
	}
	limited, cancel := context.WithTimeout(ctx, c.host.options.SendTimeout)
	defer cancel()
	err := do(limited, process)
	if err == nil {
		return nil
	}
	if passed(limited) && ctx.Err() == nil {
		c.condemn(process, "it let the deadline of a withdrawal pass and was killed")
	}
	said := c.covered(status.Convert(err).Message())
	return lifecycle.Errorf(lifecycle.Unavailable, "connector %s: %s", c.spec.Name, said)
}

func wireIDs(refs []lifecycle.Ref) []string {
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = ref.String()
	}
	return ids
}
