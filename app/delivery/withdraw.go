package delivery

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Some connectors keep what they accepted for a while before it leaves for good, as letters wait for the day's batch. Until
// then it can be withdrawn. Nothing of it leaves without the last word of the partition, see last_call.go; what is not to leave
// any more is written down as an order, in the commit in which that is known, and the connector is told of it until it has
// answered:
//
//	uk customer, decided, message   -> nothing: the connector keeps it, and was not told to let it go
//	uo channel, 0, decided, message -> withdrawal: the connector is to be told, and has not answered

// Withdrawer is a Connector that may keep what it accepted; *channels.Channel is the real one. None of its calls names more
// than channels.MaxNamed messages.
type Withdrawer interface {
	// Withdraws reports whether the connector does that; the others are not called before.
	Withdraws() bool
	// Waiting returns messages that are about to leave for good and wait for Release.
	Waiting(ctx context.Context) ([]lifecycle.Ref, error)
	// Release lets messages leave.
	Release(ctx context.Context, refs []lifecycle.Ref) error
	// Withdraw takes messages back and returns what became of each, in their order; with forget nothing is kept of them.
	Withdraw(ctx context.Context, refs []lifecycle.Ref, forget bool) ([]channels.Withdrawal, error)
}

// What happens to messages that a connector keeps.
const (
	StepWithdrawing StepKind = "withdrawing" // the connector is to take it back: Reason says why
	StepTooLate     StepKind = "too late"    // it could not be taken back: Reason
	StepReleased    StepKind = "released"    // nothing speaks against it: it may leave for good
)

// withdrawal is an order to take a message back.
type withdrawal struct {
	State  lifecycle.MessageState `msgpack:"s"` // what the message becomes
	Reason string                 `msgpack:"r,omitempty"`
	Forget bool                   `msgpack:"f,omitempty"` // its customer was erased; the message is there no more
}

func keptPrefix(customer lifecycle.ID) []byte { return append([]byte("uk"), customer[:]...) }

func keptKey(m *lifecycle.Message) []byte {
	return append(store.AppendTime(keptPrefix(m.Customer), m.Decided), m.ID[:]...)
}

func withdrawalPrefix(channel string) []byte { return append(append([]byte("uo"), channel...), 0) }

func withdrawalKey(channel string, decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTime(withdrawalPrefix(channel), decided), id[:]...)
}

// readPlace reads the end of both kinds of key.
func readPlace(key []byte) (time.Time, lifecycle.ID) {
	place := key[len(key)-8-len(lifecycle.ID{}):]
	return store.KeyTime(place[:8]), lifecycle.ID(place[8:])
}

// keeps notes that the connector of an accepted message can withdraw it.
func (d *Delivery) keeps(tx store.Tx, m *lifecycle.Message) { tx.Set(keptKey(m), []byte{}) }

// isKept reports whether a message can be withdrawn.
func isKept(tx store.Reader, m *lifecycle.Message) bool {
	return m.State == lifecycle.Accepted && tx.Has(keptKey(m))
}

// orderWithdrawal writes down that a message is to be taken back. The first reason stands.
func (d *Delivery) orderWithdrawal(tx store.Tx, m *lifecycle.Message, order withdrawal, at time.Time) {
	key := withdrawalKey(m.Channel, m.Decided, m.ID)
	if tx.Has(key) {
		return
	}
	tx.Set(key, store.Encode(&order))
	step(tx, m.ID, Step{Kind: StepWithdrawing, At: at, Reason: order.Reason})
	d.tell(tx, m.Channel)
}

// tell has the sender look at a partition's orders, once they are on disk.
func (d *Delivery) tell(tx store.Tx, channel string) {
	if k := d.keeper(channel); k != nil {
		partition := tx.Partition()
		tx.After(func() { k.rouse(partition) })
	}
}

// WithdrawRefused has what connectors keep of a customer's messages taken back, as far as a suppression or the customer's
// consent, as they are given, speak against it. It is called inside Apply, where either changes.
func (d *Delivery) WithdrawRefused(tx store.Tx, customer *lifecycle.Customer, at time.Time) error {
	return d.eachKept(tx, keptPrefix(customer.ID), func(m *decided) error {
		if reason, refused, err := d.refused(tx, m, customer, at); err != nil || !refused {
			return err
		} else {
			d.orderWithdrawal(tx, &m.Message, withdrawal{State: lifecycle.Suppressed, Reason: reason}, at)
			return nil
		}
	})
}

// refused asks the gates that hold until a message leaves for good: a suppression, and the customer's consent.
func (d *Delivery) refused(tx store.Tx, m *decided, customer *lifecycle.Customer, at time.Time) (string, bool, error) {
	last, err := lastAttempt(tx, m)
	if err != nil {
		return "", false, err
	}
	q := d.question(&m.Message, customer, last, at)
	for _, ask := range []gate{(*Delivery).suppression, (*Delivery).consent} {
		if v := ask(d, tx, q); !v.passes() {
			return v.reason, true, nil
		}
	}
	return "", false, nil
}

