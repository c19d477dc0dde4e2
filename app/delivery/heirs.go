package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Heirs hands on what a customer is owed who has become part of another one since it was decided. It is asked inside Apply
// only, and reports whether somebody has it now.
type Heirs interface {
	Inherit(tx store.Tx, m *lifecycle.Message, at time.Time) bool
}

// SetHeirs names who hands on. It is called once, before the store starts.
func (d *Delivery) SetHeirs(h Heirs) { d.heirs = h }

// bequeath settles the message of a customer who is not there any more. Marketing ends with them: whoever they became has
// their own. What is owed goes on as a message of that customer, once: the order for it is in the commit that settles this
// one.
func (d *Delivery) bequeath(tx store.Tx, m *lifecycle.Message, at time.Time) verdict {
	if m.Kind == lifecycle.Transactional && d.heirs != nil && d.heirs.Inherit(tx, m, at) {
		return drop("merged: it goes on as a message of the customer they became")
	}
	return drop("merged")
}
