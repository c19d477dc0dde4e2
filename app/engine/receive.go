package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Marks by which a message ID is recognised live at least markLife, by receipt time.
const markLife = 30 * 24 * time.Hour

// Receive is the input "this event came in". It goes to the partition of the event's own identity.
type Receive struct {
	Event   lifecycle.Event
	At      time.Time    // receipt time; of history, the time at which it happened
	Mark    lifecycle.ID // recognises a repeat
	Source  string       // the import it came with, or empty
	History bool         // the past: decide, but send nothing
	Target  lifecycle.ID // set when the event was passed on: the customer it belongs to
}

// Receipt answers a Receive.
type Receipt struct {
	Customer  lifecycle.ID
	Duplicate bool // seen before; nothing changed
	Late      bool // history older than the customer's clock: stored and counted, no handler ran
}

// Receive takes live events: it stamps them, gives each to its partition, and returns when all that they caused is on
// disk. Every event must have been validated. If more than the limit would be in flight, none is taken and the error
// is Busy.
func (e *Engine) Receive(ctx context.Context, events []lifecycle.Event) ([]store.Result, error) {
	now := e.clock.Now()
	inputs := make([]Receive, len(events))
	for i := range events {
		event := events[i]
		if event.MessageID == "" {
			event.MessageID = uuid.NewString()
		}
		event.Received = now
		if event.Timestamp.IsZero() {
			event.Timestamp = now
		}
		identity := event.Identity()
		inputs[i] = Receive{Event: event, At: now,
			Mark: lifecycle.HashID("message", string(identity.Kind), identity.Value, event.MessageID)}
	}
	return e.take(ctx, inputs)
}

func (e *Engine) take(ctx context.Context, inputs []Receive) ([]store.Result, error) {
	n := int64(len(inputs))
	if e.pending.Add(n) > e.limit {
		e.pending.Add(-n)
		return nil, lifecycle.Errorf(lifecycle.Busy, "%d events are being worked on; send this again in a moment", e.limit)
	}
	defer e.pending.Add(-n)
	items := make([]store.Item, len(inputs))
	for i, in := range inputs {
		items[i] = store.Item{Partition: in.Event.Identity().Hash().Partition(), Input: in}
	}
	return e.store.DoAll(ctx, items), nil
}

func (e *Engine) receive(tx store.Tx, in Receive) (Receipt, error) {
	if e.seen(tx, in) {
		return Receipt{Duplicate: true}, nil
	}
	var closed time.Time
	if in.History && in.Source != "" {
		record, err := e.importRecord(tx, in.Source)
		if err != nil {
			return Receipt{}, err
		}
		if closed = record.At; record.State == ImportOpen {
			closed = time.Time{}
		} else if in.Target.IsZero() { // one that was passed on was taken while the import was open
			return Receipt{}, lifecycle.Errorf(lifecycle.Conflict, "the import %q is not open", in.Source)
		}
	}
	e.see(tx, in)
	id := in.Target
	if id.IsZero() {
		id = in.Event.Identity().Hash()
	}
	id, record, here := e.find(tx, id)
	if !here {
		in.Target = id
		e.instruct(tx, in.At, in.Mark, 0, instruction{Receive: &in})
		return Receipt{Customer: id}, nil
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return Receipt{}, err
	}
	return s.receive(in, closed)
}

// find returns whose record an identity leads to. One who has a record is no redirect, which is the common case.
func (e *Engine) find(tx store.Reader, id lifecycle.ID) (customer lifecycle.ID, record []byte, here bool) {
	if id.Partition() == tx.Partition() {
		if record = tx.Get(customerKey(id)); record != nil {
			return id, record, true
		}
	}
	if customer, here = e.follow(tx, id); here {
		record = tx.Get(customerKey(customer))
	}
	return customer, record, here
}

// follow resolves a link. A link may lead to a customer of another partition, who may have been linked on in turn.
func (e *Engine) follow(tx store.Reader, id lifecycle.ID) (target lifecycle.ID, here bool) {
	for range 64 {
		key := identityKey(id)
		if !tx.Has(key) {
			break
		}
		data := tx.Get(key)
		if len(data) != len(id) {
			break
		}
		id = lifecycle.ID(data)
		if id.Partition() != tx.Partition() {
			return id, false
		}
	}
	return id, id.Partition() == tx.Partition()
}

func epoch(at time.Time) uint32 { return uint32(at.Unix() / int64(markLife/time.Second)) }

func (e *Engine) seen(tx store.Reader, in Receive) bool {
	if in.Source != "" {
		return tx.Has(lineKey(sourceID(in.Source), in.Mark))
	}
	now := epoch(in.At)
	for _, at := range []uint32{now, now - 1} {
		if at != now && e.emptyEpoch(tx, at) {
			break
		}
		if key := markKey(at, in.Mark); tx.Has(key) {
			seen := time.Unix(0, int64(binary.BigEndian.Uint64(tx.Get(key))))
			return in.At.Sub(seen) <= markLife
		}
	}
	return false
}

// emptyEpoch reports whether an epoch that has passed holds no marks at all, as in the first month of a store. Only the
// partition's single writer calls it.
func (e *Engine) emptyEpoch(tx store.Reader, at uint32) bool {
	part := &e.parts[tx.Partition()]
	if part.epoch != at {
		part.epoch, part.epochEmpty = at, true
		tx.Scan(markKey(at, lifecycle.ID{}), markKey(at+1, lifecycle.ID{}), func(_, _ []byte) bool {
			part.epochEmpty = false
			return false
		})
	}
	return part.epochEmpty
}

