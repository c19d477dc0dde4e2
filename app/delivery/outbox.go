package delivery

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Delivery's keys within a partition:
//
//	m decided (newest first), message -> lifecycle.Message: the ledger
//	o lane, 0, due, decided, message  -> nothing: what is to be done, and when
//	b message                         -> attempt: what was handed to a connector, before it could leave
//	p journey, 0, lane, 0, …          -> nothing: what a brake holds, see brake.go
func messageKey(decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst([]byte{'m'}, decided), id[:]...)
}

func lanePrefix(lane string) []byte { return append(append([]byte{'o'}, lane...), 0) }

func outboxKey(lane string, due, decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTime(store.AppendTime(lanePrefix(lane), due), decided), id[:]...)
}

func attemptKey(id lifecycle.ID) []byte { return append([]byte{'b'}, id[:]...) }

// laneName names the lane of a channel and a priority; what is owed overtakes marketing by having its own.
func laneName(channel string, kind lifecycle.MessageKind) string {
	if kind == lifecycle.Transactional {
		return channel + "/0"
	}
	return channel + "/1"
}

// attempt is the durable word that a message is about to be handed over, and its bytes, which later attempts repeat.
type attempt struct {
	Number   int                `msgpack:"n"`
	Boot     string             `msgpack:"b"`
	At       time.Time          `msgpack:"a"`
	Rendered lifecycle.Rendered `msgpack:"r"`
}

// Put takes a message that a script decided. Only one that is queued will be sent; others are kept in the ledger with
// their reason. A message is put once: it is decided in the commit that marks its cause as done.
//
// If its lane has nothing else to do, it is claimed in the same commit: policy is asked here, for the present moment
// at, and the attempt is as durable as the decision. A late timer decides in the past, but sends in the present.
func (d *Delivery) Put(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) {
	if m.State == lifecycle.Queued {
		lane := d.byName[laneName(m.Channel, m.Kind)]
		if lane != nil && !m.Due.After(at) && lane.idle(tx.Partition(), m.Due) && !d.braked(tx, m) {
			d.claimAtOnce(tx, lane, m, customer, at)
		} else {
			d.queue(tx, m)
		}
	}
	tx.Set(messageKey(m.Decided, m.ID), store.Encode(m))
}

// claimAtOnce claims a message that is being decided, or settles it if policy keeps it back.
func (d *Delivery) claimAtOnce(tx store.Tx, lane *lane, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) {
	rendered, state, reason := d.permitFor(tx, m, customer, nil, at)
	if state != lifecycle.Queued {
		d.change(tx, m, state, reason, at)
		return
	}
	a := attempt{Number: 1, Boot: d.boot, At: at, Rendered: rendered}
	tx.Set(attemptKey(m.ID), store.Encode(&a))
	tx.Set(outboxKey(lane.name, m.Due, m.Decided, m.ID), []byte{}) // found again after a crash
	m.Event = lifecycle.Event{}                                    // it was there for the template
	out := outgoing{
		Outgoing:  channels.Outgoing{ID: m.ID, Attempt: 1, Kind: m.Kind, Rendered: Whole(rendered)},
		decided:   m.Decided,
		partition: tx.Partition(),
	}
	tx.After(func() { lane.hand(out) })
}

func (d *Delivery) queue(tx store.Tx, m *lifecycle.Message) {
	name := laneName(m.Channel, m.Kind)
	tx.Set(outboxKey(name, m.Due, m.Decided, m.ID), []byte{})
	if lane := d.byName[name]; lane != nil {
		partition, due := tx.Partition(), m.Due
		tx.After(func() { lane.hint(partition, due) })
	}
}

func (d *Delivery) unqueue(tx store.Tx, m *lifecycle.Message) {
	tx.Delete(outboxKey(laneName(m.Channel, m.Kind), m.Due, m.Decided, m.ID))
}

