package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Judge says what policy would make of a message at a moment: whether it would settle it, and why, or until when it would
// put it off. It changes nothing, and is called where messages are decided.
func (d *Delivery) Judge(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) (lifecycle.MessageState, string, time.Time) {
	v := d.judge(tx, d.question(m, customer, nil, at))
	return v.state, v.reason, v.until
}
