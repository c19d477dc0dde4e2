package delivery

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Heirs knows what became of customers who have become part of another one since a message of theirs was decided. It is asked
// inside Apply only.
type Heirs interface {
	// Inherit hands on what a customer is owed, and reports whether somebody has it now. What was rendered already comes back by
	// PutRendered.
	Inherit(tx store.Tx, m *lifecycle.Message, rendered *lifecycle.Rendered, at time.Time) bool
	// LetInInstead has whoever a customer has become let into the broadcast of a message that did not leave, unless they had it. It
	// reports whether the broadcast is still at work for that.
	LetInInstead(tx store.Tx, m *lifecycle.Message, at time.Time) bool
	// Adopted reports whether a customer of the partition has taken over what was known of another one. Until then what that one
	// said, and what speaks against their addresses, is on its way.
	Adopted(tx store.Reader, customer, from lifecycle.ID) bool
	// Erased reports whether whoever had an ID of the partition was erased at a moment or after it: somebody else may have it now.
	Erased(tx store.Reader, customer lifecycle.ID, since time.Time) bool
}

// SetHeirs names who knows that. It is called once, before the store starts.
func (d *Delivery) SetHeirs(h Heirs) { d.heirs = h }

// bequeath decides about the message of a customer who is not there any more. Marketing ends with them: whoever they became
// has their own. Of a broadcast, whose messages come once, that need not be so: they are let in if they have none, and if this one
// has certainly not left. What is owed goes on as a message of that customer, once: the order for it is in the commit that settles this
// one. If it was rendered, it takes its bytes along.
//
// What is in doubt stays. The connector may have it, and knows it by its reference: handed on, it would be another message, and
// leave twice. Whoever the customer has become is asked about it before it leaves, see heirs_ask.go.
func (d *Delivery) bequeath(tx store.Tx, m *lifecycle.Message, last *attempt, at time.Time) (lifecycle.Rendered, verdict) {
	if lifecycle.IsBroadcast(m.Journey) {
		if tooOld(m, at) {
			return lifecycle.Rendered{}, verdict{state: lifecycle.Expired, reason: becauseTooOld}
		}
		if d.letInInstead(tx, m, at) {
			return lifecycle.Rendered{}, drop("merged: the customer they became is let in, unless they had it")
		}
	}
	switch {
	case m.Kind != lifecycle.Transactional || d.heirs == nil:
	case m.InDoubt > 0 && last != nil && tx.Has(append([]byte{'i'}, m.Customer[:]...)): // else they were erased
		if tooOld(m, at) {
			return lifecycle.Rendered{}, verdict{state: lifecycle.Expired, reason: becauseTooOld}
		}
		return last.Rendered, verdict{state: lifecycle.Queued, heir: doubted(tx, m)}
	default:
		handed := *m
		if whole, err := loadMessage(tx, m.Decided, m.ID); err == nil && whole != nil {
			handed.Event = whole.Event // which a message that was claimed has no more
		}
		var bytes *lifecycle.Rendered
		if last != nil {
			bytes = &last.Rendered
		}
		if d.heirs.Inherit(tx, &handed, bytes, at) {
			return lifecycle.Rendered{}, drop("merged: it goes on as a message of the customer they became")
		}
	}
	return lifecycle.Rendered{}, drop("merged")
}

// letInInstead has whoever a customer has become let into the broadcast of a message that has certainly not left. It reports false
// if that is not so, or if the broadcast is long over.
func (d *Delivery) letInInstead(tx store.Tx, m *lifecycle.Message, at time.Time) bool {
	if d.heirs == nil || !lifecycle.IsBroadcast(m.Journey) || m.MayHaveLeft() || tx.Has(append([]byte{'c'}, m.Customer[:]...)) {
		return false
	}
	whole, err := loadMessage(tx, m.Decided, m.ID)
	return err == nil && whole != nil && d.heirs.LetInInstead(tx, &whole.Message, at)
}

// doubted returns when a message that is in doubt last came to be so; if that is not known, when it was decided.
func doubted(tx store.Reader, m *lifecycle.Message) time.Time {
	for _, s := range slices.Backward(stepsOf(tx, m.ID)) {
		if s.Kind == StepInDoubt {
			return s.At
		}
	}
	return m.Decided
}
