package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What a dead letter holds back.
const (
	letterEntry   = "entry"   // the entry into the journey
	letterEvent   = "event"   // an event's handlers
	letterRun     = "run"     // a run that was woken
	letterSilence = "silence" // an idle handler
	letterChange  = "change"  // a move, an enrolment or an exit that somebody asked for
)

// DeadLetter is one journey's step that was set aside because a script failed. It can be replayed as a new input once
// the script is mended.
type DeadLetter struct {
	Ref      string           `msgpack:"-"` // names it for Replay
	ID       lifecycle.ID     `msgpack:"i"`
	At       time.Time        `msgpack:"a"`
	Kind     string           `msgpack:"k"`
	Customer lifecycle.ID     `msgpack:"c"`
	User     string           `msgpack:"u"`
	Journey  string           `msgpack:"j"`
	Stage    string           `msgpack:"s"`
	Version  string           `msgpack:"v"`
	Message  string           `msgpack:"m"`
	File     string           `msgpack:"f"`
	Line     int              `msgpack:"l"`
	Hint     string           `msgpack:"h"`
	Event    *lifecycle.Event `msgpack:"e,omitempty"`
	Run      *run             `msgpack:"r,omitempty"`
	Silence  *lifecycle.Timer `msgpack:"t,omitempty"`
	History  bool             `msgpack:"y,omitempty"`
	Change   *Change          `msgpack:"g,omitempty"`
}

// setAside stores the dead letter of a failed step.
func (s *session) setAside(j *journey, stage string, letter DeadLetter, err error) {
	letter.ID = lifecycle.HashID("letter", s.cause.Part(), j.name, letter.Kind, strconv.FormatUint(s.customer.Seq, 10))
	letter.At, letter.Customer, letter.User = s.customer.Real(s.now), s.customer.ID, s.user()
	letter.Journey, letter.Stage, letter.Version = j.name, stage, j.plan().Version
	letter.Event, letter.History = s.event, s.history
	letter.Message = err.Error()
	var e *lifecycle.Error
	if errors.As(err, &e) {
		letter.Message, letter.File, letter.Line, letter.Hint = e.Message, e.File, e.Line, e.Hint
		if e.Cause != nil {
			letter.Message += ": " + e.Cause.Error()
		}
	}
	s.tx.Set(deadLetterKey(letter.At, letter.ID), store.Encode(&letter))
	s.note(lifecycle.Fact{Kind: lifecycle.FactFailed, Journey: j.name, From: stage, Reason: letter.Message, File: letter.File, Line: letter.Line,
		Version: letter.Version})
	tell, place := s.engine.tellFailure, failurePlace{j.name, letter.File, letter.Line}
	s.tx.After(func() { tell(place) })
}

// DeadLetters asks for the newest dead letters of a partition.
type DeadLetters struct{ Limit int }

func (e *Engine) deadLetters(tx store.Reader, q DeadLetters) ([]DeadLetter, error) {
	var letters []DeadLetter
	var failed error
	prefix := []byte{'x'}
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var letter DeadLetter
		if failed = store.Decode(value, &letter); failed != nil {
			return false
		}
		letter.At = letter.At.UTC()
		letter.Ref = strconv.Itoa(tx.Partition()) + "-" + hex.EncodeToString(key)
		letters = append(letters, letter)
		return len(letters) < q.Limit
	})
	return letters, failed
}

// Replay is the input "carry out a dead letter now".
type Replay struct {
	Key []byte
	At  time.Time
}

// ParseLetterRef reads a DeadLetter.Ref.
func ParseLetterRef(ref string) (partition int, key []byte, err error) {
	number, text, ok := bytes.Cut([]byte(ref), []byte("-"))
	if ok {
		if partition, err = strconv.Atoi(string(number)); err == nil && partition >= 0 && partition < lifecycle.Partitions {
			if key, err = hex.DecodeString(string(text)); err == nil && len(key) == 25 && key[0] == 'x' {
				return partition, key, nil
			}
		}
	}
	return 0, nil, lifecycle.Errorf(lifecycle.NotFound, "there is no dead letter %q", ref)
}

func (e *Engine) replay(tx store.Tx, in Replay) error {
	data := tx.Get(in.Key)
	if data == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "this dead letter was replayed already")
	}
	var letter DeadLetter
	if err := store.Decode(data, &letter); err != nil {
		return lifecycle.Wrap(lifecycle.Internal, err, "the dead letter cannot be read")
	}
	if tx.Get(customerKey(letter.Customer)) == nil {
		return lifecycle.Errorf(lifecycle.Conflict, "the customer was merged since; the dead letter has no one to belong to")
	}
	s, err := e.open(tx, letter.Customer)
	if err != nil {
		return err
	}
	j := s.active(letter.Journey)
	if j == nil {
		return lifecycle.Errorf(lifecycle.Conflict, "journey %s does not run; switch it on before replaying", letter.Journey)
	}
	tx.Delete(in.Key)
	s.at = in.At
	at := later(s.customer.Lapsed(in.At), s.customer.Clock)
	s.history = s.customer.Import != ""
	if !s.catchUp(at) {
		return lifecycle.Errorf(lifecycle.Busy, "the customer has much to catch up with; replay this in a moment")
	}
	s.customer.Clock, s.now, s.moves, s.depth, s.first = at, at, 0, 0, moveRequest{}
	s.history = letter.History
	s.cause = lifecycle.HashID("replay", letter.ID.Part())
	s.event = letter.Event
	first := len(s.decision.Facts)
	s.redo(j, letter)
	s.timeline(TimelineEntry{At: s.customer.Real(at), Facts: s.decision.Facts[first:]})
	s.handleTracked()
	return s.save()
}

// redo does the step of a dead letter with the newest script.
func (s *session) redo(j *journey, letter DeadLetter) {
	if s.event != nil {
		s.depth = s.event.Depth
	}
	if letter.Kind == letterChange {
		if letter.Change != nil {
			s.carryOutChange(letter.Change, "")
		}
		return
	}
	s.beginAtEvent(j)
	visit := s.customer.Visit(j.name)
	if visit == nil || visit.Stage == "" {
		return
	}
	switch letter.Kind {
	case letterEntry, letterEvent: // who could not enter could not handle the event either
		if letter.Event != nil {
			s.inStep(j, DeadLetter{Kind: letterEvent}, func() error { return s.handleIn(j) })
		}
	case letterSilence:
		if visit.Stage == letter.Stage {
			s.inStep(j, DeadLetter{Kind: letterSilence, Silence: letter.Silence}, func() error { return s.silence(j, visit, *letter.Silence) })
		}
	case letterRun:
		if letter.Run == nil || letter.Run.Stage != "" && letter.Run.Visit != visit.Number {
			return // the stage was left since, and with it the run would have ended
		}
		r := *letter.Run
		visit.Runs = append(visit.Runs, r.ref())
		s.wake(j, r.ID, &r, letter.Event, nil)
	}
}

// Replay carries out a dead letter as a new input.
func (e *Engine) Replay(ctx context.Context, ref string) error {
	partition, key, err := ParseLetterRef(ref)
	if err != nil {
		return err
	}
	_, err = e.store.Do(ctx, partition, Replay{Key: key, At: e.clock.Now()})
	return err
}
