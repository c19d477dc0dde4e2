package delivery

import (
	"bytes"

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

// awaitAnswer lets a message that stands in no lane wait for Free.
func awaitAnswer(tx store.Tx, m *lifecycle.Message) { tx.Set(questionedKey(laneOf(m), m), []byte{}) }

// Free puts the messages of a customer that waited for an answer into their lanes, where they are asked about anew. It is
// called inside Apply, in the customer's partition.
func (d *Delivery) Free(tx store.Tx, customer lifecycle.ID) {
	prefix := questionedPrefix(customer)
	var keys [][]byte
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, bytes.Clone(key))
		return true
	})
	for _, key := range keys {
		tx.Delete(key)
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
