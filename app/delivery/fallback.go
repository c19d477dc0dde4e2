package delivery

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Alternatives knows the channels that a message has. It is asked inside Apply only.
type Alternatives interface {
	// Alternatives returns a message's templates, one for each channel by which the customer can be reached, the one that
	// they prefer first.
	Alternatives(tx store.Reader, version, name string, customer *lifecycle.Customer) []*lifecycle.Template
	// Several reports whether a message has more than one channel, whoever it is for.
	Several(tx store.Reader, version, name string) bool
}

// SetAlternatives names who knows the channels of messages; without it none falls back. It is called once, before the
// store starts.
func (d *Delivery) SetAlternatives(a Alternatives) { d.alternatives = a }

// fallBack sends a message that has failed for good by the next channel that the customer prefers and policy allows, if it
// has another one with a connector, and is still wanted. It is a message of its own; both know of each other in the ledger.
// Whoever waits for the first then waits for this one.
func (d *Delivery) fallBack(tx store.Tx, m *lifecycle.Message, refused bool, at time.Time) {
	if customer := d.canFallBack(tx, m); customer != nil {
		if refused { // the report of it may come a moment later
			customer.Say(lifecycle.Consent{Channel: m.Channel, At: at, Source: "reply"}.Strict())
		}
		d.sendInstead(tx, m, customer, at, func(store.Tx, question) bool { return true })
	}
}

// divert sends a message by another channel that has waited, and may not leave by its own any more: the customer has opted
// out of the channel, its address is suppressed or gone, or a cap is full for which it does not wait. What speaks against it on
// every channel ends it.
func (d *Delivery) divert(tx store.Tx, m *lifecycle.Message, at time.Time) {
	if customer := d.canFallBack(tx, m); customer != nil {
		d.sendInstead(tx, m, customer, at, d.ofChannel)
	}
}

// ofChannel reports whether something speaks against a message that is a matter of its channel, so that another one may do.
func (d *Delivery) ofChannel(tx store.Tx, q question) bool {
	return !d.suppression(tx, q).passes() || !d.consent(tx, q).passes() || !d.reachable(tx, q).passes() || d.frequency(tx, q).state != lifecycle.Queued
}

// canFallBack returns the customer of a message that may go by another channel; nil if it may not, or they have been merged.
func (d *Delivery) canFallBack(tx store.Tx, m *lifecycle.Message) *lifecycle.Customer {
	if !d.mayFallBack(tx, m) {
		return nil
	}
	data, customer := tx.Get(append([]byte{'c'}, m.Customer[:]...)), &lifecycle.Customer{}
	if data == nil || store.Decode(data, customer) != nil {
		return nil
	}
	return customer
}

// sendInstead sends a message by the next channel if what is known about it asks for that.
func (d *Delivery) sendInstead(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time, wanted func(store.Tx, question) bool) {
	if d.cancelOf(tx, m) >= 0 { // while it was with the connector: nothing goes instead of it either
		return
	}
	q := d.question(m, customer, nil, at)
	q.late = at.Sub(m.Decided) > claimLife
	if !d.stillWanted(tx, q).passes() || !d.holdout(tx, q).passes() || !wanted(tx, q) { // it has waited, and the customer went on
		return
	}
	next, allowed := d.insteadFor(tx, m, customer, at)
	if next == nil || !allowed && m.Attempts == 0 {
		return
	}
	whole, err := loadMessage(tx, m.Decided, m.ID) // with the event, for the template
	if err != nil || whole == nil {
		return
	}
	from := refTo(tx.Partition(), messageKey(m.Decided, m.ID))
	next.Event = whole.Event
	d.note(tx, next, lifecycle.Fact{Kind: lifecycle.FactMessage, At: at, From: m.Stage, Reason: string(lifecycle.Queued)})
	d.Put(tx, next, customer, at)
	step(tx, m.ID, Step{Kind: StepFallback, At: at, Channel: next.Channel, Ref: refTo(tx.Partition(), messageKey(at, next.ID))})
	step(tx, next.ID, Step{Kind: StepInstead, At: at, Channel: m.Channel, Ref: from})
	m.Watched = false
}

// mayFallBack reports whether a message may go by another channel once it has failed. Such a one keeps its event until then.
func (d *Delivery) mayFallBack(tx store.Reader, m *lifecycle.Message) bool {
	return d.alternatives != nil && !m.Test && m.Channel != webhookChannel && m.Options[lifecycle.OptionFallback] != "false" &&
		d.alternatives.Several(tx, m.Version, m.Name)
}

// insteadFor returns the message for the next channel that policy allows, be it later; if it allows none, for the first one,
// whose end then says why; nil if there is no other channel.
func (d *Delivery) insteadFor(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) (next *lifecycle.Message, allowed bool) {
	tried := m.Tried()
	for _, t := range d.alternatives.Alternatives(tx, m.Version, m.Name, customer) {
		if slices.Contains(tried, t.Channel) {
			continue
		}
		kind := lifecycle.MessageKind(t.Front["kind"])
		if kind == "" {
			kind = lifecycle.Marketing
		}
		other := m.Instead(t.Channel, kind)
		other.Decided, other.Due, other.Settled = at, at, time.Time{}
		if lane := d.lane(laneOf(other)); lane == nil || lane.vacant.Load() || m.Direct && kind != lifecycle.Transactional {
			continue
		}
		if d.judge(tx, d.question(other, customer, nil, at)).state == lifecycle.Queued {
			return other, true
		}
		if next == nil {
			next = other
		}
	}
	return next, false
}

// insteadOf returns the key of the message that was sent instead of one that has failed; false: there is none.
func insteadOf(tx store.Reader, id lifecycle.ID) (decided time.Time, instead lifecycle.ID, ok bool) {
	for _, s := range stepsOf(tx, id) {
		if s.Kind == StepFallback {
			_, decided, instead, err := parseRef(s.Ref)
			return decided, instead, err == nil
		}
	}
	return decided, instead, false
}
