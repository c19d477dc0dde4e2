package delivery

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// sendHeld is the input "send this message all the same, which is held because it may have left already".
type sendHeld struct {
	Ref string
	Order
}

func (d *Delivery) sendHeld(tx store.Tx, in sendHeld) error {
	_, decided, id, err := parseRef(in.Ref)
	if err != nil {
		return err
	}
	m, err := loadMessage(tx, decided, id)
	switch {
	case err != nil:
		return err
	case m == nil:
		return lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", in.Ref)
	case m.State != lifecycle.Held:
		return lifecycle.Errorf(lifecycle.Conflict, "the message is %s; only one that is held can be sent anyway", m.State)
	case !m.Expires.IsZero() && !in.At.Before(m.Expires):
		return lifecycle.Errorf(lifecycle.Conflict, "the message is too old to leave: its time was over at %s", m.Expires.UTC().Format(time.RFC3339))
	}
	d.unqueue(tx, &m.Message)
	step(tx, id, Step{Kind: StepOrdered, At: in.At, Reason: in.reason("ordered")})
	m.Due = in.At
	d.change(tx, &m.Message, lifecycle.Queued, "", in.At)
	d.stand(tx, &m.Message)
	d.queue(tx, &m.Message)
	return nil
}

// SendHeld sends a message anyway that is held because it may have left already: whoever orders it accepts that the customer
// may get it twice. What speaks against it besides still counts: a customer who has opted out since does not get it. It is a
// Conflict if the message is not held, or too old.
func (d *Delivery) SendHeld(ctx context.Context, ref, by, why string) error {
	partition, err := RefPartition(ref)
	if err == nil {
		_, err = d.store.Do(ctx, partition, sendHeld{ref, Order{By: orderText(by), Why: orderText(why), At: d.clock.Now()}})
	}
	return err
}
