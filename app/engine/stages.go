package engine

import (
	"time"

	"stagecraft/app/lifecycle"
)

// Why a publication puts customers into another stage.
const (
	BecauseRenamed = "the stage was renamed"
	BecauseRetired = "the stage was retired"
)

// followStages puts the customer where journey.lua says, if they are in a stage that it does not have any more. It is done
// at the first input after the publication, be it only resync's, and written down before anything else of it.
func (s *session) followStages() {
	for v := range s.customer.Visits {
		visit := &s.customer.Visits[v]
		j := s.active(visit.Journey)
		if j == nil || visit.Stage == "" || visit.Version == j.plan().Version || j.plan().Stage(visit.Stage) != nil {
			continue
		}
		heir, said := j.plan().Heir(visit.Stage)
		if !said {
			continue
		}
		c := s.customer
		if c.Import == "" { // else their time is that of the history
			s.now = later(s.now, c.Lapsed(j.since))
			c.Clock = s.now
		}
		from, first := visit.Stage, len(s.decision.Facts)
		reason := BecauseRetired
		if _, renamed := j.plan().Renamed[from]; renamed {
			reason = BecauseRenamed
			renameStage(visit, heir)
		} else {
			s.retireStage(j, visit, heir)
		}
		s.note(lifecycle.Fact{Kind: lifecycle.FactPlaced, Journey: j.name, From: from, To: heir, Reason: reason})
		s.timeline(TimelineEntry{At: c.Real(s.now), Facts: s.decision.Facts[first:]})
		s.followed = len(s.decision.Facts)
	}
}

// renameStage gives the customer's stage its new name: the visit goes on, and so do its silences and runs.
func renameStage(visit *lifecycle.Visit, to string) {
	for i := range visit.Timers {
		if timer := &visit.Timers[i]; timer.Stage == visit.Stage {
			timer.Stage = to
		}
	}
	visit.Stage = to
}

// leftLast is when the customer last left a stage, under this name or a former one.
func (s *session) leftLast(plan *lifecycle.Journey, stage string) time.Time {
	left := s.customer.Left(plan.Name, stage)
	for from, to := range plan.Renamed {
		if to == stage {
			left = later(left, s.customer.Left(plan.Name, from))
		}
	}
	return left
}

// retireStage puts the customer into another stage, or out of the journey. Nothing happens because of it but that what has
// waited in the stage ends.
func (s *session) retireStage(j *journey, visit *lifecycle.Visit, to string) {
	s.endRuns(visit, to == "", "the stage is gone")
	if to == "" {
		s.left(j, visit.Stage)
		s.left(j, "")
		visit.Stage, visit.Timers = "", nil
		return
	}
	visit.Stage, visit.Entered, visit.Number, visit.Converted, visit.Touched = to, s.now, s.nextSeq(), false, false
	s.settleIn(j, visit)
}
