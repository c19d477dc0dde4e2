package engine

import (
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Bounds of one customer.
const (
	maxTraitBytes = 192 << 10 // names and values; what else a record holds is bounded by its own rules
	maxIdentities = 64
)

// TimelineEntry is one thing in a customer's life: an event or a timer, with what it caused.
type TimelineEntry struct {
	At    time.Time        `msgpack:"a"`
	Event *lifecycle.Event `msgpack:"e,omitempty"` // nil: a timer
	Facts []lifecycle.Fact `msgpack:"f,omitempty"`
	From  lifecycle.ID     `msgpack:"m,omitempty"` // the merged customer to whom it happened; zero: to this one
}

// late reports whether the entry was only written down when it came, as history older than the customer's clock.
func (t *TimelineEntry) late() bool { return len(t.Facts) > 0 && t.Facts[0].Kind == lifecycle.FactLate }

// session is one customer during one input. Nothing of it is written before save.
type session struct {
	engine   *Engine
	tx       store.Tx
	customer *lifecycle.Customer
	known    bool // the customer was there before this input
	journeys []*journey
	now      time.Time        // what scripts see as now: a timer's due time, however late it fires
	at       time.Time        // the time of the input
	history  bool             // what is decided now belongs to the past
	cause    lifecycle.ID     // what names this input, or the timer that is firing
	event    *lifecycle.Event // what is being handled; nil for a timer
	decision lifecycle.Decision
	moves    int   // moves in this input or timer
	step     *step // the journey's step under way
	failed   error // a reason to refuse the whole input
	written  int   // about how many bytes this input writes so far
	accepted bool  // the input was accepted elsewhere: it must take effect
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
		s.known = true
	}
	s.now = s.customer.Clock
	s.decision.Customer = id
	s.syncVersions()
	return s, nil
}

// note adds a fact at the session's time.
func (s *session) note(fact lifecycle.Fact) {
	fact.At = s.now
	s.decision.Facts = append(s.decision.Facts, fact)
}

// nextSeq numbers timers, visits and timeline entries of a customer.
func (s *session) nextSeq() uint64 {
	s.customer.Seq++
	return s.customer.Seq
}

func (s *session) timeline(entry TimelineEntry) {
	data := store.Encode(&entry)
	s.written += len(data) + costOfKey
	s.tx.Set(timelineKey(s.customer.ID, s.nextSeq()), data)
}

// save writes the customer, keeps the due index in step with the timers, and hands on what was decided.
func (s *session) save() error {
	if s.failed != nil {
		return s.failed
	}
	c := s.customer
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
	data := store.Encode(c)
	s.written += len(data) + costOfKey
	s.tx.Set(customerKey(c.ID), data)
	s.engine.recorder.Fold(s.tx, &s.decision)
	return nil
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
	if user := s.customer.UserID(); user != "" {
		return user
	}
	return s.customer.AnonymousID()
}

// active returns a journey that is not off, or nil.
func (s *session) active(name string) *journey {
	for _, j := range s.journeys {
		if j.name == name {
			return j
		}
	}
	return nil
}

// step is what one journey does within an input. It is kept whole or not at all.
type step struct {
	journey  *journey
	messages []*lifecycle.Message
	runs     map[lifecycle.ID]*run // to write; nil to delete
}

// inStep lets one journey act. If its script fails, everything it did in this step is undone, the step is set aside as
// a dead letter that can be replayed, and the other journeys go on. It reports whether the step was kept.
func (s *session) inStep(j *journey, letter DeadLetter, act func() error) bool {
	c := s.customer
	facts, moves := len(s.decision.Facts), s.moves
	var saved *lifecycle.Visit
	stage := ""
	if visit := c.Visit(j.name); visit != nil {
		clone := visit.Clone()
		saved, stage = &clone, visit.Stage
	}
	s.step = &step{journey: j, runs: map[lifecycle.ID]*run{}}
	err := act()
	done := s.step
	s.step = nil
	if err != nil {
		s.decision.Facts, s.moves = s.decision.Facts[:facts], moves
		for i := range c.Visits {
			if c.Visits[i].Journey == j.name {
				if saved != nil {
					c.Visits[i] = *saved
				} else {
					c.Visits = append(c.Visits[:i], c.Visits[i+1:]...)
				}
				break
			}
		}
		s.setAside(j, stage, letter, err)
		return false
	}
	for _, message := range done.messages {
		s.engine.outbox.Put(s.tx, message, c, s.at)
	}
	for id, run := range done.runs {
		if run == nil {
			s.tx.Delete(runKey(c.ID, id))
		} else {
			data := store.Encode(run)
			s.written += len(data) + costOfKey
			s.tx.Set(runKey(c.ID, id), data)
		}
	}
	return true
}
