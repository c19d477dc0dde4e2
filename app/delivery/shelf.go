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
	put      func(channels.Outgoing) any // the input, safe to repeat
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

// Send hands messages to the connector, and returns when those that it accepts have their place.
func (s *shelf) Send(ctx context.Context, batch []channels.Outgoing) []lifecycle.Receipt {
	receipts := s.Connector.Send(ctx, batch)
	items, places := make([]store.Item, 0, len(batch)), make([]int, 0, len(batch))
	for i := range min(len(batch), len(receipts)) {
		if receipts[i].Outcome == lifecycle.OutcomeAccepted {
			items = append(items, store.Item{Partition: batch[i].Ref.Partition, Input: s.put(batch[i])})
			places = append(places, i)
		}
	}
	for i, result := range s.delivery.store.DoAll(ctx, items) {
		if result.Err == nil {
			continue
		}
		r := &receipts[places[i]]
		r.Reason = result.Err.Error()
		switch lifecycle.CodeOf(result.Err) {
		case lifecycle.NotFound, lifecycle.Internal:
			r.Outcome = lifecycle.OutcomePermanent
		default:
			r.Outcome = lifecycle.OutcomeTemporary // if it did get there, trying again changes nothing
		}
	}
	return receipts
}
