package delivery

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// An attempt without a result may be answered by what comes back of the message: whoever has it got it. Then it is accepted, is
// not sent again, and nothing is sent instead.

// showsArrival reports whether an answer can only come of a message that has arrived. One that bounced has not, as far as is
// known, and a complaint is about the address as well.
func showsArrival(answer lifecycle.Answer) bool {
	switch answer {
	case lifecycle.Delivered, lifecycle.Opened, lifecycle.Clicked, lifecycle.Replied, lifecycle.Dismissed:
		return true
	}
	return false
}

func becauseArrived(answer lifecycle.Answer) string { return "it was reported as " + string(answer) }

// arrival returns why a message is known to have arrived by what came back of it, for people; "" if it is not known. A reply
// does not count: it may name no message, and is noted of the newest one then.
func arrival(tx store.Reader, m *lifecycle.Message) string {
	for _, answer := range answersTo(tx, m.Decided, m.ID) {
		if showsArrival(answer) && answer != lifecycle.Replied {
			return becauseArrived(answer)
		}
	}
	return ""
}

// arrivedBefore returns why a message has arrived whose attempt was not accepted, as it was reported while that was under way; ""
// if it is not known. A first attempt that was refused for good was refused, whatever was reported.
func arrivedBefore(tx store.Reader, m *lifecycle.Message, r *result) string {
	switch r.Receipt.Outcome {
	case lifecycle.OutcomeAccepted:
		return ""
	case lifecycle.OutcomePermanent:
		if r.Attempt == 1 {
			return ""
		}
	}
	return arrival(tx, m)
}

// settleArrived settles such a message as accepted, and tells of the attempt.
func (d *Delivery) settleArrived(tx store.Tx, m *lifecycle.Message, why string, r *result) {
	what := Step{Kind: StepTemporary, At: r.At, Attempt: r.Attempt, Reason: r.Receipt.Reason, Reply: r.Receipt.Reply}
	switch r.Receipt.Outcome {
	case lifecycle.OutcomeTemporary:
		step(tx, m.ID, r.made(), what)
	case lifecycle.OutcomePermanent:
		why += "; sent again, it was refused: " + r.Receipt.Reason
	default:
		d.doubt(tx, m, r.At)
		what.Kind = StepInDoubt
		step(tx, m.ID, r.made(), what)
	}
	d.change(tx, m, lifecycle.Accepted, why, r.At)
}

// Unsettled returns when a message was last handed over that waits for its next attempt, or for a person to decide about it; zero
// if there is none, if it never was, or if it is with a connector at this moment, whose receipt settles it. It is called inside
// Apply.
func (d *Delivery) Unsettled(tx store.Tx, decided time.Time, id lifecycle.ID) time.Time {
	if _, last := d.unsettled(tx, decided, id); last != nil {
		return last.At
	}
	return time.Time{}
}

func (d *Delivery) unsettled(tx store.Reader, decided time.Time, id lifecycle.ID) (*lifecycle.Message, *attempt) {
	m, err := loadMessage(tx, decided, id)
	if err != nil || m == nil || settled(&m.Message) {
		return nil, nil
	}
	last, err := lastAttempt(tx, m)
	if err != nil || last == nil || last.Number == 0 || last.Number > m.Attempts && last.Boot == d.boot {
		return nil, nil
	}
	return &m.Message, last
}

// Arrived settles a message as accepted of which an answer shows that it has arrived, if it is one that Unsettled has a time for.
// It is called inside Apply.
func (d *Delivery) Arrived(tx store.Tx, decided time.Time, id lifecycle.ID, answer lifecycle.Answer, at time.Time) {
	if !showsArrival(answer) {
		return
	}
	m, last := d.unsettled(tx, decided, id)
	if m == nil {
		return
	}
	d.unqueue(tx, m)
	d.unpark(tx, m)
	if last.Number > m.Attempts { // of an earlier start, and no claim has come upon it yet
		m.Attempts = last.Number
	}
	d.change(tx, m, lifecycle.Accepted, becauseArrived(answer), at)
	d.stand(tx, m)
}
