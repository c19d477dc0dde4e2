package engine

import (
	"fmt"
	"slices"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// maxMoves bounds the moves that one input or timer may cause in one customer.
const maxMoves = 10

// handle gives the session's event to the journeys: first the customer enters those where they are not yet, then each
// journey handles the event, by name.
func (s *session) handle() {
	s.moves, s.depth = 0, s.event.Depth
	if s.customer.Applicant() {
		return
	}
	var begun []*journey
	for _, j := range s.journeys {
		if s.beginAtEvent(j) {
			begun = append(begun, j)
		}
	}
	for _, j := range s.journeys {
		visit := s.customer.Visit(j.name)
		if visit == nil || visit.Stage == "" {
			continue // the entry failed, or the customer has left the journey
		}
		s.resetSilences(j, s.event.Name)
		var awaiting []lifecycle.ID
		if !slices.Contains(begun, j) { // else what waits there began to wait at this event
			awaiting = s.awaiting(visit)
		}
		s.first, s.depth = moveRequest{}, s.event.Depth
		s.inStep(j, DeadLetter{Kind: letterEvent}, func() error { return s.handleIn(j) })
		for _, id := range awaiting {
			s.wakeByEvent(j, id)
		}
	}
}

// beginAtEvent lets the customer enter a journey's first stage if the event is one at which that is done, or records why not. It
// reports whether they have entered.
func (s *session) beginAtEvent(j *journey) bool {
	if visit := s.customer.Visit(j.name); visit != nil && visit.Stage != "" || !s.atEntry(j.plan()) {
		return false
	}
	switch why := s.whyNotBegin(j); {
	case why == "":
		return s.inStep(j, DeadLetter{Kind: letterEntry}, func() error { return s.begin(j) })
	case len(j.plan().Entry) > 0: // else every event would be one at which they do not enter
		s.refuseFrom(j, "", moveRequest{to: j.plan().Stages[0].Name}, why)
	}
	return false
}

// whyNotBegin says why somebody who is in no stage of a journey may not enter it, "" if they may: because they were never in
// it, or because its first stage says when somebody who has left the journey may come again. It is asked on every path.
func (s *session) whyNotBegin(j *journey) string {
	if s.customer.Visit(j.name) == nil {
		return ""
	}
	again, why := j.plan().Stages[0].Reenter, "its first stage does not say with reenter when somebody may come again"
	if again.Set {
		why = s.tooEarly(again, s.customer.Left(j.name, ""))
	}
	if why == "" {
		return ""
	}
	return "the customer was in the journey before: " + why
}

// tooEarly says why somebody who left at a moment may not come again yet, or "".
func (s *session) tooEarly(again lifecycle.Reenter, left time.Time) string {
	switch {
	case left.IsZero() || !again.Set:
		return ""
	case again.Never:
		return "nobody enters it twice"
	case s.now.Before(left.Add(again.After)):
		return fmt.Sprintf("it may be entered again from %s on", left.Add(again.After).UTC().Format("2006-01-02 15:04 MST"))
	}
	return ""
}

// begin lets the customer enter a journey's first stage.
func (s *session) begin(j *journey) error {
	return s.enrol(j, moveRequest{to: j.plan().Stages[0].Name})
}

// enrol lets the customer enter a journey at the stage that is asked for.
func (s *session) enrol(j *journey, request moveRequest) error {
	visit := s.customer.Visit(j.name)
	if visit == nil {
		visit = s.newVisit(j.name)
	}
	return s.enter(j, visit, "", request)
}

// handleIn is the order within one event and one journey: journey handlers, stage handlers, the goal, the exit. All of
// them see the stage in which the event found the customer; the first move among them is carried out at the end, and
// after it come the runs that wait for the event.
func (s *session) handleIn(j *journey) error {
	visit := s.customer.Visit(j.name)
	stage := j.plan().Stage(visit.Stage)
	for _, handler := range j.handlers(stage) {
		if handler.Kind != lifecycle.OnEvent || handler.Event != s.event.Name {
			continue
		}
		request, err := s.start(j, visit, handler)
		if err != nil {
			return err
		}
		s.consider(j, visit, &s.first, request)
	}
	if stage == nil {
		return s.move(j, visit, s.first)
	}
	reached, err := s.reached(j, visit, stage)
	if err != nil {
		return err
	}
	if reached {
		if !visit.Converted {
			visit.Converted = true
			s.note(lifecycle.Fact{Kind: lifecycle.FactConverted, Journey: j.name, From: stage.Name, Heldout: s.heldOut(j, stage),
				Version: j.plan().Version})
			s.creditLines(visit)
		}
		s.endRuns(visit, false, "the goal of the stage was reached")
		s.consider(j, visit, &s.first, moveRequest{to: stage.Next, file: stage.File, line: 1})
	}
	if s.event.Name != "" && slices.Contains(stage.Exit, s.event.Name) {
		if s.first.to != "" {
			s.refuse(j, visit, s.first, "the customer leaves the journey at this event")
		}
		return s.exit(j, visit, stage, moveRequest{by: s.event.Name, file: stage.File, line: 1})
	}
	return s.move(j, visit, s.first)
}

// reached reports whether the event reaches the stage's goal. A goal that is a function is asked at every event while
// its answer can make a difference, but for those that only others have asked for.
func (s *session) reached(j *journey, visit *lifecycle.Visit, stage *lifecycle.Stage) (bool, error) {
	if s.event.Name != "" && slices.Contains(stage.Goals, s.event.Name) {
		return true, nil
	}
	if stage.GoalFunc == "" || visit.Converted && stage.Next == "" || s.toldOthers(j) {
		return false, nil
	}
	r := s.newRun(j, visit, stage.GoalFunc, stage.Name)
	result, err := j.program.Run(s.call(visit, r, nil))
	return result.Reached, err
}

// call is what a script is told.
func (s *session) call(visit *lifecycle.Visit, r *run, woken *lifecycle.Event) script.Call {
	return script.Call{
		Handler: r.Handler, Stage: visit.Stage, Customer: s.customer, Event: r.Event, Now: s.now, Zone: s.zone(), Seed: r.seed(),
		Run: r.ID, Journal: r.Journal, Woken: woken, History: s, Scores: s.engine.scores(s.tx).Rules,
		Trace: s.traced(visit, r, woken),
	}
}

// heldOut reports whether the customer belongs to a stage's hold-out group.
func (s *session) heldOut(j *journey, stage *lifecycle.Stage) bool {
	return stage != nil && lifecycle.HeldOut(s.customer.ID, j.name, stage.Holdout)
}

// moveRequest is a move that a handler, a goal or somebody asks for; an empty one asks for none.
type moveRequest struct {
	to   string
	file string
	line int
	by   string // who asks, if it is no script; of an exit the event, if it is one
	why  string // what they say
}

// consider keeps the first request that the journey allows, and records the others as refused.
func (s *session) consider(j *journey, visit *lifecycle.Visit, first *moveRequest, request moveRequest) {
	if request.to == "" {
		return
	}
	request.to = j.plan().Present(request.to) // a run that waits goes on with the version it began with
	if why := s.whyNot(j, visit, first.to, request.to); why != "" {
		s.refuse(j, visit, request, why)
		return
	}
	*first = request
}

func (s *session) refuse(j *journey, visit *lifecycle.Visit, request moveRequest, why string) {
	s.refuseFrom(j, visit.Stage, request, why)
}

// move takes the customer to the stage that was asked for and allowed: leave handlers, the end of the stage's runs and
// silences, enter handlers, and the moves that those ask for in turn.
func (s *session) move(j *journey, visit *lifecycle.Visit, request moveRequest) error {
	if request.to == "" {
		return nil
	}
	s.moves++
	from := visit.Stage
	stage := j.plan().Stage(from)
	if err := s.leave(j, visit, stage); err != nil {
		return err
	}
	s.endRuns(visit, false, leftStage)
	s.note(lifecycle.Fact{Kind: lifecycle.FactMoved, Journey: j.name, From: from, To: request.to, Name: request.by, Reason: request.why,
		File: request.file, Line: request.line, Heldout: s.heldOut(j, stage), Stayed: s.now.Sub(visit.Entered), Version: j.plan().Version})
	s.left(j, from)
	return s.enter(j, visit, from, request)
}

// exit takes the customer out of the journey: leave handlers, the end of all runs and silences.
func (s *session) exit(j *journey, visit *lifecycle.Visit, stage *lifecycle.Stage, request moveRequest) error {
	if err := s.leave(j, visit, stage); err != nil {
		return err
	}
	s.endRuns(visit, true, "they left the journey")
	s.note(lifecycle.Fact{Kind: lifecycle.FactExited, Journey: j.name, From: stage.Name, Name: request.by, Reason: request.why,
		File: request.file, Line: request.line, Heldout: s.heldOut(j, stage), Stayed: s.now.Sub(visit.Entered), Version: j.plan().Version})
	s.left(j, stage.Name)
	s.left(j, "")
	s.tellChange(j, visit, stage.Name, request)
	visit.Stage, visit.Timers = "", nil
	return nil
}

// leave runs the leave handlers, of the journey first, then of the stage.
func (s *session) leave(j *journey, visit *lifecycle.Visit, stage *lifecycle.Stage) error {
	for _, handler := range j.handlers(stage) {
		if handler.Kind == lifecycle.OnLeave {
			if _, err := s.start(j, visit, handler); err != nil {
				return err
			}
		}
	}
	return nil
}

// enter begins a visit: idle timers are set, then the enter handlers run, of the journey first, then of the stage.
func (s *session) enter(j *journey, visit *lifecycle.Visit, from string, request moveRequest) error {
	to := request.to
	visit.Stage, visit.Entered, visit.Number, visit.Converted, visit.Touched = to, s.now, s.nextSeq(), false, false
	visit.Version = j.plan().Version
	stage := j.plan().Stage(to)
	entry := lifecycle.Fact{Kind: lifecycle.FactEntered, Journey: j.name, From: from, To: to, Heldout: s.heldOut(j, stage)}
	if from == "" { // else the move says who asked for it
		entry.Name, entry.Reason = request.by, request.why
	}
	s.note(entry)
	s.tellChange(j, visit, from, request)
	s.armSilences(j, visit, stage)
	var first moveRequest
	for _, handler := range j.handlers(stage) {
		if handler.Kind != lifecycle.OnEnter {
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
