package engine

import (
	"context"
	"encoding/binary"
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
	Owner   lifecycle.ID // the user whom an event by an unknown name is about, as far as is known
	First   lifecycle.ID // the mark it came with, if it had to wait its turn and has another one now
	Hops    int          // how many partitions have passed it on
	Inner   bool         // made by ourselves, for a customer who must be there; it is never late, and names nobody

	Word     *lifecycle.Consent     // what the event says about consent
	Words    []lifecycle.Consent    // and further words, of boxes that were ticked
	Suppress *lifecycle.Suppression // the address to which nothing may go after the event
	Row      *Row                   // it is no event but what a list from elsewhere says of the customer
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
		inputs[i] = Receive{Event: event, At: now, Owner: e.recognise(ctx, &event),
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
	if e.seen(tx, &in) {
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
	e.see(tx, &in)
	id := in.Target
	if id.IsZero() {
		id = in.Event.Identity().Hash()
	}
	id, record, here := e.find(tx, id)
	if !here {
		in.Target = id
		in.Hops++
		e.instruct(tx, in.At, in.Mark, 0, instruction{Receive: &in})
		return Receipt{Customer: id}, nil
	}
	if record == nil {
		if erased, is := e.erased(tx, id); is && (in.Inner || !in.At.After(erased.at)) {
			return Receipt{Customer: id}, nil // what happened before somebody was erased is not taken again
		}
	}
	if in.Inner && record == nil {
		return e.missing(tx, in)
	}
	if record == nil && e.recognised(tx, in, id) {
		return Receipt{Customer: in.Owner}, nil
	}
	if record == nil && e.leaving(tx, id) {
		e.again(tx, in, id) // whoever has the name from now on must not find what is left of another one
		return Receipt{Customer: id}, nil
	}
	s, err := e.openRecord(tx, id, record)
	if err != nil {
		return Receipt{}, err
	}
	return s.receive(in, closed)
}

// again lets an event wait its turn: it comes once more, for the customer for whom it is.
func (e *Engine) again(tx store.Tx, in Receive, customer lifecycle.ID) {
	if in.First.IsZero() {
		in.First = in.Mark
	}
	in.Target, in.Mark = customer, lifecycle.HashID("again", in.Mark.Part())
	e.instruct(tx, in.At, in.Mark, 0, instruction{Receive: &in})
}

// missing answers an event of our own for a customer who is not there: what looks like the ID of a customer may be the
// user ID of one.
func (e *Engine) missing(tx store.Tx, in Receive) (Receipt, error) {
	id := in.Event.Identity().Hash()
	if in.Event.UserID == "" || id == in.Target {
		// It is logged, which must name nobody.
		return Receipt{}, lifecycle.Errorf(lifecycle.NotFound, "%q was to happen to somebody who is not there", in.Event.Name)
	}
	in.Target = id
	in.Hops++
	e.instruct(tx, in.At, in.Mark, 22, instruction{Receive: &in})
	return Receipt{Customer: id}, nil
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

// mark is what a repeat is recognised by here. People may have been merged to and fro: what is passed on may come through
// a partition twice on its way, each time to somebody else, and that is no repeat.
func (in *Receive) mark() lifecycle.ID {
	if in.Hops == 0 {
		return in.Mark
	}
	return lifecycle.HashID("passed on", in.Mark.Part(), in.Target.Part())
}

func (e *Engine) seen(tx store.Reader, in *Receive) bool {
	if in.Source != "" {
		return tx.Has(lineKey(sourceID(in.Source), in.mark()))
	}
	return e.marked(tx, in.At, in.mark()) != nil
}

// marked returns what was written under a mark within the last 30 days: the time first; nil if nothing was.
func (e *Engine) marked(tx store.Reader, now time.Time, mark lifecycle.ID) []byte {
	present := epoch(now)
	for _, at := range []uint32{present, present - 1} {
		if at != present && e.emptyEpoch(tx, at) {
			break
		}
		if key := markKey(at, mark); tx.Has(key) {
			value := tx.Get(key)
			if now.Sub(markTime(value)) <= markLife {
				return value
			}
			return nil
		}
	}
	return nil
}

func markedAt(at time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())) }

func markTime(value []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(value))) }

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

func (e *Engine) see(tx store.Tx, in *Receive) {
	if in.Source != "" {
		tx.Set(lineKey(sourceID(in.Source), in.mark()), []byte{})
		return
	}
	tx.Set(markKey(epoch(in.At), in.mark()), markedAt(in.At))
}

// receive handles the event for the customer of the session. closed is the end of the event's import, if that has come.
func (s *session) receive(in Receive, closed time.Time) (Receipt, error) {
	if in.Row != nil {
		return s.takeRow(in)
	}
	receipt := Receipt{Customer: s.customer.ID}
	event, c := in.Event, s.customer
	at := c.Lapsed(in.At)
	s.at, s.accepted, s.source = in.At, !in.Target.IsZero(), in.Source
	if in.History && !in.Inner {
		if !s.known {
			c.Clock = at
		}
		receipt.Late = at.Before(c.Clock)
		if !receipt.Late && closed.IsZero() {
			s.hold(in.Source)
		}
	}
	at = later(at, c.Clock)
	// Whatever is due before this event happens before it: as history while an import holds the customer's timers.
	s.history = c.Import != ""
	if !receipt.Late && !s.catchUp(at) {
		// The customer has slept for so long that one input cannot hold it all.
		s.engine.again(s.tx, in, c.ID)
		return receipt, s.save()
	}
	if !in.History {
		s.release()
	}
	// The time belongs to the name: a sender may use a message ID again when it is forgotten, and that is another event.
	name := in.Mark
	if !in.First.IsZero() {
		name = in.First
	}
	s.cause = lifecycle.HashID("input", name.Part(), strconv.FormatInt(in.At.UnixNano(), 10))
	s.history, s.now, s.event = in.History, at, s.inward(&event)
	c.Clock = at
	if !s.known {
		c.Created = at
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	if in.Inner {
		event.UserID, event.AnonymousID = c.UserID(), c.AnonymousID()
	} else {
		s.identify(&event, receipt.Late)
	}
	s.takeWord(in)
	s.takeRevenue(s.event)
	first, written := len(s.decision.Facts), in.At
	if receipt.Late {
		s.note(lifecycle.Fact{Kind: lifecycle.FactLate, Name: event.Name})
		s.countAnswer()
	} else {
		written = c.Real(at) // so that the timeline stands in order
		s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: event.Name})
		s.countAnswer()
		s.refer(&event)
		s.handle()
	}
	s.timeline(TimelineEntry{At: written, Event: &event, Facts: s.decision.Facts[first:], Mark: in.markToKeep()})
	s.handleTracked()
	if end := c.Lapsed(closed); s.history && c.Import == "" && end.After(c.Clock) {
		s.catchUp(end) // as everyone's did who was there when the import closed
		c.Clock = end
	}
	return receipt, s.save()
}
