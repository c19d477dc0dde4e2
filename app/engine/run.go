package engine

import (
	"encoding/binary"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// maxWaiting is how many runs may wait in one visit; each has its place in the customer's record.
const maxWaiting = 200

// run is one handler under way for one customer. Only runs that wait are stored.
type run struct {
	ID      lifecycle.ID     `msgpack:"i"`
	Journey string           `msgpack:"j"`
	Version string           `msgpack:"v"` // the script version it began with, and stays with
	Stage   string           `msgpack:"s"` // empty for a run of journey.lua
	Visit   uint64           `msgpack:"n"`
	Handler string           `msgpack:"h"`
	Started time.Time        `msgpack:"b"`
	Event   *lifecycle.Event `msgpack:"e,omitempty"`
	Journal []script.Entry   `msgpack:"l,omitempty"`
	For     *script.Awaited  `msgpack:"w,omitempty"` // what it waits for; nil: for a time
	Sent    []sent           `msgpack:"m,omitempty"` // the messages it has sent, which it may wait for
	Depth   int              `msgpack:"d,omitempty"` // how many tracked events led to it

	wait time.Duration // how long it waits from the present step on
}

// sent is a message of a run, as the ledger finds it.
type sent struct {
	ID      lifecycle.ID `msgpack:"i"`
	Decided time.Time    `msgpack:"d"` // real time
}

func (r *run) seed() uint64 { return binary.BigEndian.Uint64(r.ID[:8]) }

// ref is the run's place in the customer's record.
func (r *run) ref() lifecycle.RunRef {
	return lifecycle.RunRef{ID: r.ID, Handler: r.Handler, Stage: r.Stage, Visit: r.Visit, Version: r.Version}
}

// newRun names a run of a handler. The visit belongs to the name: one input may bring a customer into the same stage twice.
func (s *session) newRun(j *journey, visit *lifecycle.Visit, handler, stage string) *run {
	return &run{
		ID:      lifecycle.HashID("run", s.cause.Part(), j.name, handler, strconv.FormatUint(visit.Number, 10)),
		Journey: j.name, Version: j.plan().Version, Stage: stage, Visit: visit.Number, Handler: handler, Started: s.now, Event: s.event,
		Depth: s.depth,
	}
}

// start runs a handler from its beginning, unless it is already waiting in this visit.
func (s *session) start(j *journey, visit *lifecycle.Visit, handler lifecycle.Handler) (moveRequest, error) {
	if !handler.Parallel {
		for i := range visit.Runs {
			if ref := &visit.Runs[i]; ref.Handler == handler.ID && ref.Visit == visit.Number {
				return moveRequest{}, nil
			}
		}
	}
	r := s.newRun(j, visit, handler.ID, level(j, handler, visit.Stage))
	return s.advance(j, visit, r, j.program, nil)
}

// resume lets a run that waits go on: with the event it waited for, or without one because its time has come.
func (s *session) resume(j *journey, visit *lifecycle.Visit, r *run, woken *lifecycle.Event) (moveRequest, error) {
	program, err := s.engine.program(s.tx, r.Version)
	if err != nil {
		return moveRequest{}, err
	}
	s.woke(visit, r.ID, "")
	return s.advance(j, visit, r, program, woken)
}

// advance runs a handler until it ends, moves or waits, and takes over what it decided.
func (s *session) advance(j *journey, visit *lifecycle.Visit, r *run, program *script.Program, woken *lifecycle.Event) (moveRequest, error) {
	for {
		result, err := program.Run(s.call(visit, r, woken))
		if err != nil {
			return moveRequest{}, err
		}
		for i := range result.Effects {
			if err = s.carryOut(j, visit, r, program, &result.Effects[i]); err != nil {
				return moveRequest{}, err
			}
		}
		if !result.Waiting {
			s.forget(visit, r.ID)
			return moveRequest{to: result.Move, file: result.File, line: result.Line}, nil
		}
		r.Journal, r.For = result.Journal, result.For
		if woken = s.settledAlready(r); woken == nil {
			return moveRequest{}, s.wait(j, visit, r, &result)
		}
	}
}

// wait puts a run to sleep.
func (s *session) wait(j *journey, visit *lifecycle.Visit, r *run, result *script.Result) error {
	ref := findRun(visit, r.ID)
	if ref == nil {
		if len(visit.Runs) >= maxWaiting {
			return &lifecycle.Error{Code: lifecycle.ScriptFailed, File: result.File, Line: result.Line, Message: "too many runs wait",
				Hint: strconv.Itoa(maxWaiting) + " wait for this customer already; handlers that are parallel may not pile up"}
		}
		visit.Runs = append(visit.Runs, r.ref())
		ref = &visit.Runs[len(visit.Runs)-1]
	}
	ref.File, ref.Line, ref.Event, ref.Message = result.File, result.Line, "", lifecycle.ID{}
	if r.For != nil {
		ref.Event, ref.Message = r.For.Event, r.For.Message
	}
	for _, m := range s.step.messages {
		if m.run == r.ID {
			r.Sent = append(r.Sent, sent{m.ID, m.Decided})
		}
	}
	r.wait = result.Until.Sub(s.now)
	s.setRun(r.ID, r)
	visit.Timers = append(visit.Timers, lifecycle.Timer{Due: result.Until, Seq: s.nextSeq(), Run: r.ID})
	s.note(lifecycle.Fact{Kind: lifecycle.FactWaits, Journey: j.name, From: visit.Stage, File: ref.File, Line: ref.Line, Version: ref.Version})
	return nil
}

// woke notes that a run does not wait any more where it did. One that was stored before such places were kept was
// never noted as waiting.
func (s *session) woke(visit *lifecycle.Visit, id lifecycle.ID, why string) {
	if ref := findRun(visit, id); ref != nil && ref.File != "" {
		s.note(lifecycle.Fact{Kind: lifecycle.FactWoke, Journey: visit.Journey, From: visit.Stage, Reason: why, File: ref.File, Line: ref.Line,
			Version: ref.Version})
	}
}

// forget removes a run and its timer, if it waits.
func (s *session) forget(visit *lifecycle.Visit, id lifecycle.ID) {
	for i := range visit.Runs {
		if visit.Runs[i].ID == id {
			visit.Runs = append(visit.Runs[:i], visit.Runs[i+1:]...)
			removeTimer(visit, id)
			s.setRun(id, nil)
			return
		}
	}
}

// endRun ends a run that waits.
func (s *session) endRun(visit *lifecycle.Visit, id lifecycle.ID, why string) {
	s.woke(visit, id, why)
	s.forget(visit, id)
}

// leftStage is why most runs end before their time.
const leftStage = "they left the stage"

// endRuns ends the runs that belong to the stage, and says why. Runs of journey.lua live on, unless all are to end.
func (s *session) endRuns(visit *lifecycle.Visit, all bool, why string) {
	for i := len(visit.Runs) - 1; i >= 0; i-- {
		if ref := &visit.Runs[i]; all || ref.Stage != "" {
			s.endRun(visit, ref.ID, why)
		}
	}
}

func findRun(visit *lifecycle.Visit, id lifecycle.ID) *lifecycle.RunRef {
	for i := range visit.Runs {
		if visit.Runs[i].ID == id {
			return &visit.Runs[i]
		}
	}
	return nil
}

// removeTimer removes the timer of a run.
func removeTimer(visit *lifecycle.Visit, id lifecycle.ID) {
	for i := range visit.Timers {
		if visit.Timers[i].Run == id {
			visit.Timers = append(visit.Timers[:i], visit.Timers[i+1:]...)
			return
		}
	}
}

// loadRun reads a run that waits; nil if there is none.
func (s *session) loadRun(id lifecycle.ID) (*run, error) {
	data := s.tx.Get(runKey(s.customer.ID, id))
	if data == nil {
		return nil, nil
	}
	r := &run{}
	if err := store.Decode(data, r); err != nil {
		return nil, lifecycle.Wrap(lifecycle.Internal, err, "run %s cannot be read", id)
	}
	return r, nil
}

// wake lets a run that waits go on in a step of its own.
func (s *session) wake(j *journey, id lifecycle.ID, r *run, woken *lifecycle.Event, trouble error) {
	visit := s.customer.Visit(j.name)
	removeTimer(visit, id)
	s.depth = 0
	if r != nil {
		s.depth = r.Depth
	}
	if woken != nil {
		s.depth = max(s.depth, woken.Depth)
	}
	kept := s.inStep(j, DeadLetter{Kind: letterRun, Run: r}, func() error {
		if trouble != nil {
			return trouble
		}
		r.Depth = s.depth
		request, err := s.resume(j, visit, r, woken)
		if err != nil {
			return err
		}
		if before := s.first; before.to == "" {
			s.consider(j, visit, &s.first, request)
			return s.move(j, visit, s.first)
		}
		s.consider(j, visit, &s.first, request)
		return nil
	})
	if !kept { // the run is in its dead letter now and does not wait any more
		s.endRun(s.customer.Visit(j.name), id, "it failed")
	}
}
