package engine

import (
	"bytes"
	"context"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// What is kept of a named source lies in the partition of its name:
//
//	P s source                             -> SourceState
//	P r source, time (newest first), ID    -> SourceReject

// SourceState is how a source stands. It is kept for people and, of what is fetched, to go on from.
type SourceState struct {
	Requests uint64    `msgpack:"n"` // that came in, or fetches that brought something
	Events   uint64    `msgpack:"e"` // that were taken
	Repeats  uint64    `msgpack:"d"` // that were known already
	Refused  uint64    `msgpack:"r"` // requests and rows that came to nothing, with an error
	Last     time.Time `msgpack:"l"` // when something came in last

	Fetched  time.Time `msgpack:"f"` // when it was fetched last, with or without success; zero: never
	ETag     string    `msgpack:"t"` // of what was fetched last
	Modified string    `msgpack:"m"` // its Last-Modified
	Of       string    `msgpack:"u"` // names the address and the rules for which ETag and Modified hold
	Cursor   string    `msgpack:"c"` // the greatest value of the cursor's column so far
	CursorOf string    `msgpack:"v"` // names the address and the column for which Cursor holds
	Failures int       `msgpack:"x"` // fetches in a row that failed
	Problem  string    `msgpack:"p"` // why the last one did
	Old      uint64    `msgpack:"o"` // rows that were passed over because they happened too long ago
}

// SourceReject is what came in by a source and came to nothing.
type SourceReject struct {
	ID     lifecycle.ID      `msgpack:"i"`
	At     time.Time         `msgpack:"a"`
	Reason string            `msgpack:"r"`
	File   string            `msgpack:"f,omitempty"` // of a script that failed
	Line   int               `msgpack:"l,omitempty"` // its line, or the row's
	Row    bool              `msgpack:"w,omitempty"` // Body is a row of what was fetched
	Head   map[string]string `msgpack:"h,omitempty"` // the request's headers, without those that prove anything
	Query  map[string]string `msgpack:"q,omitempty"`
	Body   []byte            `msgpack:"b,omitempty"`
}

// MaxRejects of one source are kept; the oldest go first.
const MaxRejects = 100

func sourceStateKey(source lifecycle.ID) []byte { return append([]byte{'P', 's'}, source[:]...) }

func rejectPrefix(source lifecycle.ID) []byte { return append([]byte{'P', 'r'}, source[:]...) }

func rejectKey(source lifecycle.ID, at time.Time, id lifecycle.ID) []byte {
	return append(store.AppendTimeNewestFirst(rejectPrefix(source), at), id[:]...)
}

func namedSource(name string) lifecycle.ID { return lifecycle.HashID("source", name) }

type (
	// keepSource is the input "this is how a source stands, and this was not taken".
	keepSource struct {
		Source  string
		State   *SourceState // nil: as it was
		Rejects []SourceReject
	}
	// dropReject is the input "this is settled".
	dropReject struct {
		Source string
		ID     lifecycle.ID // zero: all of them
	}
	sourceState   struct{ Source string }
	sourceRejects struct {
		Source string
		Limit  int
	}
)

// KeepSource writes down how a source stands, and what it did not take. It is safe to repeat: what is not taken again is
// kept once, with its latest reason.
func (e *Engine) KeepSource(ctx context.Context, source string, state *SourceState, rejects []SourceReject) error {
	_, err := e.store.Do(ctx, namedSource(source).Partition(), keepSource{source, state, rejects})
	return err
}

// SourceState returns how a source stands.
func (e *Engine) SourceState(ctx context.Context, source string) (SourceState, error) {
	answer, err := e.store.Ask(ctx, namedSource(source).Partition(), sourceState{source})
	if err != nil {
		return SourceState{}, err
	}
	return answer.(SourceState), nil
}

// SourceRejects returns what a source did not take, newest first.
func (e *Engine) SourceRejects(ctx context.Context, source string) ([]SourceReject, error) {
	answer, err := e.store.Ask(ctx, namedSource(source).Partition(), sourceRejects{source, MaxRejects})
	if err != nil {
		return nil, err
	}
	return answer.([]SourceReject), nil
}

// DropReject forgets what was not taken, or all of it if id is zero.
func (e *Engine) DropReject(ctx context.Context, source string, id lifecycle.ID) error {
	_, err := e.store.Do(ctx, namedSource(source).Partition(), dropReject{source, id})
	return err
}

// ReceivePulled takes live events that a source has fetched. They are known by their message IDs for as long as there is
// the source, because what is fetched again may be years old.
func (e *Engine) ReceivePulled(ctx context.Context, source string, events []lifecycle.Event) ([]store.Result, error) {
	now := e.clock.Now()
	inputs := make([]Receive, len(events))
	for i, event := range events {
		event.Received = now
		if event.Timestamp.IsZero() {
			event.Timestamp = now
		}
		inputs[i] = Receive{Event: event, At: now, Source: "pull:" + source, Mark: lifecycle.HashID("pulled", event.MessageID)}
	}
	return e.take(ctx, inputs)
}

func (e *Engine) keepSource(tx store.Tx, in keepSource) error {
	source := namedSource(in.Source)
	if in.State != nil {
		tx.Set(sourceStateKey(source), store.Encode(in.State))
	}
	if len(in.Rejects) == 0 {
		return nil
	}
	if err := e.eachReject(tx, source, func(key []byte, known SourceReject) {
		for i := range in.Rejects {
			if in.Rejects[i].ID == known.ID {
				tx.Delete(key)
			}
		}
	}); err != nil {
		return err
	}
	for i := range in.Rejects {
		tx.Set(rejectKey(source, in.Rejects[i].At, in.Rejects[i].ID), store.Encode(&in.Rejects[i]))
	}
	kept := 0
	return e.eachReject(tx, source, func(key []byte, _ SourceReject) {
		if kept++; kept > MaxRejects {
			tx.Delete(key)
		}
	})
}

// eachReject visits what a source did not take, newest first. visit may delete the key.
func (e *Engine) eachReject(tx store.Reader, source lifecycle.ID, visit func(key []byte, reject SourceReject)) error {
	type entry struct {
		key    []byte
		reject SourceReject
	}
	var all []entry
	var failed error
	prefix := rejectPrefix(source)
	tx.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		var reject SourceReject
		if failed = store.Decode(value, &reject); failed != nil {
			return false
		}
		all = append(all, entry{bytes.Clone(key), reject})
		return len(all) < 3*MaxRejects
	})
	for _, one := range all {
		visit(one.key, one.reject)
	}
	return failed
}

func (e *Engine) dropReject(tx store.Tx, in dropReject) error {
	return e.eachReject(tx, namedSource(in.Source), func(key []byte, reject SourceReject) {
		if in.ID.IsZero() || reject.ID == in.ID {
			tx.Delete(key)
		}
	})
}

func (e *Engine) sourceState(tx store.Reader, q sourceState) (state SourceState, err error) {
	if data := tx.Get(sourceStateKey(namedSource(q.Source))); data != nil {
		err = store.Decode(data, &state)
	}
	return state, err
}

func (e *Engine) sourceRejects(tx store.Reader, q sourceRejects) ([]SourceReject, error) {
	rejects := []SourceReject{}
	err := e.eachReject(tx, namedSource(q.Source), func(_ []byte, reject SourceReject) {
		if len(rejects) < q.Limit {
			rejects = append(rejects, reject)
		}
	})
	return rejects, err
}
