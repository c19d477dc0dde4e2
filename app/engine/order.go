package engine

import (
	"fmt"
	"sort"

	"stagecraft/app/lifecycle"
)

// maxMoves bounds the moves that one input or timer may cause in one customer.
const maxMoves = 10

// handle gives the session's event to the journeys: first the customer enters those where they are not yet, then each
// journey handles the event, by name.
func (s *session) handle() {
	s.moves = 0
	for _, j := range s.journeys {
		if s.customer.Visit(j.name) == nil {
			s.inStep(j, DeadLetter{Kind: letterEntry}, func() error { return s.begin(j) })
		}
	}
	for _, j := range s.journeys {
		if s.customer.Visit(j.name) == nil {
			continue // the entry failed
		}
		s.resetSilences(j, s.event.Name)
		s.inStep(j, DeadLetter{Kind: letterEvent}, func() error { return s.handleIn(j) })
	}
}

// begin lets the customer enter a journey's first stage.
func (s *session) begin(j *journey) error {
	c := s.customer
	at := sort.Search(len(c.Visits), func(i int) bool { return c.Visits[i].Journey >= j.name })
	c.Visits = append(c.Visits, lifecycle.Visit{})
	copy(c.Visits[at+1:], c.Visits[at:])
	c.Visits[at] = lifecycle.Visit{Journey: j.name}
	return s.enter(j, &c.Visits[at], "", j.plan().Stages[0].Name)
}

// handleIn is the order within one event and one journey: journey handlers, stage handlers, the goal. All of them see
// the stage in which the event found the customer; the first move among them is carried out at the end.
func (s *session) handleIn(j *journey) error {
	visit := s.customer.Visit(j.name)
	stage := j.plan().Stage(visit.Stage)
	var first moveRequest
	for _, handler := range j.handlers(stage) {
		if handler.Kind != lifecycle.OnEvent || handler.Event != s.event.Name {
			continue
		}
		request, err := s.start(j, visit, handler)
		if err != nil {
			return err
		}
		s.consider(j, visit, &first, request)
	}
	if stage != nil && stage.Goal != "" && stage.Goal == s.event.Name {
		if !visit.Converted {
			visit.Converted = true
			s.note(lifecycle.Fact{Kind: lifecycle.FactConverted, Journey: j.name, From: stage.Name})
		}
		s.endRuns(visit)
		if stage.Next != "" {
			s.consider(j, visit, &first, moveRequest{to: stage.Next, file: stage.File, line: 1})
		}
	}
	return s.move(j, visit, first)
}

// moveRequest is a move that a handler or a goal asks for; an empty one asks for none.
type moveRequest struct {
	to   string
	file string
	line int
}

// consider keeps the first request that the journey allows, and records the others as refused.
func (s *session) consider(j *journey, visit *lifecycle.Visit, first *moveRequest, request moveRequest) {
	switch {
	case request.to == "":
	case j.plan().Stage(request.to) == nil:
		s.refuse(j, visit, request, "the journey has no such stage")
	case !j.plan().MayMove(visit.Stage, request.to):
		s.refuse(j, visit, request, "journey.lua does not allow this move")
	case first.to != "":
		s.refuse(j, visit, request, "an earlier handler of the same event already moves to "+first.to)
	case s.moves >= maxMoves:
		s.refuse(j, visit, request, fmt.Sprintf("one event may cause at most %d moves", maxMoves))
	default:
		*first = request
	}
}

// moveIfAllowed carries out the one request of a run that was woken.
func (s *session) moveIfAllowed(j *journey, visit *lifecycle.Visit, request moveRequest) error {
	var first moveRequest
	s.consider(j, visit, &first, request)
	return s.move(j, visit, first)
}

func (s *session) refuse(j *journey, visit *lifecycle.Visit, request moveRequest, why string) {
	s.note(lifecycle.Fact{Kind: lifecycle.FactRefused, Journey: j.name, From: visit.Stage, To: request.to, Reason: why,
		File: request.file, Line: request.line})
}

// move takes the customer to the stage that was asked for and allowed: leave handlers, the end of the stage's runs and
// silences, enter handlers, and the moves that those ask for in turn.
func (s *session) move(j *journey, visit *lifecycle.Visit, request moveRequest) error {
	if request.to == "" {
		return nil
	}
	from := visit.Stage
	s.moves++
	for _, handler := range j.handlers(j.plan().Stage(from)) {
		if handler.Kind == lifecycle.OnLeave {
			if _, err := s.start(j, visit, handler); err != nil {
				return err
			}
		}
	}
	s.endRuns(visit)
	s.note(lifecycle.Fact{Kind: lifecycle.FactMoved, Journey: j.name, From: from, To: request.to, File: request.file, Line: request.line})
	return s.enter(j, visit, from, request.to)
}

// enter begins a visit: idle timers are set, then the enter handlers run, of the journey first, then of the stage.
func (s *session) enter(j *journey, visit *lifecycle.Visit, from, to string) error {
	visit.Stage, visit.Entered, visit.Number, visit.Converted = to, s.now, s.nextSeq(), false
	visit.Version = j.program.Journey.Version
	s.note(lifecycle.Fact{Kind: lifecycle.FactEntered, Journey: j.name, From: from, To: to})
	stage := j.plan().Stage(to)
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