// maxKept is how many messages are looked at by one input that withdraws what it covers. The rest is found when they are about
// to leave.
const maxKept = 500

// eachKept visits messages that can be withdrawn.
func (d *Delivery) eachKept(tx store.Tx, prefix []byte, visit func(m *decided) error) error {
	var keys [][]byte
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return len(keys) < maxKept
	})
	for _, key := range keys {
		decided, id := readPlace(key)
		m, err := loadMessage(tx, decided, id)
		if err != nil { // it is asked about again before it leaves, and does not leave then
			d.log.Error("a message that its connector keeps cannot be read", "message", id.String(), "error", err)
			continue
		}
		if m == nil || !isKept(tx, &m.Message) {
			continue
		}
		if err = visit(m); err != nil {
			return err
		}
	}
	return nil
}

// withdrawCancelled has taken back what a cancellation covers.
func (d *Delivery) withdrawCancelled(tx store.Tx, c *cancellation) error {
	return d.eachKept(tx, []byte("uk"), func(m *decided) error {
		if !m.Decided.After(c.At) && c.covers(&m.Message, endpointOf(&m.Message)) {
			d.orderWithdrawal(tx, &m.Message, withdrawal{State: lifecycle.Cancelled, Reason: c.reason("cancelled")}, c.At)
		}
		return nil
	})
}

// forgetKept has the connector forget a message that is being removed, if it keeps anything of it or did so. It is called
// while the message is still there.
func (d *Delivery) forgetKept(tx store.Tx, m *lifecycle.Message) {
	known := tx.Has(keptKey(m))
	tx.Delete(keptKey(m))
	for _, s := range stepsOf(tx, m.ID) {
		known = known || s.Kind == StepReleased || s.Kind == StepWithdrawing
	}
	if k := d.keeper(m.Channel); k != nil { // of an earlier version, nothing is written down
		known = known || m.Attempts > 0 && k.Withdraws()
	}
	if known {
		tx.Set(withdrawalKey(m.Channel, m.Decided, m.ID), store.Encode(&withdrawal{Forget: true}))
		d.tell(tx, m.Channel)
	}
}

// withdrawalsOf asks a partition for orders that are to be told to a channel's connector.
type withdrawalsOf struct{ Channel string }

// orders are the first of them. Those that cannot be read are set aside: nothing of them leaves, and others are told.
type orders struct {
	List    []ordered
	Damaged []lifecycle.Ref
}

// ordered is one of them.
type ordered struct {
	Ref    lifecycle.Ref
	Forget bool
}

func (d *Delivery) withdrawalsOf(tx store.Reader, q withdrawalsOf) (out orders) {
	prefix := withdrawalPrefix(q.Channel)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		at, id := readPlace(key)
		ref := lifecycle.Ref{Partition: tx.Partition(), Decided: at, ID: id}
		var order withdrawal
		if err := store.Decode(value, &order); err != nil {
			if len(out.Damaged) < channels.MaxNamed {
				out.Damaged = append(out.Damaged, ref)
			}
			return true
		}
		out.List = append(out.List, ordered{ref, order.Forget})
		return len(out.List) < channels.MaxNamed
	})
	return out
}

// withdrawn is the input "this is what became of orders".
type withdrawn struct {
	Channel string
	Answers []channels.Withdrawal // of one partition
	Forget  bool                  // so they were told
	At      time.Time
}

func (d *Delivery) withdrawn(tx store.Tx, in withdrawn) error {
	for _, answer := range in.Answers {
		key := withdrawalKey(in.Channel, answer.Message.Decided, answer.Message.ID)
		data := tx.Get(key)
		if data == nil {
			continue // answered before
		}
		var order withdrawal
		if err := store.Decode(data, &order); err != nil {
			d.log.Error("the order to take a message back cannot be read", "channel", in.Channel, "message", RefOf(answer.Message), "error", err)
			continue
		}
		if order.Forget && !in.Forget {
			continue // they were erased meanwhile: that is still to be told
		}
		tx.Delete(key)
		m, err := loadMessage(tx, answer.Message.Decided, answer.Message.ID)
		if err != nil {
			return err
		}
		if m == nil || m.State != lifecycle.Accepted {
			continue
		}
		tx.Delete(keptKey(&m.Message))
		switch answer.Fate {
		case channels.Withdrawn:
			m.Watched = false // whoever waited was told when it was accepted
			d.change(tx, &m.Message, order.State, "withdrawn: "+order.Reason, in.At)
			d.stand(tx, &m.Message)
		case channels.TooLate:
			step(tx, m.ID, Step{Kind: StepTooLate, At: in.At, Reason: answer.Reason})
		default:
			step(tx, m.ID, Step{Kind: StepTooLate, At: in.At, Reason: "the connector does not know it any more"})
		}
	}
	return nil
}
