package engine

import (
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// step is what one journey does within an input. It is kept whole or not at all.
type step struct {
	messages []sending
	tracked  []trackedEvent
	watching []*run                // runs that wait for a message of this step
	runs     map[lifecycle.ID]*run // to write; nil to delete
}

// sending is a message with the run that sends it.
type sending struct {
	*lifecycle.Message
	run lifecycle.ID
}

// spoken is a stage in which something was sent, and when; without a stage it is the journey.
type spoken struct {
	journey, stage string
	at             time.Time
}

// left notes that the customer leaves a stage, under its former names too, or the journey if stage is empty. What another step of
// this input has sent there, at this very time, is wanted nevertheless: they leave a moment before it.
func (s *session) left(j *journey, stage string) {
	at := s.now
	if slices.Contains(s.spoke, spoken{j.name, stage, s.now}) {
		at = at.Add(-1)
	}
	s.customer.SetLeft(j.name, stage, at)
	for former, present := range j.plan().Renamed {
		if present == stage {
			s.customer.SetLeft(j.name, former, at)
		}
	}
}

// setRun writes a run at the end of the step, or deletes it if it is nil.
func (s *session) setRun(id lifecycle.ID, r *run) {
	switch {
	case s.step == nil && r == nil:
		s.tx.Delete(runKey(s.customer.ID, id))
		return
	case s.step.runs == nil:
		s.step.runs = map[lifecycle.ID]*run{}
	}
	s.step.runs[id] = r
}

// inStep lets one journey act. If its script fails, everything it did in this step is undone, the step is set aside as
// a dead letter that can be replayed, and the other journeys go on. It reports whether the step was kept.
func (s *session) inStep(j *journey, letter DeadLetter, act func() error) bool {
	c := s.customer
	facts, moves, first, kept := len(s.decision.Facts), s.moves, s.first, c.Keep()
	var saved *lifecycle.Visit
	stage := ""
	if visit := c.Visit(j.name); visit != nil {
		clone := visit.Clone()
		saved, stage = &clone, visit.Stage
	}
	s.step = &step{}
	err := act()
	done := s.step
	s.step = nil
	if err != nil {
		s.decision.Facts, s.moves, s.first = s.decision.Facts[:facts], moves, first
		c.Restore(kept)
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
	c.Release()
	visit := c.Visit(j.name)
	for _, m := range done.messages {
		m.Leaving = visit == nil || visit.Stage != m.Stage
		if m.Kind != lifecycle.Transactional { // which goes to whoever has left, too
			s.spoke = append(s.spoke, spoken{j.name, m.Stage, s.now}, spoken{journey: j.name, at: s.now})
		}
		due := m.Due
		s.engine.outbox.Put(s.tx, m.Message, c, s.at)
		if m.State == lifecycle.Queued && m.Due.After(due) && !m.Test {
			s.delay(j, done.runs[m.run], m.Due)
		}
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
	s.takeTracked(done.tracked)
	for _, r := range done.watching {
		s.watch(r, done.messages)
	}
	return true
}

// delay lets a run that waits for a time to pass count it from when its message may leave, so that two messages never
// leave together in the morning.
func (s *session) delay(j *journey, r *run, from time.Time) {
	if r == nil || len(r.Journal) == 0 || r.Journal[len(r.Journal)-1].Op != "wait" {
		return
	}
	visit := s.customer.Visit(j.name)
	for i := range visit.Timers {
		if timer := &visit.Timers[i]; timer.Run == r.ID {
			timer.Due = later(timer.Due, from.Add(r.wait))
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
