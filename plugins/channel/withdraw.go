package channel

import "context"

// Withdrawer is implemented by connectors that keep what they accepted for a while, such as letters until the day's batch is
// printed, and ask before it leaves for good. The host looks then whether the message is still allowed: consent may have been
// taken back, an operator may have cancelled it, its addressee may be erased. ctx ends like that of Send.
type Withdrawer interface {
	// Waiting returns the IDs of messages that are about to leave and were not released yet, at most MaxNamed. Nothing of
	// them leaves before Release. After a restart it names them anew. Under a host that is older than this, Serve releases
	// what waits.
	Waiting(ctx context.Context) ([]string, error)
	// Release lets messages leave that Waiting has named.
	Release(ctx context.Context, ids []string) error
	// Withdraw takes messages back before they leave, and returns what became of each, in their order. It is durable when it
	// returns, and may be repeated. With forget it also removes every trace of them from what the connector keeps, of those
	// that have left too. An error says that nothing is known; the host tries again.
	Withdraw(ctx context.Context, ids []string, forget bool) ([]Withdrawal, error)
}

// Fate is what became of a message that was to be withdrawn.
type Fate int

// The fates. The zero value is none of them.
const (
	Withdrawn Fate = iota + 1 // it has not left, and never will
	TooLate                   // it has left
	Unknown                   // nothing is known of it (any more)
)

// String returns the fate's name.
func (f Fate) String() string {
	switch f {
	case Withdrawn:
		return "withdrawn"
	case TooLate:
		return "too late"
	case Unknown:
		return "unknown"
	}
	return "no fate"
}

// Withdrawal is the answer about one message.
type Withdrawal struct {
	ID     string
	Fate   Fate
	Reason string // for people: into what it has gone, for example
}
