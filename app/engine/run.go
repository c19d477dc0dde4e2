package engine

import (
	"strconv"
	"time"

	"encoding/binary"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
	"stagecraft/app/store"
)

// marketingLife is how long a marketing message may wait to leave, unless the message says otherwise.
const marketingLife = 3 * 24 * time.Hour

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
}

// start runs a handler from its beginning, unless it is already waiting in this visit.
func (s *session) start(j *journey, visit *lifecycle.Visit, handler lifecycle.Handler) (moveRequest, error) {
	if !handler.Parallel {
		for _, ref := range visit.Runs {
			if ref.Handler == handler.ID && ref.Visit == visit.Number {
				return moveRequest{}, nil
			}
		}
	}
	r := &run{
		// The visit belongs to the name: one input may bring a customer into the same stage twice.
		ID:      lifecycle.HashID("run", s.cause.Part(), j.name, handler.ID, strconv.FormatUint(visit.Number, 10)),
		Journey: j.name, Version: j.program.Journey.Version, Visit: visit.Number, Handler: handler.ID,
		Started: s.now, Event: s.event,
	}
	if handler.File != j.name+"/journey.lua" {
		r.Stage = visit.Stage
	}
	return s.advance(j, visit, r, j.program, false)
}

// advance runs a handler until it ends, moves or waits, and takes over what it decided.
func (s *session) advance(j *journey, visit *lifecycle.Visit, r *run, program *script.Program, waited bool) (moveRequest, error) {
	result, err := program.Run(script.Call{
		Handler: r.Handler, Stage: visit.Stage, Customer: s.customer, Event: r.Event, Now: s.now,
		Seed: binary.BigEndian.Uint64(r.ID[:8]), Journal: r.Journal,
	})
	if err != nil {
		return moveRequest{}, err
	}
	file, line := "", 0
	for _, effect := range result.Effects {
		file, line = effect.File, effect.Line
		switch effect.Kind {
		case script.Send:
			if err := s.send(j, visit, r, program, effect); err != nil {
				return moveRequest{}, err
			}
		case script.Log:
			s.written += len(effect.Text) + costOfKey
			if s.written > 2*maxWritten {
				return moveRequest{}, &lifecycle.Error{Code: lifecycle.ScriptFailed, File: file, Line: line,
					Message: "too much is logged at once", Hint: "log a sentence, not a book"}
			}
			s.note(lifecycle.Fact{Kind: lifecycle.FactLogged, Journey: j.name, From: visit.Stage, Reason: effect.Text, File: file, Line: line})
		}
	}
	if result.Waiting {
		if !waited && len(visit.Runs) >= maxWaiting {
			return moveRequest{}, lifecycle.Errorf(lifecycle.ScriptFailed,
				"%d runs wait for this customer already; handlers that are parallel may not pile up", maxWaiting)
		}
		r.Journal = result.Journal
		s.step.runs[r.ID] = r
		if !waited {
			visit.Runs = append(visit.Runs, lifecycle.RunRef{ID: r.ID, Handler: r.Handler, Stage: r.Stage, Visit: r.Visit, Version: r.Version})
		}
		visit.Timers = append(visit.Timers, lifecycle.Timer{Due: s.now.Add(result.Wait), Seq: s.nextSeq(), Run: r.ID})
		return moveRequest{}, nil
	}
	if waited {
		s.endRun(visit, r.ID)
	}
	if result.Move == "" {
		return moveRequest{}, nil
	}
	return moveRequest{to: result.Move, file: handlerFile(program, r.Handler), line: result.MoveAt}, nil
}

func handlerFile(program *script.Program, id string) string {
	for _, handler := range program.Journey.Handlers {
		if handler.ID == id {
			return handler.File
		}
	}
	for _, stage := range program.Journey.Stages {
		for _, handler := range stage.Handlers {
			if handler.ID == id {
				return handler.File
			}
		}
	}
	return ""
}

