package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Tell takes what became known about a message within the Apply in which it did, so that both are in one commit. It is the
// other way of Keep, for channels that end in this program. from is the address at which it happened; "" is the one to which
// the message went. It is called in the partition of the message.
func (e *Engine) Tell(tx store.Tx, message lifecycle.Ref, from, event string, data map[string]string, at time.Time) error {
	_, err := e.told(tx, told{Report: Report{Message: message, From: from, Event: event, At: at, Data: data}, Now: at})
	return err
}
