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
	case tooOld(&m.Message, in.At):
		return lifecycle.Errorf(lifecycle.Conflict, "the message is too old to leave: its time was over at %s", m.Expires.UTC().Format(time.RFC3339))
	}
	d.letHeldGo(tx, &m.Message, in.Order)
	return nil
}

func tooOld(m *lifecycle.Message, at time.Time) bool {
	return !m.Expires.IsZero() && !at.Before(m.Expires)
}

func (d *Delivery) letHeldGo(tx store.Tx, m *lifecycle.Message, o Order) {
	d.unqueue(tx, m)
	step(tx, m.ID, Step{Kind: StepOrdered, At: o.At, Reason: o.reason("ordered")})
	m.Due = o.At
	d.change(tx, m, lifecycle.Queued, "", o.At)
	d.stand(tx, m)
	d.queue(tx, m)
}

// sendAllHeld is the input "send of these what is held because it may have left already". One looks at maxWalk entries of the
// outbox.
type sendAllHeld struct {
	Order
	From []byte // the key at which it goes on
}

// sentHeld is its answer.
type sentHeld struct {
	count int
	next  []byte // where to go on; nil: that was all
}

func (d *Delivery) sendAllHeld(tx store.Tx, in sendAllHeld) (sent sentHeld, err error) {
	entries, next := outboxEntries(tx, in.Target, in.From)
	sent.next = next
	for _, e := range entries {
		if !e.due.After(in.At) || e.decided.After(in.At) {
			continue // until its due one is held
		}
		if state, err := stateOf(tx, e); err != nil || state != lifecycle.Held {
			if err != nil {
				return sent, err
			}
			continue
		}
		m, err := loadMessage(tx, e.decided, e.id)
		if err != nil {
			return sent, err
		}
		if m == nil || tooOld(&m.Message, in.At) || !in.covers(&m.Message, endpointOf(&m.Message)) {
			continue
		}
		d.letHeldGo(tx, &m.Message, in.Order)
		sent.count++
	}
	return sent, nil
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

// SendAllHeld does that with all that is held of a target, and returns how many there were. What is broken off is finished by
// giving the order again.
func (d *Delivery) SendAllHeld(ctx context.Context, s Target, by, why string) (count int, err error) {
	o, err := d.order(ctx, s, by, why)
	if err != nil {
		return 0, err
	}
	for p := range d.store.Partitions() {
		for in := (sendAllHeld{Order: o}); ; {
			answer, err := d.store.Do(ctx, p, in)
			if err != nil {
				return count, err
			}
			sent := answer.(sentHeld)
			if count += sent.count; sent.next == nil {
				break
			}
			in.From = sent.next
		}
	}
	return count, nil
}
