package channel

import (
	"context"

	"stagecraft/plugins/channel/channelpb"
)

// Waiting asks which messages are about to leave for good and wait to be released. A connector that cannot withdraw answers
// with an error with code UNIMPLEMENTED, here and in the next two.
func (c *Client) Waiting(ctx context.Context) ([]string, error) {
	out, err := c.rpc.Waiting(ctx, &channelpb.WaitingRequest{})
	return out.GetIds(), err
}

// Release lets messages leave, at most MaxNamed.
func (c *Client) Release(ctx context.Context, ids []string) error {
	_, err := c.rpc.Release(ctx, &channelpb.ReleaseRequest{Ids: ids})
	return err
}

// Withdraw takes messages back, at most MaxNamed, and with forget removes what the connector keeps of them. The withdrawals
// are what the connector says, unchecked: compare their number and IDs.
func (c *Client) Withdraw(ctx context.Context, ids []string, forget bool) ([]Withdrawal, error) {
	out, err := c.rpc.Withdraw(ctx, &channelpb.WithdrawRequest{Ids: ids, Forget: forget})
	if err != nil {
		return nil, err
	}
	withdrawals := make([]Withdrawal, len(out.GetWithdrawals()))
	for i, w := range out.GetWithdrawals() {
		withdrawals[i] = Withdrawal{ID: w.GetId(), Fate: Fate(w.GetFate()), Reason: w.GetReason()}
	}
	return withdrawals, nil
}
