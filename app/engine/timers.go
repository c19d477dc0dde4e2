package engine

import (
	"context"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What one input lets fire at most; the rest follows in further inputs, so that nobody who has slept for long holds up
// the others of the partition.
const (
	maxFirings = 500
	maxWritten = 1 << 20
)

// A script that wakes itself this often, with less than this between, would never be done.
const (
	restlessFirings = 100
	restlessPause   = 10 * time.Millisecond
)

// fire is the input "the timers of this customer up to a moment are due".
type fire struct {
	Customer lifecycle.ID
	At       time.Time
}

func (e *Engine) fire(tx store.Tx, in fire) error {
	if tx.Get(customerKey(in.Customer)) == nil {
		return nil // merged away meanwhile
	}
	s, err := e.open(tx, in.Customer)
	if err != nil {
		return err
	}
	if s.customer.Import != "" {
		return nil // an import has taken hold of the customer meanwhile: what is due belongs to its history
	}
	s.at = in.At
	s.catchUp(s.customer.Lapsed(in.At)) // what does not fit is still due, and fired by another input
	return s.save()
}

// catchUp fires everything due up to a moment of the customer's time, in order of due time, then of creation. A timer's script sees its due
// time as now, however late it fires. It reports false if there is more than one input may do.
func (s *session) catchUp(until time.Time) bool {
	var began time.Time
	before, spun := s.customer.Seq, 0
	for fired := 0; ; fired++ {
		if fired > 0 {
			s.before = len(s.decision.Facts)
		}
		j, timer := s.earliest(until)
		scores, segments := s.scoresFirst(j, timer, until), s.segmentsFirst(j, timer, until)
		if j == nil && !scores && !segments {
			return true
		}
		if fired == 0 {
			began = timer.Due
		}
		if fired >= maxFirings || s.written >= maxWritten {
			return false
		}
		if scores {
			s.fireScores()
			continue
		}
		if segments {
			s.fireSegments()
			continue
		}
		if timer.Seq > before { // set by what has fired here
			spun++
		}
		tooMany := spun >= restlessFirings && timer.Due.Sub(began) < time.Duration(spun)*restlessPause
		visit := s.customer.Visit(j.name)
		s.now, s.event, s.moves, s.depth, s.first = timer.Due, nil, 0, 0, moveRequest{}
		if s.now.After(s.customer.Clock) {
			s.customer.Clock = s.now
		}
		s.cause = lifecycle.HashID("timer", s.customer.ID.Part(), strconv.FormatUint(timer.Seq, 10))
		first := len(s.decision.Facts)
		if timer.Run.IsZero() {
			s.fireSilence(j, visit, timer, tooMany)
		} else {
			s.fireRun(j, visit, timer, tooMany)
		}
		if facts := s.decision.Facts[first:]; len(facts) > 0 {
			s.timeline(TimelineEntry{At: s.customer.Real(s.now), Facts: facts})
		}
		s.handleTracked()
	}
}

// earliest returns the next timer due by a moment, among the journeys that run.
func (s *session) earliest(until time.Time) (*journey, lifecycle.Timer) {
	var owner *journey
	var next lifecycle.Timer
	for v := range s.customer.Visits {
		visit := &s.customer.Visits[v]
		j := s.active(visit.Journey)
		if j == nil {
			continue
		}
		for _, timer := range visit.Timers {
			if timer.Fired || timer.Due.After(until) {
				continue
			}
			if owner == nil || timer.Due.Before(next.Due) || timer.Due.Equal(next.Due) && timer.Seq < next.Seq {
				owner, next = j, timer
			}
		}
	}
	return owner, next
}

// earliestDue returns when the customer's next timer is due, in real time; zero for never.
func (s *session) earliestDue() time.Time {
	owner, timer := s.earliest(farFuture())
	if s.scoresFirst(owner, timer, farFuture()) {
		timer.Due = s.customer.Scores.Due
	} else if s.segmentsFirst(owner, timer, farFuture()) {
		timer.Due = s.customer.SegmentsDue
	} else if owner == nil {
		return time.Time{}
	}
	due := s.customer.Real(timer.Due)
	if s.customer.Test() && s.customer.Lapsed(due).Before(timer.Due) {
		return time.Time{} // a test person's time ends before
	}
	return due
}

// fireRun wakes a run whose time has come.
func (s *session) fireRun(j *journey, visit *lifecycle.Visit, timer lifecycle.Timer, tooMany bool) {
	r, err := s.loadRun(timer.Run)
	switch {
	case err == nil && r == nil:
		removeTimer(visit, timer.Run)
		s.endRun(visit, timer.Run, "it is lost")
		return
	case err == nil && tooMany:
		err = errRestless()
	}
	s.wake(j, timer.Run, r, nil, err)
}

// fireSilence runs the handlers of a silence that has lasted long enough.
func (s *session) fireSilence(j *journey, visit *lifecycle.Visit, timer lifecycle.Timer, tooMany bool) {
	restSilence(visit, timer.Seq)
	s.inStep(j, DeadLetter{Kind: letterSilence, Silence: &timer}, func() error {
		if tooMany {
			return errRestless()
		}
		return s.silence(j, visit, timer)
	})
}

func errRestless() error {
	return lifecycle.Errorf(lifecycle.ScriptFailed, "the script keeps waking itself: %d timers in a row fired for one customer with less than %v between. "+
		"Wait longer, or move less", restlessFirings, restlessPause)
}

// restSilence lets a silence rest until its event comes again.
func restSilence(visit *lifecycle.Visit, seq uint64) {
	for i := range visit.Timers {
		if visit.Timers[i].Seq == seq {
			visit.Timers[i].Fired = true
		}
	}
}

func (s *session) silence(j *journey, visit *lifecycle.Visit, timer lifecycle.Timer) error {
	var first moveRequest
	for _, handler := range j.handlers(j.plan().Stage(visit.Stage)) {
		if !isSilence(j, handler, visit.Stage, timer) {
			continue
		}
		request, err := s.start(j, visit, handler)
		if err != nil {
			return err
		}
		s.consider(j, visit, &first, request)
	}
	return s.move(j, visit, first)
}

// level names who registered a handler: "" for journey.lua, else the stage.
func level(j *journey, handler lifecycle.Handler, stage string) string {
	if handler.File == j.file {
		return ""
	}
	return stage
}

func isSilence(j *journey, handler lifecycle.Handler, stage string, timer lifecycle.Timer) bool {
	return handler.Kind == lifecycle.OnIdle && handler.Event == timer.Event && handler.After == timer.After &&
		level(j, handler, stage) == timer.Stage
}

// armSilences starts the silences of a stage that was just entered. They count from now.
func (s *session) armSilences(j *journey, visit *lifecycle.Visit, stage *lifecycle.Stage) {
	kept := visit.Timers[:0]
	for _, timer := range visit.Timers {
		if !timer.Run.IsZero() {
			kept = append(kept, timer)
		}
	}
	visit.Timers = kept
	for _, handler := range j.handlers(stage) {
		if handler.Kind == lifecycle.OnIdle {
			s.armSilence(j, visit, handler, s.now)
		}
	}
}

func (s *session) armSilence(j *journey, visit *lifecycle.Visit, handler lifecycle.Handler, since time.Time) {
	for _, timer := range visit.Timers {
		if timer.Run.IsZero() && isSilence(j, handler, visit.Stage, timer) {
			return // two handlers of one silence share its timer
		}
	}
	visit.Timers = append(visit.Timers, lifecycle.Timer{Due: since.Add(handler.After), Seq: s.nextSeq(),
		Event: handler.Event, After: handler.After, Stage: level(j, handler, visit.Stage)})
}

// resetSilences lets the silences that an event breaks count anew from it.
func (s *session) resetSilences(j *journey, event string) {
	visit := s.customer.Visit(j.name)
	for i := range visit.Timers {
		if timer := &visit.Timers[i]; timer.Run.IsZero() && timer.Event == event {
			timer.Due, timer.Seq, timer.Fired = s.now.Add(timer.After), s.nextSeq(), false
		}
	}
}

// syncVersions brings the silences of a visit in line with the newest script: those that are still registered stay as
// they are, new ones count from the later of the visit's start and the last such event.
func (s *session) syncVersions() {
	for v := range s.customer.Visits {
		visit := &s.customer.Visits[v]
		j := s.active(visit.Journey)
		if j == nil || visit.Stage == "" || visit.Version == j.plan().Version {
			continue
		}
		placed := visit.Version == "" // while the journey did not run: nobody has waited for its silences
		visit.Version = j.plan().Version
		handlers := j.handlers(j.plan().Stage(visit.Stage))
		kept := visit.Timers[:0]
		for _, timer := range visit.Timers {
			keep := !timer.Run.IsZero()
			for _, handler := range handlers {
				keep = keep || isSilence(j, handler, visit.Stage, timer)
			}
			if keep {
				kept = append(kept, timer)
			}
		}
		visit.Timers = kept
		for _, handler := range handlers {
			if handler.Kind == lifecycle.OnIdle {
				since := s.lastSuch(handler.Event, visit.Entered)
				if placed {
					since = s.notOverdue(handler, since)
				}
				s.armSilence(j, visit, handler, since)
			}
		}
	}
}

// lastSuch returns when the event was last handled, or the given moment if that is later. It looks back over the
// newest thousand entries of the timeline; those that came late, or with a merged customer, do not stand in order.
func (s *session) lastSuch(event string, since time.Time) time.Time {
	if !s.known {
		return since.UTC() // there is no timeline yet
	}
	prefix, left := timelinePrefix(s.customer.ID), 1000
	s.tx.Scan(prefix, store.PrefixEnd(prefix), func(_, value []byte) bool {
		var entry TimelineEntry
		if store.Decode(value, &entry) != nil {
			return false
		}
		at := s.customer.Lapsed(entry.At)
		if left--; at.Before(since) {
			return left > 0 && (entry.late() || !entry.From.IsZero())
		}
		if entry.Event != nil && entry.Event.Name == event && !entry.late() {
			since = at
			return left > 0 && !entry.From.IsZero()
		}
		return left > 0
	})
	return since.UTC()
}

// dueTimers asks which customers have a timer due by a moment.
type dueTimers struct {
	Until time.Time
	Limit int
}

type dueAnswer struct {
	Customers []lifecycle.ID
	Next      time.Time // the due time of the first one behind those; zero: none
}

func (e *Engine) dueTimers(tx store.Reader, q dueTimers) dueAnswer {
	var answer dueAnswer
	prefix := []byte{'t'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		due := store.KeyTime(key[1:9])
		if due.After(q.Until) || len(answer.Customers) >= q.Limit {
			answer.Next = due
			return false
		}
		answer.Customers = append(answer.Customers, lifecycle.ID(key[9:25]))
		return true
	})
	return answer
}

