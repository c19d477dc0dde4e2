package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"stagecraft/app/lifecycle"
)

// Limits of one request of an import; the server refuses more.
const (
	maxBatchEvents = 500
	maxBatchBytes  = 1_000_000
)

// ErrInterrupted is why an import ended that was told to stop: what was in flight is done, the import is still open,
// and running it again goes on.
var ErrInterrupted = errors.New("interrupted")

// ErrStrict is why a strict import ended at its first bad row.
var ErrStrict = errors.New("stopped at the first bad row")

// Importer sends the events, or the customers, of one source to a server, each once however often it is run, and each customer's in the
// order of the source.
type Importer struct {
	Client   *Client
	Source   string                         // the import's name at the server
	History  bool                           // the events are the past; otherwise they count as happening now
	Persons  bool                           // the rows are customers, not events
	Until    time.Time                      // rows of a later time are left out; zero: none are
	Workers  int                            // requests in flight
	Strict   bool                           // end at the first bad row
	Poll     time.Duration                  // between two questions whether the server has caught up
	Idle     time.Duration                  // a batch that is not full leaves when no row came for so long
	Rejected func(Record, error)            // told of every row that did not get in, one at a time
	Rows     func(done, total int64, n int) // told how far the reading is; may be nil
	CatchUp  func(done, total int64)        // told how far the server is after the last row; may be nil
	Busy     func(answer error)             // told once, when the server has answered 429 for a while

	name   string // of this run, so that another one of the source is told that it is not alone
	busy   sync.Once
	mu     sync.Mutex
	result Result
	unsent struct { // rows that could not be read, as the server is told of them
		Refused int      `json:"refused,omitempty"`
		Rejects []unsent `json:"rejects,omitempty"`
	}
}

// unsent is a row that could not be read.
type unsent struct {
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// maxUnsent is how many of them the server remembers.
const maxUnsent = 20

// Result is what an import did.
type Result struct {
	Source     string        `json:"source"`
	History    bool          `json:"history"`
	Closed     bool          `json:"closed"`            // all rows were sent and the server has caught up
	ClosedAt   time.Time     `json:"closedAt,omitzero"` // the moment up to which history has been lived through
	Skipped    int           `json:"skipped,omitempty"` // later than asked for, or test people
	Rows       int           `json:"rows"`              // read from the source
	Accepted   int           `json:"accepted"`          // new to the server
	Duplicates int           `json:"duplicates"`        // there already, from an earlier run or a request that had to be repeated
	Late       int           `json:"late"`              // history older than what the customer has lived through: stored, without effect
	Rejected   int           `json:"rejected"`
	Elapsed    time.Duration `json:"-"`
}

// MarshalJSON adds the time that it took, in seconds.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	return json.Marshal(struct {
		plain
		Seconds float64 `json:"elapsedSeconds"`
	}{plain(r), r.Elapsed.Seconds()})
}

// NewImporter returns an importer with 4 requests in flight.
func NewImporter(client *Client, source string) *Importer {
	return &Importer{name: uuid.NewString(), Client: client, Source: source, Workers: 4, Poll: 500 * time.Millisecond, Idle: 200 * time.Millisecond,
		Rejected: func(Record, error) {}, Busy: func(error) {}}
}

// busyFor is how long a server may answer 429 before it is said.
const busyFor = 10 * time.Second

// waits says once that the server has been busy for long.
func (im *Importer) waits(answer error, since time.Time) {
	if im.Client.Clock.Now().Sub(since) >= busyFor {
		im.busy.Do(func() { im.Busy(answer) })
	}
}

// Run imports the events. When ctx ends it finishes the requests in flight (as far as the client's Grace goes), leaves
// the import open and returns ErrInterrupted. Whatever the end, the Result says how far it came. Run is used once.
func (im *Importer) Run(ctx context.Context, events *Events) (Result, error) {
	started := im.Client.Clock.Now()
	client := *im.Client
	client.Waits, im.Client = im.waits, &client
	im.result = Result{Source: im.Source, History: im.History}
	err := im.run(ctx, events)
	im.mu.Lock()
	defer im.mu.Unlock()
	im.result.Elapsed = im.Client.Clock.Now().Sub(started)
	return im.result, err
}

