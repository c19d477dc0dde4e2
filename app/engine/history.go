package engine

import (
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// States of an import.
const (
	ImportOpen    = "open"
	ImportClosing = "closing"
	ImportClosed  = "closed"
)

// importRecord is what every partition knows of an import. What the partition of the source's own ID says holds: it is told
// last of an opening and of an end, so that what it says has come to all of them, wherever the program ended.
type importRecord struct {
	Source  string    `msgpack:"s"`
	History bool      `msgpack:"h"`
	State   string    `msgpack:"t"`
	At      time.Time `msgpack:"a"` // of closing and closed: the moment up to which everything has fired as history
	Abort   bool      `msgpack:"b"` // of closing, and of closed in the partition of the source's own ID

	Began  time.Time   `msgpack:"n"`
	Done   time.Time   `msgpack:"d,omitempty"` // of closed, likewise: when the last customer had been let go; zero: not written down
	Former []importRun `msgpack:"f,omitempty"` // oldest first, for replays
}

// importRun is one of several runs of the same import.
type importRun struct {
	Began time.Time `msgpack:"n"`
	End   time.Time `msgpack:"e"`
	Abort bool      `msgpack:"b,omitempty"`
	Done  time.Time `msgpack:"d,omitempty"`
}

// done returns when the last customer had been let go; of an import that an older version of the program closed, when that began.
func (r *importRecord) done() time.Time {
	if r.Done.IsZero() {
		return r.At
	}
	return r.Done
}

// maxFormer is how many former runs of an import are remembered.
const maxFormer = 100

type importState struct{ Source string }

func (e *Engine) importRecord(tx store.Reader, source string) (importRecord, error) {
	record := importRecord{Source: source}
	if data := tx.Get(importKey(sourceID(source))); data != nil {
		if err := store.Decode(data, &record); err != nil {
			return record, lifecycle.Wrap(lifecycle.Internal, err, "the import %q cannot be read", source)
		}
	}
	return record, nil
}

type openImport struct {
	Source  string
	History bool
	At      time.Time
}

func (e *Engine) openImport(tx store.Tx, in openImport) (importRecord, error) {
	record, err := e.importRecord(tx, in.Source)
	if err != nil {
		return record, err
	}
	if record.State != "" && record.History != in.History {
		return record, lifecycle.Errorf(lifecycle.Conflict, "the import %q was begun %s; give this one another source name",
			in.Source, map[bool]string{true: "as history", false: "without --history"}[record.History])
	}
	if record.State == ImportClosed {
		record.Former = append(record.Former, importRun{record.Began, record.At, record.Abort, record.Done})
		record.Former = record.Former[max(0, len(record.Former)-maxFormer):]
	}
	if record.State != ImportOpen {
		record.Began = in.At
	}
	record.History, record.State, record.At, record.Done = in.History, ImportOpen, time.Time{}, time.Time{}
	tx.Set(importKey(sourceID(in.Source)), store.Encode(&record))
	return record, nil
}

// beginClose fixes the moment of an import's end, once; the partition of the source's own ID keeps it.
type beginClose struct {
	Source string
	At     time.Time
	Abort  bool
}

func (e *Engine) beginClose(tx store.Tx, in beginClose) (importRecord, error) {
	record, err := e.importRecord(tx, in.Source)
	if err != nil {
		return record, err
	}
	switch record.State {
	case "":
		return record, lifecycle.Errorf(lifecycle.NotFound, "there is no import %q", in.Source)
	case ImportOpen:
		record.State, record.At, record.Abort = ImportClosing, in.At, in.Abort
		tx.Set(importKey(sourceID(in.Source)), store.Encode(&record))
	}
	return record, nil
}

// closeChunk closes the import in one partition, some customers at a time: what is due by the moment of closing fires as
// history, then the customer's timers are live.
type closeChunk struct {
	Source string
	At     time.Time
	Abort  bool
	Limit  int
	Final  bool      // nothing is held any more anywhere: mark the import as closed
	Done   time.Time // of the final one: its moment
}

type closeAnswer struct {
	Done int
	More bool
}

func (e *Engine) closeChunk(tx store.Tx, in closeChunk) (closeAnswer, error) {
	record, err := e.importRecord(tx, in.Source)
	if err != nil {
		return closeAnswer{}, err
	}
	if want := map[bool]string{false: ImportClosing, true: ImportClosed}[in.Final]; record.State != want {
		if record.State, record.At, record.Done = want, in.At, in.Done; !in.Final {
			record.Abort = in.Abort
		}
		tx.Set(importKey(sourceID(in.Source)), store.Encode(&record))
	}
	var held []lifecycle.ID
	prefix := heldPrefix(sourceID(in.Source))
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		held = append(held, lifecycle.ID(key[17:33]))
		return len(held) <= in.Limit
	})
	answer := closeAnswer{More: len(held) > in.Limit}
	if answer.More {
		held = held[:in.Limit]
	}
	written := 0
	for _, id := range held {
		if written >= maxWritten {
			answer.More = true
			break
		}
		s, err := e.open(tx, id)
		if err != nil {
			return answer, err
		}
		s.at = in.At
		complete := s.endHistory(in.At, in.Abort)
		if complete {
			answer.Done++
		}
		if err = s.save(); err != nil {
			return answer, err
		}
		if written += s.written; !complete {
			answer.More = true
			break
		}
	}
	return answer, nil
}

