package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Left reports whether a message has left, as far as is known: the next server took it, or it was handed to a connector
// that has not answered yet or never will. What is posted to another program reaches nobody, and a test is no message.
func (d *Delivery) Left(tx store.Reader, decided time.Time, id lifecycle.ID) bool {
	m, err := loadMessage(tx, decided, id)
	if err != nil || m == nil || m.Channel == "webhook" || isSample(&m.Message) {
		return false
	}
	switch m.State {
	case lifecycle.Accepted, lifecycle.Held:
		return true
	case lifecycle.Failed, lifecycle.Suppressed:
		if at, instead, ok := insteadOf(tx, id); ok {
			return d.Left(tx, at, instead)
		}
	case lifecycle.Queued:
		last, err := lastAttempt(tx, m)
		return err == nil && last != nil && last.Number > m.Attempts
	}
	return false
}