func (e *Engine) see(tx store.Tx, in Receive) {
	if in.Source != "" {
		tx.Set(lineKey(sourceID(in.Source), in.Mark), []byte{})
		return
	}
	tx.Set(markKey(epoch(in.At), in.Mark), binary.BigEndian.AppendUint64(nil, uint64(in.At.UnixNano())))
}

// receive handles the event for the customer of the session. closed is the end of the event's import, if that has come.
func (s *session) receive(in Receive, closed time.Time) (Receipt, error) {
	receipt := Receipt{Customer: s.customer.ID}
	event := in.Event
	at := in.At
	s.at, s.accepted = at, !in.Target.IsZero()
	if in.History {
		if !s.known {
			s.customer.Clock = at
		}
		receipt.Late = at.Before(s.customer.Clock)
		if !receipt.Late && closed.IsZero() {
			s.hold(in.Source)
		}
	}
	if at.Before(s.customer.Clock) {
		at = s.customer.Clock
	}
	// Whatever is due before this event happens before it: as history while an import holds the customer's timers.
	s.history = s.customer.Import != ""
	if !receipt.Late && !s.catchUp(at) {
		// The customer has slept for so long that one input cannot hold it all: the event waits its turn.
		in.Target, in.Mark = s.customer.ID, lifecycle.HashID("again", in.Mark.Part())
		s.engine.instruct(s.tx, in.At, in.Mark, 0, instruction{Receive: &in})
		return receipt, s.save()
	}
	if !in.History {
		s.release()
	}
	// The time belongs to the name: a sender may use a message ID again when it is forgotten, and that is another event.
	s.cause = lifecycle.HashID("input", in.Mark.Part(), strconv.FormatInt(in.At.UnixNano(), 10))
	s.history, s.now, s.event = in.History, at, &event
	s.customer.Clock = at
	if !s.known {
		s.customer.Created = at
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	s.identify(&event, receipt.Late)
	first := len(s.decision.Facts)
	if receipt.Late {
		s.note(lifecycle.Fact{Kind: lifecycle.FactLate, Name: event.Name})
	} else {
		s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: event.Name})
		s.handle()
	}
	s.timeline(TimelineEntry{At: in.At, Event: &event, Facts: s.decision.Facts[first:]})
	if s.history && s.customer.Import == "" && closed.After(s.customer.Clock) {
		s.catchUp(closed) // as everyone's did who was there when the import closed
		s.customer.Clock = closed
	}
	return receipt, s.save()
}

// identify takes over what the event says about the customer: further identities and traits. What is late adds, but
// does not replace what is known since.
func (s *session) identify(event *lifecycle.Event, late bool) {
	for i, identity := range []lifecycle.Identity{{Kind: lifecycle.UserID, Value: event.UserID}, {Kind: lifecycle.AnonymousID, Value: event.AnonymousID}} {
		if identity.Value == "" || s.customer.Knows(identity) || len(s.customer.Identities) >= maxIdentities {
			continue
		}
		s.customer.Identities = append(s.customer.Identities, identity)
		if identity.Hash() != s.customer.ID && identity != event.Identity() {
			s.engine.instruct(s.tx, s.now, s.cause, byte(1+i), instruction{Link: &link{Identity: identity, Customer: s.customer.ID, At: s.now}})
		}
	}
	if len(event.Context) == 0 && len(event.Traits) == 0 {
		return
	}
	// Many senders repeat the same traits with every event: nothing is to be done for them.
	hash := fnv.New64a()
	hash.Write(event.Traits)
	hash.Write([]byte{0})
	hash.Write(event.Context)
	sum := hash.Sum64()
	if sum == s.customer.TraitsHash {
		return
	}
	s.customer.TraitsHash = sum
	if late {
		s.customer.TraitsHash = 0 // it may have left something out
	}
	for _, raw := range []json.RawMessage{contextTraits(event.Context), event.Traits} {
		if len(raw) == 0 {
			continue
		}
		var traits map[string]json.RawMessage
		if json.Unmarshal(raw, &traits) != nil {
			continue // validated where it came in
		}
		for _, name := range slices.Sorted(maps.Keys(traits)) {
			if _, known := s.customer.Traits[name]; !late || !known {
				s.setTrait(name, traits[name])
			}
		}
	}
}

// setTrait keeps a trait if there is room for it. Where there is none, an event at its first partition is refused; one
// that was accepted elsewhere, and a merge, go on without the trait and say so.
func (s *session) setTrait(name string, value json.RawMessage) {
	size := len(name) + len(value)
	for known, value := range s.customer.Traits {
		if known != name {
			size += len(known) + len(value)
		}
	}
	switch {
	case size <= maxTraitBytes || string(value) == "null":
		s.customer.SetTrait(name, value)
	case s.accepted:
		s.note(lifecycle.Fact{Kind: lifecycle.FactTrimmed, Name: name})
	case s.failed == nil:
		err := lifecycle.Errorf(lifecycle.TooLarge, "the customer would have %d bytes of traits; the limit is %d", size, maxTraitBytes)
		err.Field = "traits." + name
		s.failed = err
	}
}

// contextTraits returns context.traits, with which a track call may describe the customer in passing.
func contextTraits(context json.RawMessage) json.RawMessage {
	if len(context) == 0 {
		return nil
	}
	var object struct {
		Traits json.RawMessage `json:"traits"`
	}
	if json.Unmarshal(context, &object) != nil || len(object.Traits) == 0 || object.Traits[0] != '{' {
		return nil
	}
	return object.Traits
}
