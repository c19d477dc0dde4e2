package delivery

import (
	"bytes"
	"sync/atomic"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// A message for an address of which it is still being asked whether anything speaks against it stands in no lane. It waits,
// milliseconds as a rule, for the answer, and keeps its moment:
//
//	ua customer, lane, 0, due, decided, message -> nothing: it waits to hear about its address
const becauseQuestioned = "it is being asked whether anything may go to this address"

func questionedPrefix(customer lifecycle.ID) []byte { return append([]byte("ua"), customer[:]...) }

func questionedKey(lane string, m *lifecycle.Message) []byte {
	place := outboxKey(lane, m.Due, m.Decided, m.ID)
	return append(append(append(questionedPrefix(m.Customer), lane...), 0), place[len(place)-placeBytes:]...)
}

// questioned lets a message wait that everything else lets pass: it is the last gate.
func (d *Delivery) questioned(_ store.Tx, q question) verdict {
	if len(q.customer.Questions) == 0 || q.message.Test || !q.customer.Questioned(q.message.Channel, q.to) {
		return pass
	}
	return verdict{state: lifecycle.Queued, reason: becauseQuestioned, questioned: true}
}

// Asker asks what speaks against writing to an address of which that is not asked when it is said: that of a letter, or of a channel of
// others. Nobody may be written to there in the end, so the question goes with the first message. Of a number that a call names it is
// asked for each message. It is called inside Apply, in the customer's partition; Free comes with the answer.
type Asker interface {
	AskAddress(tx store.Tx, customer lifecycle.ID, address lifecycle.Identity, message lifecycle.ID, at time.Time) error
}

// SetAsker names who asks; without it nobody does. It is called once, before the store starts.
func (d *Delivery) SetAsker(a Asker) { d.asker = a }

// unasked returns the address to which a message of a customer is about to leave, if it has to be asked about first.
func (d *Delivery) unasked(m *lifecycle.Message, to string, customer *lifecycle.Customer) (lifecycle.Identity, bool) {
	if d.asker == nil || m.Test || !lifecycle.HasPlaces(m.Channel) && !callsElsewhere(m, to, customer) {
		return lifecycle.Identity{}, false
	}
	address, ok := lifecycle.AddressIdentity(m.Channel, to)
	return address, ok && !customer.AskedAbout(address, m.ID)
}

// callsElsewhere reports whether a call goes to a number that the message names, and not to the customer's own: what speaks against that
// one was asked when it was said.
func callsElsewhere(m *lifecycle.Message, to string, customer *lifecycle.Customer) bool {
	if m.Channel != callChannel {
		return false
	}
	own, _ := customer.Address(callChannel)
	return own != to
}

// awaiting is how many messages of a partition wait for an answer, or more: what was not committed counts as well. Answers come
// with every new address, and hardly ever is there a message that waits for one.
type awaiting struct {
	counted bool // of the partition's single writer
	most    atomic.Int64
}

// awaited returns the count of the transaction's partition.
func (d *Delivery) awaited(tx store.Reader) *awaiting {
	a := &d.awaiting[tx.Partition()]
	if !a.counted {
		prefix := []byte("ua")
		tx.Scan(prefix, store.PrefixEnd(prefix), func(_, _ []byte) bool {
			a.most.Add(1)
			return true
		})
		a.counted = true
	}
	return a
}

// awaitAnswer lets a message that stands in no lane wait for Free.
func (d *Delivery) awaitAnswer(tx store.Tx, m *lifecycle.Message) {
	d.awaited(tx).most.Add(1)
	tx.Set(questionedKey(laneOf(m), m), []byte{})
}

// awaitNothing takes away the key of a message that may have waited.
func (d *Delivery) awaitNothing(tx store.Tx, key []byte) {
	a := d.awaited(tx)
	if a.most.Load() == 0 || !tx.Has(key) {
		return
	}
	tx.Delete(key)
	tx.After(func() { a.most.Add(-1) })
}

// Free puts the messages of a customer that waited for an answer into their lanes, where they are asked about anew. It is
// called inside Apply, in the customer's partition.
func (d *Delivery) Free(tx store.Tx, customer lifecycle.ID) {
	if d.awaited(tx).most.Load() == 0 {
		return
	}
	prefix := questionedPrefix(customer)
	var keys [][]byte
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return true
	})
	for _, key := range keys {
		d.awaitNothing(tx, key)
		d.backToLane(tx, string(key[len(prefix):len(key)-placeBytes-1]), key[len(key)-placeBytes:])
	}
}

// backToLane lets claims find a message again, by the end of its key.
func (d *Delivery) backToLane(tx store.Tx, name string, place []byte) {
	tx.Set(append(lanePrefix(name), place...), []byte{})
	if lane := d.lane(name); lane != nil {
		partition, due := tx.Partition(), store.KeyTime(place[:8])
		tx.After(func() { lane.hint(partition, due) })
	}
}