func (im *Importer) run(ctx context.Context, events *Events) error {
	if err := im.open(ctx); err != nil {
		return im.orInterrupted(ctx, err)
	}
	if err := im.send(ctx, events); err != nil {
		return im.orInterrupted(ctx, err)
	}
	if err := im.close(ctx); err != nil {
		return im.orInterrupted(ctx, err)
	}
	im.result.Closed = true
	return nil
}

func (im *Importer) orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ErrStrict) {
		return ErrInterrupted
	}
	return err
}

func (im *Importer) path(verb string) string {
	return "/v1/import/" + url.PathEscape(im.Source) + "/" + verb
}

// asRun says in a query whose request it is.
func (im *Importer) asRun() string { return "?run=" + im.name }

// kind is what the rows are, as the server's paths name it.
func (im *Importer) kind() string {
	if im.Persons {
		return "customers"
	}
	return "events"
}

// open announces the import. A server that is not there is not waited for: nothing was begun. One that is still busy with
// the end of a former run is.
func (im *Importer) open(ctx context.Context) error {
	impatient := *im.Client
	impatient.Patience = min(impatient.Patience, 5*impatient.Pause)
	request := struct {
		Source  string `json:"source"`
		History bool   `json:"history"`
	}{im.Source, im.History}
	for began := im.Client.Clock.Now(); ; {
		status, err := impatient.Post(ctx, "/v1/import"+im.asRun(), request, nil)
		if another := isAnotherRun(err); lifecycle.CodeOf(err) != lifecycle.Busy && !another || another && im.Client.Clock.Now().Sub(began) > anotherRun {
			return err
		}
		if status == http.StatusTooManyRequests {
			im.waits(err, began)
		}
		if err := im.Client.Clock.Wait(ctx, im.Client.Clock.Now().Add(im.Poll)); err != nil {
			return err
		}
	}
}

// anotherRun is how long it takes the server to see that a run of the source is over that was killed.
const anotherRun = 6 * time.Second

func isAnotherRun(err error) bool {
	var own *lifecycle.Error
	return errors.As(err, &own) && own.Code == lifecycle.Conflict && own.Field == "run"
}

// unsentOf tells of a row that could not be read.
func unsentOf(record Record) unsent {
	out := unsent{Line: record.Row.Line, Message: sentence(record.Err)}
	var known *lifecycle.Error
	if errors.As(record.Err, &known) {
		out.Field = known.Field
	}
	return out
}

// close ends the import and waits until the server has caught up.
func (im *Importer) close(ctx context.Context) error {
	for {
		var answer struct {
			Done, Total int64
			At          time.Time
		}
		status, err := im.Client.Post(ctx, im.path("close")+im.asRun(), im.unsent, &answer)
		if err != nil {
			return err
		}
		if status != http.StatusAccepted {
			im.result.ClosedAt = answer.At
			return nil
		}
		if im.CatchUp != nil {
			im.CatchUp(answer.Done, answer.Total)
		}
		if err := im.Client.Clock.Wait(ctx, im.Client.Clock.Now().Add(im.Poll)); err != nil {
			return err
		}
	}
}

// Abort takes an import back at the server.
func (im *Importer) Abort(ctx context.Context) error {
	_, err := im.Client.Post(ctx, im.path("abort"), struct{}{}, nil)
	return err
}

