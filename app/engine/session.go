package engine

import (
	"cmp"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of one customer.
const (
	maxTraitBytes = 192 << 10 // names and values; what else a record holds is bounded by its own rules
	maxIdentities = 64
	maxTags       = 100
)

// TimelineEntry is one thing in a customer's life: an event or a timer, with what it caused. Its times are real ones, also
// for a test person.
type TimelineEntry struct {
	At    time.Time        `msgpack:"a"`
	Event *lifecycle.Event `msgpack:"e,omitempty"` // nil: a timer
	Facts []lifecycle.Fact `msgpack:"f,omitempty"`
	From  lifecycle.ID     `msgpack:"m,omitempty"` // the merged customer to whom it happened; zero: to this one
	Mark  lifecycle.ID     `msgpack:"k,omitempty"` // what named the input, where neither the event nor the time tells it; else zero
}

// late reports whether the entry was only written down when it came, as history older than the customer's clock.
func (t *TimelineEntry) late() bool { return len(t.Facts) > 0 && t.Facts[0].Kind == lifecycle.FactLate }

// session is one customer during one input. Nothing of it is written before save.
type session struct {
	engine    *Engine
	tx        store.Tx
	customer  *lifecycle.Customer
	known     bool // the customer was there before this input
	journeys  []*journey
	seen      time.Time        // of the customer's last event, in real time; zero: there was none
	now       time.Time        // what scripts see as now: a timer's due time, however late it fires; lapsed time for a test person
	at        time.Time        // the time of the input; real time
	history   bool             // what is decided now belongs to the past
	source    string           // the import that the input came with
	cause     lifecycle.ID     // what names this input, or the timer that is firing
	event     *lifecycle.Event // what is being handled; nil for a timer
	depth     int              // how many tracked events led to what is being handled
	decision  lifecycle.Decision
	facts     [2]lifecycle.Fact // where most decisions have room
	followed  int               // how many facts of former stages stand before those of the input
	before    int               // how many facts are of timers that fired before what happens now, be it in inputs of their own or in this one
	moves     int               // moves in this input or timer
	first     moveRequest       // the move that one journey makes because of the event
	tracked   []trackedEvent    // what scripts made happen to this customer, still to be handled
	crossed   int               // how many events scripts made happen to others
	step      *step             // the journey's step under way
	failed    error             // a reason to refuse the whole input
	written   int               // about how many bytes this input writes so far
	spoke     []spoken          // where earlier steps of this input have sent something
	said      []Said            // words of consent of who was not there before
	assessing assessment        // what segments may look at and has changed
	accepted  bool              // the input was accepted elsewhere: it must take effect
	inner     bool              // the input was made by ourselves
}

// costOfKey is added for every key written, so that many small ones are bounded as well.
const costOfKey = 400

// open loads a customer, or begins one.
func (e *Engine) open(tx store.Tx, id lifecycle.ID) (*session, error) {
	return e.openRecord(tx, id, tx.Get(customerKey(id)))
}

func (e *Engine) openRecord(tx store.Tx, id lifecycle.ID, record []byte) (*session, error) {
	journeys, err := e.journeys(tx)
	if err != nil {
		return nil, err
	}
	s := &session{engine: e, tx: tx, journeys: journeys, customer: &lifecycle.Customer{ID: id}}
	if record != nil {
		if err := store.Decode(record, s.customer); err != nil {
			return nil, lifecycle.Wrap(lifecycle.Internal, err, "customer %s cannot be read", id)
		}
		s.known, s.seen = true, s.customer.Real(s.customer.LastSeen())
	} else {
		if e.leaving(tx, id) {
			return nil, lifecycle.Errorf(lifecycle.Busy, "who had this name before is being forgotten; try again in a moment")
		}
		e.greet(tx, s.customer)
	}
	s.now = s.customer.Clock
	s.decision.Customer, s.decision.Facts = id, s.facts[:0]
	s.assessing.identities, s.assessing.revenue = len(s.customer.Identities), s.customer.Revenue
	s.followStages()
	s.drain()
	s.syncVersions()
	s.syncScores()
	return s, nil
}

// note adds a fact at the session's time.
func (s *session) note(fact lifecycle.Fact) {
	fact.At = s.customer.Real(s.now)
	s.decision.Facts = append(s.decision.Facts, fact)
}

// nextSeq numbers timers, visits and timeline entries of a customer.
func (s *session) nextSeq() uint64 {
	s.customer.Seq++
	return s.customer.Seq
}

func (s *session) timeline(entry TimelineEntry) {
	s.assess(&entry)
	data := store.Encode(&entry)
	s.written += len(data) + costOfKey
	seq := s.nextSeq()
	s.tx.Set(timelineKey(s.customer.ID, seq), data)
	s.index(&entry, seq)
}

// save writes the customer, keeps the due index in step with the timers, and hands on what was decided.
func (s *session) save() error {
	if s.failed != nil {
		return s.failed
	}
	s.inquire()
	s.assessRest()
	c := s.customer
	s.forgetBroadcasts()
	due := time.Time{}
	if c.Import == "" {
		due = s.earliestDue()
	}
	if !due.Equal(c.Due) {
		if !c.Due.IsZero() {
			s.tx.Delete(timerKey(c.Due, c.ID))
		}
		if !due.IsZero() {
			s.tx.Set(timerKey(due, c.ID), []byte{})
			s.engine.hint(s.tx, due)
		}
		c.Due = due
	}
	if !s.seen.IsZero() {
		c.KeepSeen(c.Lapsed(s.seen))
	}
	data := store.Encode(c)
	s.written += len(data) + costOfKey
	s.tx.Set(customerKey(c.ID), data)
	if !s.known && !c.Applicant() {
		s.engine.parts[s.tx.Partition()].newcomers.note(arrival{c.ID, c.Created})
	}
	s.fold()
	return nil
}

// fold hands what was decided to the figures, which count no test person.
func (s *session) fold() {
	if !s.customer.Test() {
		s.engine.recorder.Fold(s.tx, &s.decision)
	}
}

// hold takes the customer's timers out of the due index while an import is open.
func (s *session) hold(source string) {
	if s.customer.Import == source {
		return
	}
	s.release()
	s.customer.Import = source
	s.tx.Set(heldKey(sourceID(source), s.customer.ID), []byte{})
}

func (s *session) release() {
	if s.customer.Import != "" {
		s.tx.Delete(heldKey(sourceID(s.customer.Import), s.customer.ID))
		s.customer.Import = ""
	}
}

// user returns the name by which people know the customer.
func (s *session) user() string {
	return cmp.Or(s.customer.UserID(), s.customer.AnonymousID())
}

// active returns a journey that runs, be it that of a broadcast, or nil.
func (s *session) active(name string) *journey {
	for _, j := range s.journeys {
		if j.name == name {
			return j
		}
	}
	return s.engine.parts[s.tx.Partition()].broadcasts[name]
}
