package delivery

import (
	"context"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// HandOver claims, sends and settles what is due in a message's lane and partition, as if it were the moment at. It is
// for a laboratory, where no senders run and each customer has a time of their own; the inputs are the senders' own.
func (d *Delivery) HandOver(ctx context.Context, m *lifecycle.Message, at time.Time) error {
	l, partition := d.lane(laneOf(m)), m.Customer.Partition()
	if l == nil {
		return nil // it stays queued, as on a server without a connector for the channel
	}
	for {
		answer, err := d.store.Do(ctx, partition, claim{Lane: l.name, At: at, Limit: maxBatch, Boot: d.boot, Idempotent: l.connector.Idempotent()})
		if err != nil {
			return err
		}
		batch := answer.(claimed).Batch
		if len(batch) == 0 {
			return nil
		}
		messages := make([]channels.Outgoing, len(batch))
		for i := range batch {
			messages[i] = batch[i].Outgoing
		}
		results := make([]result, len(batch))
		for i, receipt := range l.connector.Send(ctx, messages) {
			results[i] = result{Receipt: receipt, Message: batch[i].message, AtOnce: batch[i].atOnce, Attempt: batch[i].Attempt, At: at, Idempotent: l.connector.Idempotent()}
		}
		if _, err = d.store.Do(ctx, partition, settle{results}); err != nil {
			return err
		}
	}
}

// Find returns a message, with the bytes that were handed over, by what names it in the ledger.
func (d *Delivery) Find(ctx context.Context, customer lifecycle.ID, decided time.Time, id lifecycle.ID) (FullMessage, error) {
	answer, err := d.store.Ask(ctx, customer.Partition(), OneMessage{Ref: refTo(customer.Partition(), messageKey(decided, id))})
	if err != nil {
		return FullMessage{}, err
	}
	return answer.(FullMessage), nil
}
