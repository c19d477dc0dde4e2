package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// maxAttempts is how often a message is tried before it has failed. With the pauses between, that is about a day.
const maxAttempts = 30

// settle is the input "this is what became of an attempt".
type settle struct{ Results []result }

type result struct {
	Receipt    lifecycle.Receipt
	Decided    time.Time
	Attempt    int
	At         time.Time // when the receipt came
	Idempotent bool      // of the connector
}

func (d *Delivery) settle(tx store.Tx, in settle) error {
	for _, r := range in.Results {
		key := messageKey(r.Decided, r.Receipt.Message)
		m, err := loadMessage(tx, key)
		if err != nil {
			return err
		}
		// Gone: settled before, or found in doubt and taken up again by a later start.
		if m == nil || m.State != lifecycle.Queued || m.Attempts >= r.Attempt {
			continue
		}
		m.Attempts = r.Attempt
		switch r.Receipt.Outcome {
		case lifecycle.OutcomeAccepted:
			d.unqueue(tx, m)
			d.change(tx, m, lifecycle.Accepted, "", r.At)
		case lifecycle.OutcomePermanent:
			d.unqueue(tx, m)
			d.change(tx, m, lifecycle.Failed, r.Receipt.Reason, r.At)
		case lifecycle.OutcomeTemporary:
			d.retry(tx, m, r.Receipt, r.At)
		default:
			if d.doubt(tx, m, r.Idempotent, r.At) {
				d.retry(tx, m, r.Receipt, r.At)
			}
		}
		tx.Set(key, store.Encode(m))
	}
	return nil
}

// retry puts the message back for later: after the time that the receipt asks for, else after 5 s, doubling up to an
// hour.
func (d *Delivery) retry(tx store.Tx, m *lifecycle.Message, receipt lifecycle.Receipt, at time.Time) {
	d.unqueue(tx, m)
	if m.Attempts >= maxAttempts {
		d.change(tx, m, lifecycle.Failed, "tried too often: "+receipt.Reason, at)
		return
	}
	pause := receipt.RetryAfter
	if pause <= 0 {
		pause = min(5*time.Second<<min(m.Attempts-1, 12), time.Hour)
	}
	m.Due, m.Reason = at.Add(min(pause, 24*time.Hour)), receipt.Reason
	d.queue(tx, m)
}