// dueAtOnce is how many customers are given the chance at a time to fire what is due.
const dueAtOnce = 256

// fireDue fires what is due in a partition, a few hundred customers at a time.
func (e *Engine) fireDue(ctx context.Context, p int, now time.Time) (bool, error) {
	answer, err := e.store.Ask(ctx, p, dueTimers{now, dueAtOnce})
	if err != nil {
		return false, err
	}
	due := answer.(dueAnswer)
	items := make([]store.Item, len(due.Customers))
	for i, id := range due.Customers {
		items[i] = store.Item{Partition: p, Input: fire{id, now}}
	}
	tried := len(items) < dueAtOnce
	for _, result := range e.store.DoAll(ctx, items) {
		if result.Err != nil {
			err = result.Err
			tried = tried && lifecycle.CodeOf(err) == lifecycle.Internal // of the store nothing is known
		}
	}
	if tried {
		e.parts[p].tried.Store(now.UnixNano())
	}
	return len(items) > 0, err
}

func (e *Engine) nextDue(ctx context.Context, p int) (time.Time, error) {
	answer, err := e.store.Ask(ctx, p, dueTimers{farFuture(), 0})
	if err != nil {
		return time.Time{}, err
	}
	return answer.(dueAnswer).Next, nil
}

// farFuture is later than every timer.
func farFuture() time.Time { return time.Unix(1<<33, 0) }
