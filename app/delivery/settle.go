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
	Message    *lifecycle.Message // as it was claimed; not changed
	AtOnce     bool               // it was claimed in the commit that decided it
	Attempt    int
	At         time.Time // when the receipt came
	Idempotent bool      // of the connector
	Kept       verdict   // why it was not handed over at all; the zero verdict: it was
}

func (d *Delivery) settle(tx store.Tx, in settle) {
	aloft := &d.aloft[tx.Partition()]
	var landed []lifecycle.ID
	for _, r := range in.Results {
		m := *r.Message
		if r.AtOnce {
			if !aloft.has(m.ID) {
				continue // settled before
			}
			landed = append(landed, m.ID)
			if watched := d.watched[tx.Partition()]; watched[m.ID] {
				delete(watched, m.ID)
				m.Watched = true
			}
		} else {
			now, err := loadMessage(tx, m.Decided, m.ID)
			if err != nil { // it stays in flight, and the results of others count
				d.log.Error("what became of a message cannot be written down", "message", m.ID.String(), "error", err)
				continue
			}
			if now == nil || now.State != lifecycle.Queued || now.Attempts >= r.Attempt {
				continue
			}
			m = now.Message
			d.unqueue(tx, &m)
		}
		m.Attempts = r.Attempt
		if r.Kept.state != "" {
			d.takeBack(tx, &m, r.Kept, r.At)
			continue
		}
		if r.Receipt.Reply != nil && r.Receipt.Outcome != lifecycle.OutcomeTemporary {
			step(tx, m.ID, Step{Kind: StepAnswer, At: r.At, Attempt: r.Attempt, Reply: r.Receipt.Reply})
			r.Receipt.Reply = nil
		}
		switch r.Receipt.Outcome {
		case lifecycle.OutcomeAccepted:
			d.change(tx, &m, lifecycle.Accepted, "", r.At)
		case lifecycle.OutcomePermanent:
			d.fallBack(tx, &m, r.At)
			d.change(tx, &m, lifecycle.Failed, r.Receipt.Reason, r.At)
		case lifecycle.OutcomeTemporary:
			d.retry(tx, &m, r.Receipt, r.At)
		default:
			if d.mayRetry(tx, &m, r.Idempotent, r.At) {
				d.retry(tx, &m, r.Receipt, r.At)
			} else {
				d.hold(tx, &m, r.At)
			}
		}
		d.stand(tx, &m)
	}
	if len(landed) > 0 {
		tx.After(func() { aloft.landed(landed) })
	}
}

// retry puts the message back for later: after the time that the receipt asks for, else after 5 s, doubling up to an
// hour. A message that is replayed begins anew.
func (d *Delivery) retry(tx store.Tx, m *lifecycle.Message, receipt lifecycle.Receipt, at time.Time) {
	tries := m.Attempts - triesBefore(tx, m.ID)
	if tries >= maxAttempts {
		if receipt.Reply != nil {
			step(tx, m.ID, Step{Kind: StepAnswer, At: at, Attempt: m.Attempts, Reply: receipt.Reply})
		}
		d.change(tx, m, lifecycle.Failed, "tried too often: "+receipt.Reason, at)
		return
	}
	pause := receipt.RetryAfter
	if pause <= 0 {
		pause = min(5*time.Second<<min(max(tries-1, 0), 12), time.Hour)
	}
	m.Due, m.Reason = at.Add(min(pause, 24*time.Hour)), receipt.Reason
	step(tx, m.ID, Step{Kind: StepTemporary, At: at, Attempt: m.Attempts, Reason: receipt.Reason, Until: m.Due, Reply: receipt.Reply})
	d.queue(tx, m)
}
