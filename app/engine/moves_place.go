package engine

import (
	"sort"
	"time"

	"stagecraft/app/lifecycle"
)

// Placement says in which stage of a journey a customer is already. It is recorded and counted, but it is no move: nothing
// is asked of the journey's moves, no handler runs and no message leaves because of it. What waits for the customer in the
// stage where they were until now ends; the silences of the new one count from when they entered, and those that would have
// lasted long enough by now count from now.
type Placement struct {
	Journey string    `msgpack:"j"`
	Stage   string    `msgpack:"s"`
	Entered time.Time `msgpack:"e,omitempty"` // when they came there; zero, or later than the present: now
	Keep    bool      `msgpack:"k,omitempty"` // who is in the journey already stays where they are
	By      string    `msgpack:"b,omitempty"` // who says so
	Why     string    `msgpack:"w,omitempty"`
}

// place puts the customer where a placement says, at the session's time, and says why if it does not. A journey that is off
// or braked is no hindrance: its silences are set when it runs.
func (s *session) place(p Placement) (refused string) {
	c, stage := s.customer, p.Stage
	j := s.active(p.Journey)
	switch {
	case lifecycle.IsBroadcast(p.Journey) || j == nil && s.engine.Mode(s.tx, p.Journey) == "" && s.tx.Partition() == 0:
		return "there is no such journey"
	case j != nil:
		stage = j.plan().Present(stage)
		if j.plan().Stage(stage) == nil {
			return "the journey has no such stage"
		}
	}
	visit := c.Visit(p.Journey)
	from := ""
	if visit != nil {
		from = visit.Stage
	}
	entered := c.Lapsed(p.Entered)
	dated := !p.Entered.IsZero() && entered.Before(s.now)
	switch {
	case from == stage && stage != "" && dated && !p.Keep && !entered.Equal(visit.Entered):
		return "the customer is in stage " + from + " already, since " + c.Real(visit.Entered).UTC().Format(time.RFC3339) + ", and that stays"
	case from == stage:
		return ""
	case from != "" && p.Keep:
		return "the customer is in the journey already, in stage " + from
	case visit == nil:
		visit = s.newVisit(p.Journey)
	}
	s.endRuns(visit, false, leftStage)
	visit.Stage, visit.Entered, visit.Number, visit.Converted, visit.Touched = stage, s.now, s.nextSeq(), false, false
	fact := lifecycle.Fact{Kind: lifecycle.FactPlaced, Journey: p.Journey, From: from, To: stage, Name: p.By, Reason: p.Why}
	if dated {
		visit.Entered, fact.Entered = entered, c.Real(entered)
	}
	s.settleIn(j, visit)
	s.note(fact)
	return ""
}

// newVisit adds an empty visit of a journey.
func (s *session) newVisit(journey string) *lifecycle.Visit {
	c := s.customer
	at := sort.Search(len(c.Visits), func(i int) bool { return c.Visits[i].Journey >= journey })
	c.Visits = append(c.Visits, lifecycle.Visit{})
	copy(c.Visits[at+1:], c.Visits[at:])
	c.Visits[at] = lifecycle.Visit{Journey: journey}
	return &c.Visits[at]
}

// settleIn sets the silences of a stage in which the customer was put. A nil journey does not run: it has none for now.
func (s *session) settleIn(j *journey, visit *lifecycle.Visit) {
	timers := visit.Timers[:0]
	for _, timer := range visit.Timers {
		if !timer.Run.IsZero() {
			timers = append(timers, timer)
		}
	}
	visit.Timers, visit.Version = timers, ""
	if j == nil {
		return
	}
	visit.Version = j.plan().Version
	for _, handler := range j.handlers(j.plan().Stage(visit.Stage)) {
		if handler.Kind == lifecycle.OnIdle {
			s.armSilence(j, visit, handler, s.notOverdue(handler, s.lastSuch(handler.Event, visit.Entered)))
		}
	}
}

// notOverdue returns from when a silence counts that nobody has waited for: from a moment, or from now if it would be over.
func (s *session) notOverdue(handler lifecycle.Handler, since time.Time) time.Time {
	if since.Add(handler.After).After(s.now) {
		return since
	}
	return s.now
}
