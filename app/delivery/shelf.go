package delivery

import (
	"context"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// shelf stands behind the connector of a channel that this program itself keeps messages for: what the connector accepts is
// put where customers or agents find it, and counts as accepted when it is on disk there.
type shelf struct {
	Connector
	delivery *Delivery
	put      func(channels.Outgoing) any // the input, safe to repeat; its answer is nil, or why the message is not to be there now, a text
}

// Idempotent reports true, whatever the connector is: a shelf knows its messages by their IDs.
func (s *shelf) Idempotent() bool { return true }

// Admit implements Limiter, for a connector that is one.
func (s *shelf) Admit(ctx context.Context, most int, direct bool) *channels.Pass {
	if limiter, is := s.Connector.(Limiter); is {
		return limiter.Admit(ctx, most, direct)
	}
	return channels.FreePass(most)
}

// Send hands messages to the connector, and returns when those that it accepts have their place. Nothing is in doubt: what has no place
// has certainly not left. What is not to be there any more is given back untried, so that policy says what becomes of it.
func (s *shelf) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := s.Connector.Send(ctx, batch)
	for i := len(receipts); i < len(batch); i++ {
		receipts = append(receipts, lifecycle.Receipt{Message: batch[i].ID, Outcome: lifecycle.OutcomeTemporary, Reason: "the connector gave no receipt"})
	}
	items, places := make([]store.Item, 0, len(batch)), make([]int, 0, len(batch))
	for i := range batch {
		switch receipts[i].Outcome {
		case lifecycle.OutcomeAccepted:
			items = append(items, store.Item{Partition: batch[i].Ref.Partition, Input: s.put(batch[i])})
			places = append(places, i)
		case lifecycle.OutcomeInDoubt:
			receipts[i].Outcome = lifecycle.OutcomeTemporary
		}
	}
	for i, result := range s.delivery.store.DoAll(ctx, items) {
		r := &receipts[places[i]]
		unwelcome, _ := result.Answer.(string)
		switch {
		case result.Err == nil && unwelcome == "":
		case result.Err == nil:
			r.Outcome, r.Reason, r.Untried = lifecycle.OutcomeTemporary, unwelcome, true
		case lifecycle.CodeOf(result.Err) == lifecycle.NotFound || lifecycle.CodeOf(result.Err) == lifecycle.Internal:
			r.Outcome, r.Reason = lifecycle.OutcomePermanent, result.Err.Error()
		default:
			r.Outcome, r.Reason = lifecycle.OutcomeTemporary, result.Err.Error() // if it did get there, trying again changes nothing
		}
	}
	return receipts
}
