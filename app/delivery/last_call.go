package delivery

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// lastCall is the input "these are about to leave for good; may they?". It is the last word: what speaks against a message
// and is committed before holds it back, what comes after is too late. What must not leave becomes an order, so that the
// connector is told; what is not settled yet waits. Asked again, it says the same, or finds a reason that has come up since.
// Of whom has become part of another customer it asks back; then it is asked again with what that customer said. What that
// customer says in the milliseconds between the two comes too late.
type lastCall struct {
	Messages []lifecycle.Ref // of one partition
	Channel  string
	At       time.Time
	Heirs    map[lifecycle.ID]heirSays // by message
}

// lastWord is the answer to a lastCall.
type lastWord struct {
	Leave []lifecycle.Ref
	Stay  []staying
	Ask   []askHeir
}

// staying is a message that may not leave, or not yet.
type staying struct {
	lifecycle.Ref
	Why string // what it waits for, for people; empty: it is being taken back
	Err error  // that it cannot be found out
}

// lastCall says which may leave. One that cannot be read waits, and is not in the way of others.
func (d *Delivery) lastCall(tx store.Tx, in lastCall) (word lastWord, err error) {
	for _, ref := range in.Messages {
		asked := len(word.Ask)
		why, may, err := d.mayLeave(tx, ref, in, &word)
		switch {
		case err == nil && may:
			word.Leave = append(word.Leave, ref)
		case len(word.Ask) == asked:
			word.Stay = append(word.Stay, staying{ref, why, err})
		}
	}
	return word, nil
}

// mayLeave says whether one may. Where somebody else has to say it, what to ask them is added to the word.
func (d *Delivery) mayLeave(tx store.Tx, ref lifecycle.Ref, in lastCall, word *lastWord) (why string, may bool, err error) {
	if tx.Has(withdrawalKey(in.Channel, ref.Decided, ref.ID)) {
		return "its connector has not taken it back yet", false, nil
	}
	m, err := loadMessage(tx, ref.Decided, ref.ID)
	if err != nil {
		return "", false, err
	}
	refuse := func(state lifecycle.MessageState, reason string) (string, bool, error) {
		d.orderWithdrawal(tx, &m.Message, withdrawal{State: state, Reason: reason}, in.At)
		return "", false, nil
	}
	switch {
	case m == nil: // erased
		tx.Set(withdrawalKey(in.Channel, ref.Decided, ref.ID), store.Encode(&withdrawal{Forget: true}))
		d.tell(tx, in.Channel)
		return "", false, nil
	case m.State == lifecycle.Queued || m.State == lifecycle.Held:
		return "that its connector has it is not known here: the message is " + string(m.State), false, nil
	case m.State != lifecycle.Accepted:
		return refuse(m.State, m.Reason)
	}
	if i := d.cancelOf(tx, &m.Message); i >= 0 {
		return refuse(lifecycle.Cancelled, d.controlled(tx).Cancels[i].reason("cancelled"))
	}
	data := tx.Get(append([]byte{'c'}, m.Customer[:]...))
	switch merged := tx.Has(append([]byte{'i'}, m.Customer[:]...)); {
	case data == nil && !merged:
		return "its customer is being erased", false, nil // the message is just being removed, and then the connector forgets it
	case data == nil && m.Kind == lifecycle.Marketing: // as at the claim: what they say now is said elsewhere
		return refuse(lifecycle.Suppressed, "merged")
	case data == nil:
		said, heard := in.Heirs[ref.ID]
		switch {
		case !heard:
			last, err := lastAttempt(tx, m)
			if err != nil {
				return "", false, err
			}
			ask := askHeir{Customer: m.Customer, From: m.Customer, Message: &m.Message, At: in.At}
			if last != nil {
				ask.To = last.Rendered.To
			}
			word.Ask = append(word.Ask, ask)
			return "", false, nil
		case said.Wait != "":
			return said.Wait, false, nil
		case !said.Verdict.passes():
			return refuse(said.Verdict.state, said.Verdict.reason)
		}
	default:
		customer := &lifecycle.Customer{}
		if err = store.Decode(data, customer); err != nil {
			return "", false, lifecycle.Wrap(lifecycle.Internal, err, "the customer's record cannot be read")
		}
		reason, refused, err := d.refused(tx, m, customer, in.At)
		if err != nil {
			return "", false, err
		}
		if refused {
			return refuse(lifecycle.Suppressed, reason)
		}
	}
	if key := keptKey(&m.Message); tx.Has(key) {
		tx.Delete(key)
	}
	if !slices.ContainsFunc(stepsOf(tx, m.ID), func(s Step) bool { return s.Kind == StepReleased }) {
		step(tx, m.ID, Step{Kind: StepReleased, At: in.At})
	}
	return "", true, nil
}