// send turns an effect into a message and gives it to the step.
func (s *session) send(j *journey, visit *lifecycle.Visit, r *run, program *script.Program, effect script.Effect) error {
	template := chooseTemplate(program, effect)
	if template == nil {
		return &lifecycle.Error{Code: lifecycle.ScriptFailed, File: effect.File, Line: effect.Line,
			Message: "message " + strconv.Quote(effect.Name) + " has no file for the channel that was asked for"}
	}
	message := &lifecycle.Message{
		ID:       lifecycle.HashID("message", r.ID.Part(), strconv.Itoa(effect.Step)),
		Customer: s.customer.ID, User: s.user(), Journey: j.name, Version: r.Version, Stage: visit.Stage,
		Name: effect.Name, File: effect.File, Line: effect.Line, Channel: template.Channel,
		Kind: lifecycle.MessageKind(template.Front["kind"]), Decided: s.now, Due: s.now, State: lifecycle.Queued,
	}
	if message.Kind == "" {
		message.Kind = lifecycle.Marketing
	}
	if r.Event != nil {
		message.Event = *r.Event
	}
	if text := template.Front["expires"]; text != "" {
		life, err := lifecycle.ParseDuration(text)
		if err != nil {
			return lifecycle.Wrap(lifecycle.ScriptFailed, err, "%s: expires", template.File)
		}
		message.Expires = s.now.Add(life)
	} else if message.Kind == lifecycle.Marketing {
		message.Expires = s.now.Add(marketingLife)
	}
	s.written += len(message.Event.Properties) + len(message.Event.Traits) + len(message.Event.Context) + 3*costOfKey
	if s.written > 2*maxWritten {
		return &lifecycle.Error{Code: lifecycle.ScriptFailed, File: effect.File, Line: effect.Line,
			Message: "too many messages are sent at once", Hint: "wait between them"}
	}
	switch {
	case s.history:
		message.State, message.Reason = lifecycle.Suppressed, lifecycle.BecauseHistory
	case j.mode == lifecycle.Shadow:
		message.State, message.Reason = lifecycle.Suppressed, lifecycle.BecauseShadow
	}
	if message.State == lifecycle.Suppressed {
		message.Settled = s.now
	}
	s.step.messages = append(s.step.messages, message)
	s.note(lifecycle.Fact{Kind: lifecycle.FactMessage, Journey: j.name, From: visit.Stage, Name: message.Name,
		Reason: string(message.State), File: message.File, Line: message.Line})
	return nil
}

// chooseTemplate picks the channel: the one that the send names, else the first that the message has.
func chooseTemplate(program *script.Program, effect script.Effect) *lifecycle.Template {
	if by, ok := effect.Args["by"].(string); ok {
		template, _ := program.Template(effect.Name, by, "")
		return template
	}
	for i := range program.Templates {
		if program.Templates[i].Name == effect.Name {
			return &program.Templates[i]
		}
	}
	return nil
}

// endRuns ends the runs that belong to the stage. Runs of journey.lua live on.
func (s *session) endRuns(visit *lifecycle.Visit) {
	for i := len(visit.Runs) - 1; i >= 0; i-- {
		if ref := visit.Runs[i]; ref.Stage != "" {
			s.endRun(visit, ref.ID)
		}
	}
}

// endRun forgets a run and its timer.
func (s *session) endRun(visit *lifecycle.Visit, id lifecycle.ID) {
	for i := range visit.Runs {
		if visit.Runs[i].ID == id {
			visit.Runs = append(visit.Runs[:i], visit.Runs[i+1:]...)
			break
		}
	}
	for i := range visit.Timers {
		if visit.Timers[i].Run == id {
			visit.Timers = append(visit.Timers[:i], visit.Timers[i+1:]...)
			break
		}
	}
	s.step.runs[id] = nil
}

// loadRun reads a run that waits; one that was written in the step under way is found there.
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
