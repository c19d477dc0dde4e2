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
//	m decided (newest first), message -> decided: what was decided; written once
//	s decided (newest first), message -> standing: what has become of it; none: as it was decided
//	o lane, 0, due, decided, message  -> nothing: what is to be done, and when
//	b message                         -> attempt: what was handed to a connector, before it could leave
//	p holder, 0, lane, 0, …           -> nothing: what a brake or a pause holds, see brake.go
//	y message                         -> steps: what else happened to it, see ledger_life.go
//	z                                 -> controls: what operators have ordered, see control.go
//	l customer                        -> leavings: what has left lately, only where a cap is set or duplicates are looked for
//	w kind of channel, 0, address hash, customer -> the newest message: who was written to at an address that may answer, see sent.go
//	a                                 -> checkpoint: what was in flight of what is claimed in the commit that decides it, see at_once.go
//	ah                                -> hands: what of that may be with a connector, see hands.go
//	q …                               -> the calls of the call centre, see calls_queue.go
//	g endpoint hash                   -> endpoint: since when an address of webhooks fails, see endpoints.go
//	n customer, …                     -> what is in a customer's inbox, see inbox.go
//	ua customer, …                    -> what waits to hear about its address, see question.go
//	ul code                           -> where a short link leads, see track_short.go
//	ur decided (newest first), message -> what came back of it, see answered.go
//	uk …, uo …                        -> what connectors keep, and are to be told about it, see withdraw.go
func messageKey(decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst([]byte{'m'}, decided), id[:]...)
}

func standingKey(decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst([]byte{'s'}, decided), id[:]...)
}

func checkpointKey() []byte { return []byte{'a'} }

func lanePrefix(lane string) []byte { return append(append([]byte{'o'}, lane...), 0) }

func outboxKey(lane string, due, decided time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTime(store.AppendTime(lanePrefix(lane), due), decided), id[:]...)
}

func attemptKey(id lifecycle.ID) []byte { return append([]byte{'b'}, id[:]...) }

// decided is a message as it was decided. If it was claimed in the same commit, the attempt is part of it.
type decided struct {
	lifecycle.Message
	Attempt *attempt
}

// standing is what has become of a message since it was decided.
type standing struct {
	Due      time.Time
	State    lifecycle.MessageState
	Reason   string
	Attempts int
	InDoubt  int
	Settled  time.Time
	Watched  bool
}

// attempt is the durable word that a message is about to be handed over, and its bytes, which later attempts repeat.
type attempt struct {
	Number   int
	Boot     string
	At       time.Time
	Rendered lifecycle.Rendered
}

// made reports whether there was an attempt, and not only bytes for one: it was not handed over yet, or was given back.
func (a *attempt) made() bool { return a != nil && a.Number > 0 }

// Put takes a message that a script decided. Only one that is queued will be sent; others are kept in the ledger with
// their reason. A message is put once: it is decided in the commit that marks its cause as done.
//
// If its lane has little to do, it is claimed in the same commit: policy is asked here, for the present moment at, and
// the attempt is as durable as the decision. A late timer decides in the past, but sends in the present. Of one that
// policy lets wait, Due becomes the moment that is known now.
func (d *Delivery) Put(tx store.Tx, m *lifecycle.Message, customer *lifecycle.Customer, at time.Time) {
	d.PutRendered(tx, m, nil, customer, at)
}