// change moves a message from one state to another and lets the figures know.
func (d *Delivery) change(tx store.Tx, m *lifecycle.Message, state lifecycle.MessageState, reason string, at time.Time) {
	d.note(tx, m, lifecycle.Fact{Kind: lifecycle.FactSettled, At: at, From: string(m.State), To: string(state), Reason: reason})
	m.State, m.Reason = state, reason
	if settled(m) {
		m.Settled = at
		m.Event = lifecycle.Event{} // it was there for the template
		if m.Watched && d.watcher != nil {
			d.watcher.Settled(tx, m, at)
		}
	}
}

// note lets the figures know of a fact about a message. Those of test people are in no figure.
func (d *Delivery) note(tx store.Tx, m *lifecycle.Message, fact lifecycle.Fact) {
	if m.Test {
		return
	}
	fact.Journey, fact.Name, fact.Version, fact.File, fact.Line = m.Journey, m.Name, m.Version, m.File, m.Line
	d.recorder.Fold(tx, &lifecycle.Decision{Customer: m.Customer, Facts: []lifecycle.Fact{fact}})
}

func loadMessage(tx store.Reader, key []byte) (*lifecycle.Message, error) {
	data := tx.Get(key)
	if data == nil {
		return nil, nil
	}
	m := &lifecycle.Message{}
	if err := store.Decode(data, m); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
	}
	return m, nil
}

func loadAttempt(tx store.Reader, id lifecycle.ID) (*attempt, error) {
	key := attemptKey(id)
	if !tx.Has(key) {
		return nil, nil
	}
	data := tx.Get(key)
	a := &attempt{}
	if err := store.Decode(data, a); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "an attempt cannot be read")
	}
	return a, nil
}

// Newest asks for the newest messages of a partition.
type Newest struct{ Limit int }

// Listed is a message with the reference by which OneMessage finds it.
type Listed struct {
	Ref string
	lifecycle.Message
}

func (d *Delivery) newest(tx store.Reader, q Newest) ([]Listed, error) {
	var list []Listed
	var failed error
	prefix := []byte{'m'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		listed := Listed{Ref: refTo(tx.Partition(), key)}
		if failed = store.Decode(value, &listed.Message); failed != nil {
			return false
		}
		list = append(list, listed)
		return len(list) < q.Limit
	})
	return list, failed
}

// OneMessage asks for a message and what was handed over of it.
type OneMessage struct{ Ref string }

// FullMessage is a message with its bytes; Rendered is nil while it was never attempted.
type FullMessage struct {
	Listed
	Rendered *lifecycle.Rendered
}

// refTo is how a message's key is written in a reference.
func refTo(partition int, key []byte) string {
	return strconv.Itoa(partition) + "-" + hex.EncodeToString(key[1:])
}

// RefPartition returns the partition that a message reference belongs to.
func RefPartition(ref string) (int, error) {
	partition, _, err := parseRef(ref)
	return partition, err
}

func parseRef(ref string) (int, []byte, error) {
	number, text, ok := bytes.Cut([]byte(ref), []byte("-"))
	if ok {
		if partition, err := strconv.Atoi(string(number)); err == nil && partition >= 0 && partition < lifecycle.Partitions {
			if key, err := hex.DecodeString(string(text)); err == nil && len(key) == 24 {
				return partition, append([]byte{'m'}, key...), nil
			}
		}
	}
	return 0, nil, lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", ref)
}

func (d *Delivery) oneMessage(tx store.Reader, q OneMessage) (FullMessage, error) {
	_, key, err := parseRef(q.Ref)
	if err != nil {
		return FullMessage{}, err
	}
	m, err := loadMessage(tx, key)
	if err == nil && m == nil {
		err = lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", q.Ref)
	}
	if err != nil {
		return FullMessage{}, err
	}
	full := FullMessage{Listed: Listed{q.Ref, *m}}
	a, err := loadAttempt(tx, m.ID)
	if a != nil {
		whole := Whole(a.Rendered)
		full.Rendered = &whole
	}
	return full, err
}