// endHistory lets go of a customer whose import is over: what was due by its end happens as history, or not at all. It reports false
// if there is more than one input may do.
func (s *session) endHistory(at time.Time, abort bool) bool {
	end := s.customer.Lapsed(at)
	s.history = true
	if abort {
		s.cancelDue(end)
	} else if !s.catchUp(end) {
		return false
	}
	s.customer.Clock = later(s.customer.Clock, end)
	s.release()
	return true
}

// endClosing is endHistory for one to whom something live happens before the import that is being closed has come to them.
func (s *session) endClosing() (bool, error) {
	if s.customer.Import == "" {
		return true, nil
	}
	record, err := s.engine.importRecord(s.tx, s.customer.Import)
	if err != nil || record.State != ImportClosing {
		return true, err
	}
	return s.endHistory(record.At, record.Abort), nil
}

// cancelDue drops the timers of an aborted import that should have fired already: they belong to a past that was never
// told to its end. Silences rest until their event comes again.
func (s *session) cancelDue(until time.Time) {
	s.dropScores(until)
	for {
		j, timer := s.earliest(until)
		if j == nil {
			return
		}
		visit := s.customer.Visit(j.name)
		if timer.Run.IsZero() {
			restSilence(visit, timer.Seq)
			continue
		}
		removeTimer(visit, timer.Run)
		s.endRun(visit, timer.Run, "its import was aborted")
	}
}

// Line is one line of an import: an event and the identity by which a repeat of the line is recognised.
type Line struct {
	ID    string
	Event lifecycle.Event
}

// closingTime is how long opening an import works on the end of a former run, which nobody may be waiting for any more.
const closingTime = 3 * time.Second

// OpenImport opens an import, or goes on with an open one. History happens at its events' own times and sends nothing;
// otherwise the events are live. One that is closing is closed first, whoever began that; Busy if it takes longer: ask again.
func (e *Engine) OpenImport(ctx context.Context, source string, history bool) error {
	e.importing.Lock()
	defer e.importing.Unlock()
	answer, err := e.store.Ask(ctx, sourceID(source).Partition(), importState{source})
	if err != nil {
		return err
	}
	if record := answer.(importRecord); record.State == ImportClosing {
		progress, err := e.closeImport(ctx, source, record.At, record.Abort, closingTime)
		if err != nil {
			return err
		}
		if progress.State != ImportClosed {
			return lifecycle.Errorf(lifecycle.Busy, "the import %q is still being closed; try again in a moment", source)
		}
	}
	return e.homeLast(ctx, source, openImport{source, history, e.clock.Now()})
}

// homeLast gives an input to every partition, to that of the source's own ID when all others have taken it.
func (e *Engine) homeLast(ctx context.Context, source string, input any) error {
	home := sourceID(source).Partition()
	items := make([]store.Item, 0, lifecycle.Partitions)
	for p := range lifecycle.Partitions {
		if p != home {
			items = append(items, store.Item{Partition: p, Input: input})
		}
	}
	for _, result := range e.store.DoAll(ctx, items) {
		if result.Err != nil {
			return result.Err
		}
	}
	_, err := e.store.Do(ctx, home, input)
	return err
}