// send reads the source and shares the events out to the lanes: all of one identity to the same lane, which sends one
// batch after the other.
func (im *Importer) send(ctx context.Context, events *Events) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var working sync.WaitGroup
	lanes := make([]*lane, max(im.Workers, 1))
	for i := range lanes {
		lanes[i] = &lane{importer: im, items: make(chan item, maxBatchEvents), stop: stop}
		working.Go(func() { lanes[i].run(ctx) })
	}
	err := im.share(ctx, events, lanes)
	if err != nil {
		stop(err)
	}
	for _, lane := range lanes {
		close(lane.items)
	}
	working.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (im *Importer) share(ctx context.Context, events *Events, lanes []*lane) error {
	records := readAll(ctx, events)
	inOrder := false // one lane only from here on
	for {
		var next read
		var more bool
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case next, more = <-records:
		}
		if !more {
			return nil
		}
		if next.err != nil {
			return next.err
		}
		record := next.record
		im.mu.Lock()
		im.result.Rows++
		rows := im.result.Rows
		im.mu.Unlock()
		if im.Rows != nil {
			done, total := events.Rows.Position()
			im.Rows(done, total, rows)
		}
		if record.Err != nil {
			im.unsent.Refused++
			im.unsent.Rejects = append(im.unsent.Rejects[max(0, len(im.unsent.Rejects)-maxUnsent+1):], unsentOf(record))
			if err := im.reject(record, record.Err); err != nil {
				return err
			}
			continue
		}
		if im.passes(record) {
			im.mu.Lock()
			im.result.Skipped++
			im.mu.Unlock()
			continue
		}
		sent, err := newItem(record)
		if err != nil {
			return err
		}
		at := laneOf(record.Event.Identity(), len(lanes))
		if user, anonymous := record.Event.UserID, record.Event.AnonymousID; user != "" && anonymous != "" && !inOrder &&
			at != laneOf(lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: anonymous}, len(lanes)) {
			// Two identities of one customer in two lanes could overtake each other. A source that links identities
			// goes through one lane from its first such row on.
			if err := drain(ctx, lanes); err != nil {
				return err
			}
			inOrder = true
		}
		if inOrder {
			at = 0
		}
		if err := lanes[at].put(ctx, sent); err != nil {
			return err
		}
	}
}

// passes reports whether a row is left out: it is of a later time than asked for, or about a test person of another server.
func (im *Importer) passes(record Record) bool {
	return !im.Until.IsZero() && record.Event.Timestamp.After(im.Until) || record.person != nil && record.person.test
}

// read is one record, or the error that ended the source.
type read struct {
	record Record
	err    error
}

// readAll reads in a goroutine of its own, so that a source which gives nothing (a pipe) cannot keep an interruption
// waiting.
func readAll(ctx context.Context, events *Events) <-chan read {
	records := make(chan read, maxBatchEvents)
	go func() {
		defer close(records)
		for {
			record, err := events.Next()
			if err == io.EOF {
				return
			}
			select {
			case records <- read{record, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return records
}

func laneOf(identity lifecycle.Identity, lanes int) int {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, string(identity.Kind)+"\x00"+identity.Value)
	return int(hash.Sum32() % uint32(lanes))
}

// drain waits until every lane has sent what it holds.
func drain(ctx context.Context, lanes []*lane) error {
	for _, lane := range lanes {
		empty := make(chan struct{})
		if err := lane.put(ctx, item{drained: empty}); err != nil {
			return err
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// reject counts a row that did not get in. In a strict import it is the end.
func (im *Importer) reject(record Record, reason error) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.result.Rejected++
	im.Rejected(record, reason)
	if im.Strict {
		return fmt.Errorf("%w: %w", ErrStrict, reason)
	}
	return nil
}

// answer is what the server says to a batch.
type answer struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Late       int `json:"late"`
	Errors     []struct {
		Index   int    `json:"index"`
		Message string `json:"message"`
		Field   string `json:"field"`
	} `json:"errors"`
}

func (im *Importer) count(batch []item, answer answer) error {
	im.mu.Lock()
	im.result.Accepted += answer.Accepted
	im.result.Duplicates += answer.Duplicates
	im.result.Late += answer.Late
	im.mu.Unlock()
	for _, bad := range answer.Errors {
		if bad.Index < 0 || bad.Index >= len(batch) {
			return lifecycle.Errorf(lifecycle.Internal, "the server refused row %d of a batch of %d: %s", bad.Index, len(batch), bad.Message)
		}
		record := batch[bad.Index].record
		reason := lifecycle.Errorf(lifecycle.Invalid, "%s", bad.Message)
		reason.Field, reason.File, reason.Line = bad.Field, record.file, record.Row.Line
		if err := im.reject(record, reason); err != nil {
			return err
		}
	}
	return nil
}
