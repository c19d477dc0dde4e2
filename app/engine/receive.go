package engine

import (
	"encoding/binary"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Receive is the input "this event came in". It goes to the partition of the event's own identity.
type Receive struct {
	Event   lifecycle.Event
	At      time.Time          // receipt time; of history, the time at which it happened
	Mark    lifecycle.ID       // recognises a repeat
	Source  string             // the import it came with, or empty
	History bool               // the past: decide, but send nothing
	Target  lifecycle.ID       // set when the event was passed on: the customer it belongs to
	Owner   lifecycle.ID       // the user whom an event by an unknown name is about, as far as is known
	By      lifecycle.Identity // of theirs, which says so; of no kind: another of their names
	First   lifecycle.ID       // the mark it came with, if it had to wait its turn and has another one now
	Place   int                // among the events that it came in with
	Hops    int                // how many partitions have passed it on
	Inner   bool               // made by ourselves, for a customer who must be there; it is never late, and names nobody

	Word     *lifecycle.Consent     // what the event says about consent
	Words    []lifecycle.Consent    // and further words, of boxes that were ticked
	Suppress *lifecycle.Suppression // the address to which nothing may go after the event
	Alive    string                 // the address that Word came from: if it bounced before, that is over
	Row      *Row                   // it is no event but what a list from elsewhere says of the customer
}

// Receipt answers a Receive.
type Receipt struct {
	Customer  lifecycle.ID
	Duplicate bool // seen before; nothing changed
	Late      bool // history older than the customer's clock: stored and counted, no handler ran
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
	if !in.History {
		e.cameIn(tx, in.At)
	}
	id := in.Target
	if id.IsZero() {
		id = in.Event.Identity().Hash()
	}
	id, record, here := e.find(tx, id)
	if !here {
		in.Target = id
		in.Hops++
		e.instruct(tx, in.At, in.turn(), 0, instruction{Receive: &in})
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

// mark is what a repeat is recognised by here. People may have been merged to and fro: what is passed on may come through
// a partition twice on its way, each time to somebody else, and that is no repeat.
func (in *Receive) mark() lifecycle.ID {
	if in.Hops == 0 {
		return in.Mark
	}
	return lifecycle.HashID("passed on", in.Mark.Part(), in.Target.Part())
}

// turn names the instruction by which an event is passed on: those that came in together go on in their order.
func (in *Receive) turn() lifecycle.ID {
	turn := in.Mark
	binary.BigEndian.PutUint32(turn[:4], uint32(in.Place))
	return turn
}

func (e *Engine) seen(tx store.Reader, in *Receive) bool {
	if in.Source != "" {
		return tx.Has(lineKey(sourceID(in.Source), in.mark()))
	}
	return e.marked(tx, in.At, in.mark()) != nil
}

func (e *Engine) see(tx store.Tx, in *Receive) {
	if in.Source != "" {
		tx.Set(lineKey(sourceID(in.Source), in.mark()), []byte{})
		return
	}
	e.setMark(tx, in.At, in.mark(), markedAt(in.At))
}

// receive handles the event for the customer of the session. closed is the end of the event's import, if that has come.
func (s *session) receive(in Receive, closed time.Time) (Receipt, error) {
	if in.Row != nil {
		return s.takeRow(in)
	}
	receipt := Receipt{Customer: s.customer.ID}
	event, c := in.Event, s.customer
	at := c.Lapsed(in.At)
	s.at, s.accepted, s.source, s.inner = in.At, !in.Target.IsZero(), in.Source, in.Inner
	if in.History && !in.Inner {
		if !s.known {
			c.Clock = at
		}
		receipt.Late = at.Before(c.Clock)
		if !receipt.Late && closed.IsZero() {
			s.hold(in.Source)
		}
	}
	complete := true
	if !in.History {
		var err error
		if complete, err = s.endClosing(); err != nil {
			return receipt, err
		}
	}
	at = later(at, c.Clock)
	// Whatever is due before this event happens before it: as history while an import holds the customer's timers.
	s.history = c.Import != ""
	if !complete || !receipt.Late && !s.catchUp(at) {
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
	if c.Clock = at; !receipt.Late {
		s.seen = c.Real(at)
	}
	if !s.known {
		c.Created = at
		s.note(lifecycle.Fact{Kind: lifecycle.FactCustomer})
	}
	if in.Inner {
		event.UserID, event.AnonymousID = c.UserID(), c.AnonymousID()
	} else {
		s.identify(&event, receipt.Late)
	}
	s.takeWord(in, receipt.Late)
	first, written := len(s.decision.Facts), in.At
	if receipt.Late {
		s.note(lifecycle.Fact{Kind: lifecycle.FactLate, Name: event.Name})
		s.takeRevenue(s.event)
		s.countAnswer()
	} else {
		written = c.Real(at) // so that the timeline stands in order
		s.note(lifecycle.Fact{Kind: lifecycle.FactEvent, Name: event.Name})
		s.takeRevenue(s.event)
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