// importIsOpen returns the record of an import that is open.
func (e *Engine) importIsOpen(ctx context.Context, source string) (importRecord, error) {
	answer, err := e.store.Ask(ctx, sourceID(source).Partition(), importState{source})
	if err != nil {
		return importRecord{}, err
	}
	record := answer.(importRecord)
	if record.State != ImportOpen {
		return record, lifecycle.Errorf(lifecycle.Conflict, "the import %q is not open: it was closed meanwhile, or never begun; open it again to go on", source)
	}
	return record, nil
}

// Import takes lines of an open import.
func (e *Engine) Import(ctx context.Context, source string, lines []Line) ([]store.Result, error) {
	record, err := e.importIsOpen(ctx, source)
	if err != nil {
		return nil, err
	}
	history, now := record.History, e.clock.Now()
	inputs := make([]Receive, len(lines))
	for i, line := range lines {
		event := line.Event
		event.Received, event.Source = now, source
		if event.MessageID == "" {
			event.MessageID = source + ":" + line.ID
		}
		at := now
		if event.Timestamp.IsZero() {
			event.Timestamp = now
		}
		if history {
			if at = event.Timestamp.UTC(); at.After(now) {
				at = now
			}
		}
		inputs[i] = Receive{Event: event, At: at, Source: source, History: history, Mark: lineMark(source, line.ID)}
	}
	return e.take(ctx, inputs)
}

// ImportProgress says how far the closing of an import has come.
type ImportProgress struct {
	State string
	At    time.Time
	Done  int // customers brought up to the present by this call
}

// CloseImport closes an import: everything due by its end fires as history, customer by customer. It works for about
// the given time; unless the state is closed then, call it again. It is safe to repeat, also after a crash.
func (e *Engine) CloseImport(ctx context.Context, source string, until time.Time, abort bool, budget time.Duration) (ImportProgress, error) {
	e.importing.Lock()
	defer e.importing.Unlock()
	return e.closeImport(ctx, source, until, abort, budget)
}

func (e *Engine) closeImport(ctx context.Context, source string, until time.Time, abort bool, budget time.Duration) (ImportProgress, error) {
	answer, err := e.store.Do(ctx, sourceID(source).Partition(), beginClose{source, until, abort})
	if err != nil {
		return ImportProgress{}, err
	}
	record := answer.(importRecord)
	progress := ImportProgress{State: record.State, At: record.At}
	if record.State == ImportClosed {
		return progress, nil
	}
	if err = e.everywhere(ctx, closeChunk{Source: source, At: record.At, Abort: record.Abort}); err != nil { // so that all know of it
		return progress, err
	}
	started := time.Now()
	for {
		pending, err := e.instructionsUntil(ctx, record.At)
		if err != nil {
			return progress, err
		}
		if !pending {
			break
		}
		if time.Since(started) > budget {
			return progress, nil
		}
		lifecycle.WallClock{}.Wait(ctx, time.Now().Add(5*time.Millisecond))
	}
	open := make([]int, lifecycle.Partitions)
	for p := range open {
		open[p] = p
	}
	for len(open) > 0 {
		items := make([]store.Item, len(open))
		for i, p := range open {
			items[i] = store.Item{Partition: p, Input: closeChunk{Source: source, At: record.At, Abort: record.Abort, Limit: 50}}
		}
		var left []int
		for i, result := range e.store.DoAll(ctx, items) {
			if result.Err != nil {
				return progress, result.Err
			}
			chunk := result.Answer.(closeAnswer)
			progress.Done += chunk.Done
			if chunk.More {
				left = append(left, open[i])
			}
		}
		if open = left; len(open) > 0 && time.Since(started) > budget {
			return progress, nil
		}
	}
	if err = e.homeLast(ctx, source, closeChunk{Source: source, At: record.At, Limit: 1, Final: true, Done: e.clock.Now()}); err != nil {
		return progress, err
	}
	progress.State = ImportClosed
	return progress, nil
}
