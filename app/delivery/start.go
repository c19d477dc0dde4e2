package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
)

// startOf returns what makes the code with which the reader of a message begins a chat as its customer; nil where codes cannot be
// signed.
func (d *Delivery) startOf(customer lifecycle.ID, sent time.Time) func() string {
	if !d.links.Enabled() {
		return nil
	}
	return func() string { return d.links.StartCode(customer, sent.Add(lifecycle.MaxStartLife)) }
}
