package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A message has failed when it was tried so often, and for so long. Our own pauses make both the same; a connector may wish for shorter
// ones, and is followed at first.
const (
	maxAttempts = 30
	maxTrying   = 20 * time.Hour
	followed    = 10 // tries
	maxPause    = time.Hour
)

// minUntried is how soon a message is handed over again that was not tried.
const minUntried = time.Second

// settle is the input "this is what became of an attempt".
type settle struct{ Results []result }

type result struct {
	Receipt    lifecycle.Receipt
	Message    *lifecycle.Message // as it was claimed; not changed
	AtOnce     bool               // it was claimed in the commit that decided it
	Attempt    int
	Begun      time.Time // when it was claimed
	At         time.Time // when the receipt came
	Idempotent bool      // of the connector
	Keeps      bool      // likewise: what it accepted can be withdrawn
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
		if r.Receipt.Untried {
			m.Due, m.Reason = r.At.Add(min(max(r.Receipt.RetryAfter, minUntried), 24*time.Hour)), r.Receipt.Reason
			d.takeBack(tx, &m, deferred(m.Due, m.Reason), r.At)
			continue
		}
		if r.Receipt.Reply != nil && r.Receipt.Outcome != lifecycle.OutcomeTemporary {
			step(tx, m.ID, Step{Kind: StepAnswer, At: r.At, Attempt: r.Attempt, Reply: r.Receipt.Reply})
			r.Receipt.Reply = nil
		}
		switch arrived := arrivedBefore(tx, &m, &r); {
		case r.Receipt.Outcome == lifecycle.OutcomeAccepted:
			d.change(tx, &m, lifecycle.Accepted, "", r.At)
			if r.Keeps {
				d.keeps(tx, &m)
			}
			d.droppedAlready(tx, &m)
		case arrived != "":
			d.settleArrived(tx, &m, arrived, &r)
		case r.Receipt.Outcome == lifecycle.OutcomePermanent:
			d.fallBack(tx, &m, r.Receipt.Refused, r.At)
			d.letInInstead(tx, &m, r.At)
			d.change(tx, &m, lifecycle.Failed, r.Receipt.Reason, r.At)
		case r.Receipt.Outcome == lifecycle.OutcomeTemporary:
			d.retry(tx, &m, StepTemporary, r)
		default:
			if d.mayRetry(tx, &m, r.Idempotent, r.At) {
				d.retry(tx, &m, StepInDoubt, r)
			} else {
				step(tx, m.ID, r.made(), Step{Kind: StepInDoubt, At: r.At, Attempt: r.Attempt, Reason: r.Receipt.Reason})
				d.hold(tx, &m, "it may have left: "+r.Receipt.Reason, r.At)
			}
		}
		d.stand(tx, &m)
	}
	if len(landed) > 0 {
		tx.After(func() { aloft.landed(landed) })
	}
}

// made is the attempt as a step, for those whose record is overwritten by the next one.
func (r *result) made() Step { return Step{Kind: StepAttempt, At: r.Begun, Attempt: r.Attempt} }

// retry puts the message back for later: after the time that the receipt asks for, else after 5 s, doubling up to an
// hour. Where it asks for less every time, the pauses grow after the first tries as the time does for which it was tried, up to an
// hour. A message that is replayed begins anew. What became of the attempt is a temporary failure, or in doubt.
func (d *Delivery) retry(tx store.Tx, m *lifecycle.Message, what StepKind, r result) {
	tries, receipt, trying := m.Attempts-triesBefore(tx, m.ID), &r.Receipt, r.At.Sub(triedSince(tx, m, r.Begun))
	if tries >= maxAttempts && trying >= maxTrying {
		if receipt.Reply != nil {
			step(tx, m.ID, Step{Kind: StepAnswer, At: r.At, Attempt: m.Attempts, Reply: receipt.Reply})
		}
		d.letInInstead(tx, m, r.At)
		d.change(tx, m, lifecycle.Failed, "tried too often: "+receipt.Reason, r.At)
		return
	}
	pause := receipt.RetryAfter
	switch {
	case pause <= 0:
		pause = min(5*time.Second<<min(max(tries-1, 0), 12), maxPause)
	case tries >= followed:
		pause = max(pause, min(trying, maxPause))
	}
	m.Due, m.Reason = r.At.Add(min(pause, 24*time.Hour)), receipt.Reason
	step(tx, m.ID, r.made(), Step{Kind: what, At: r.At, Attempt: m.Attempts, Reason: receipt.Reason, Until: m.Due, Reply: receipt.Reply})
	d.queue(tx, m)
}

// triedSince returns when a message was first handed over, or last replayed; begun is when it just was.
func triedSince(tx store.Reader, m *lifecycle.Message, begun time.Time) time.Time {
	if s := lastReplay(tx, m.ID); s != nil {
		return s.At
	}
	if last, err := lastAttempt(tx, &decided{Message: *m}); err == nil && last != nil {
		return last.Rendered.Date
	}
	return begun // it was handed over as it was decided, for the first time
}