// PutRendered is Put for a message that was rendered before it was handed on: it leaves with these bytes. nil: it was not.
func (d *Delivery) PutRendered(tx store.Tx, m *lifecycle.Message, rendered *lifecycle.Rendered, customer *lifecycle.Customer, at time.Time) {
	record := decided{Message: *m}
	if rendered != nil {
		record.Attempt = &attempt{At: at, Rendered: *rendered} // without a number: it was not handed over
	}
	if m.State == lifecycle.Queued {
		lane := d.lane(laneOf(m))
		if lane == nil || m.Due.After(at) || !lane.open(tx.Partition(), m.Due) || d.braked(tx, m) ||
			!d.claimAtOnce(tx, lane, &record, customer, at) {
			switch v := d.wouldWait(tx, m, customer, at); {
			case lane == nil || lane.vacant.Load():
				record.Reason = becauseVacant(m.Channel)
			case !v.until.IsZero():
				putOff(m, v)
				record.Due, record.Reason = m.Due, m.Reason
			case lane.paused.Load():
				record.Reason = becausePaused
			}
			if holder, reason := d.heldBy(tx, m); holder != "" && lane != nil && !closes(holder, lane.name) {
				d.putAside(tx, laneOf(m), m, holder) // a claim would only come upon it and do the same
				record.Reason = reason
			} else {
				if holder != "" && record.Reason == "" {
					record.Reason = reason
				}
				d.queue(tx, m)
			}
		}
	}
	tx.Set(messageKey(m.Decided, m.ID), store.Encode(&record))
	if m.State == lifecycle.Queued && record.State == lifecycle.Suppressed && d.mayFallBack(tx, m) {
		// Something has left in the same commit since its channel was chosen.
		d.sendInstead(tx, &record.Message, customer, at, d.ofChannel)
	}
	d.aloft[tx.Partition()].check(tx, at)
}

// claimAtOnce claims a message that is being decided, settles it if policy keeps it back, or lets it wait for what is being
// asked about its address. It reports false if too
// many of the partition are on their way already, or policy lets it wait.
func (d *Delivery) claimAtOnce(tx store.Tx, lane *lane, record *decided, customer *lifecycle.Customer, at time.Time) bool {
	m, aloft := &record.Message, &d.aloft[tx.Partition()]
	if !aloft.admits(m) {
		return false
	}
	rendered, v := d.permitFor(tx, m, customer, record.Attempt, at, false, false)
	switch {
	case v.state != lifecycle.Queued:
		d.change(tx, m, v.state, v.reason, at)
		return true
	case v.ask.Kind != "":
		return false // a claim asks: here whoever decides has the customer open
	case v.questioned:
		d.awaitAnswer(tx, m)
		return true
	case !v.until.IsZero():
		return false
	}
	record.Attempt = &attempt{Number: 1, Boot: d.boot, At: at, Rendered: rendered}
	aloft.add(m)
	if !d.mayFallBack(tx, m) {
		m.Event = lifecycle.Event{} // it was there for the template
	}
	out := outgoing{
		Outgoing:  channels.Outgoing{ID: m.ID, Ref: m.Ref(), Attempt: 1, Kind: m.Kind, Direct: m.Direct, Rendered: d.whole(tx, m, rendered)},
		message:   m,
		atOnce:    true,
		claimed:   at,
		partition: tx.Partition(),
	}
	tx.After(func() { lane.hand(out) })
	return true
}

func (d *Delivery) queue(tx store.Tx, m *lifecycle.Message) {
	name := laneOf(m)
	tx.Set(outboxKey(name, m.Due, m.Decided, m.ID), []byte{})
	if lane := d.lane(name); lane != nil {
		partition, due := tx.Partition(), m.Due
		tx.After(func() { lane.hint(partition, due) })
	}
}

func (d *Delivery) unqueue(tx store.Tx, m *lifecycle.Message) {
	tx.Delete(outboxKey(laneOf(m), m.Due, m.Decided, m.ID))
}

