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
}

// SetAlternatives names who knows the channels of messages; without it none falls back. It is called once, before the
// store starts.
func (d *Delivery) SetAlternatives(a Alternatives) { d.alternatives = a }

// fallBack sends a message that has failed for good by the next channel that the customer prefers, if it has another one
// with a connector. It is a message of its own, which policy is asked about like any other; both know of each other in the
// ledger. Whoever waits for the first then waits for this one.
func (d *Delivery) fallBack(tx store.Tx, m *lifecycle.Message, at time.Time) error {
	if d.alternatives == nil || m.Test || m.Channel == webhookChannel || m.Options[lifecycle.OptionFallback] == "false" {
		return nil
	}
	if d.controlled(tx).cancelOf(m) >= 0 { // while it was with the connector: nothing goes instead of it either
		return nil
	}
	data := tx.Get(append([]byte{'c'}, m.Customer[:]...))
	if data == nil {
		return nil // merged
	}
	customer := &lifecycle.Customer{}
	if store.Decode(data, customer) != nil {
		return nil
	}
	tried := m.Tried()
	for _, t := range d.alternatives.Alternatives(tx, m.Version, m.Name, customer) {
		if slices.Contains(tried, t.Channel) {
			continue
		}
		kind := lifecycle.MessageKind(t.Front["kind"])
		if kind == "" {
			kind = lifecycle.Marketing
		}
		next := m.Instead(t.Channel, kind)
		if d.byName[laneOf(next)] == nil || m.Direct && kind != lifecycle.Transactional {
			continue
		}
		whole, err := loadMessage(tx, m.Decided, m.ID) // with the event, for the template
		if err != nil || whole == nil {
			return err
		}
		from := refTo(tx.Partition(), messageKey(m.Decided, m.ID))
		next.Event, next.Decided, next.Due, next.Settled = whole.Event, at, at, time.Time{}
		d.note(tx, next, lifecycle.Fact{Kind: lifecycle.FactMessage, At: at, From: m.Stage, Reason: string(lifecycle.Queued)})
		d.Put(tx, next, customer, at)
		step(tx, m.ID, Step{Kind: StepFallback, At: at, Channel: next.Channel, Ref: refTo(tx.Partition(), messageKey(at, next.ID))})
		step(tx, next.ID, Step{Kind: StepInstead, At: at, Channel: m.Channel, Ref: from})
		m.Watched = false
		return nil
	}
	return nil
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