// change moves a message from one state to another and lets the figures know.
func (d *Delivery) change(tx store.Tx, m *lifecycle.Message, state lifecycle.MessageState, reason string, at time.Time) {
	d.note(tx, m, lifecycle.Fact{Kind: lifecycle.FactSettled, At: at, From: string(m.State), To: string(state), Reason: reason})
	m.State, m.Reason = state, reason
	if settled(m) {
		m.Settled = at
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

// stand writes what has become of a message.
func (d *Delivery) stand(tx store.Tx, m *lifecycle.Message) int {
	data := store.Encode(&standing{m.Due, m.State, m.Reason, m.Attempts, m.InDoubt, m.Settled, m.Watched})
	tx.Set(standingKey(m.Decided, m.ID), data)
	return len(data)
}

// loadMessage reads a message as it stands, with the attempt that it was decided with; nil if there is none.
func loadMessage(tx store.Reader, at time.Time, id lifecycle.ID) (*decided, error) {
	data := tx.Get(messageKey(at, id))
	if data == nil {
		return nil, nil
	}
	return readMessage(tx, data, at, id)
}

func readMessage(tx store.Reader, data []byte, at time.Time, id lifecycle.ID) (*decided, error) {
	m := &decided{}
	if err := store.Decode(data, m); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "a message cannot be read")
	}
	return m, m.stands(tx, at, id)
}

// stands adds to what was decided what has become of it.
func (m *decided) stands(tx store.Reader, at time.Time, id lifecycle.ID) error {
	key := standingKey(at, id)
	if !tx.Has(key) {
		return nil
	}
	var now standing
	if err := store.Decode(tx.Get(key), &now); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "what became of a message cannot be read")
	}
	m.Due, m.State, m.Reason, m.Attempts = now.Due, now.State, now.Reason, now.Attempts
	m.InDoubt, m.Settled, m.Watched = now.InDoubt, now.Settled, now.Watched
	return nil
}

// lastAttempt returns what was last handed to a connector; nil if nothing was.
func lastAttempt(tx store.Reader, m *decided) (*attempt, error) {
	key := attemptKey(m.ID)
	if !tx.Has(key) {
		return m.Attempt, nil
	}
	a := &attempt{}
	if err := store.Decode(tx.Get(key), a); err != nil {
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
	Answers []lifecycle.Answer // what came back of it, in the order of Answers
	Call    CallState          // of one that became a call: where that stands
}

func (d *Delivery) newest(tx store.Reader, q Newest) ([]Listed, error) {
	part, err := d.ledgerPage(tx, ledgerPage{Limit: q.Limit, Look: q.Limit})
	list := make([]Listed, len(part.found))
	for i := range part.found {
		list[i] = part.found[i].Listed
	}
	return list, err
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
	partition, _, _, err := parseRef(ref)
	return partition, err
}

func parseRef(ref string) (partition int, at time.Time, id lifecycle.ID, err error) {
	number, text, ok := bytes.Cut([]byte(ref), []byte("-"))
	if ok {
		if partition, err := strconv.Atoi(string(number)); err == nil && partition >= 0 && partition < lifecycle.Partitions {
			if key, err := hex.DecodeString(string(text)); err == nil && len(key) == 24 {
				return partition, store.KeyTimeNewestFirst(key[:8]), lifecycle.ID(key[8:]), nil
			}
		}
	}
	if known, err := lifecycle.ParseRef(ref); err == nil { // as connectors and the queue of calls know it
		return known.Partition, known.Decided, known.ID, nil
	}
	return 0, at, id, lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", ref)
}

func (d *Delivery) oneMessage(tx store.Reader, q OneMessage) (FullMessage, error) {
	partition, at, id, err := parseRef(q.Ref)
	if err != nil {
		return FullMessage{}, err
	}
	m, err := loadMessage(tx, at, id)
	if err == nil && m == nil {
		err = lifecycle.Errorf(lifecycle.NotFound, "there is no message %q", q.Ref)
	}
	if err != nil {
		return FullMessage{}, err
	}
	full := FullMessage{Listed: listed(tx, refTo(partition, messageKey(at, id)), m.Message, at, id)}
	a, err := lastAttempt(tx, m)
	if a != nil {
		whole := Whole(a.Rendered)
		full.Rendered = &whole
	}
	return full, err
}
