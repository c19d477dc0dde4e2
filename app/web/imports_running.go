package web

import (
	"strings"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// importLease is how long an import counts as running that sends nothing: one that was killed is over then.
const importLease = 5 * time.Second

// Bounds of what is remembered of imports.
const (
	maxImportRuns    = 200 // sources
	maxImportRejects = 20  // of each, the latest
)

// importRuns are the imports that send, or have sent since the program started. Whoever sends draws a name for their run, so
// that two of one source do not get into each other's way: the first to end would close it under the other. Who was silent for
// longer than the lease may find another one in their place, and is told so too. Without a name nobody is told.
type importRuns struct {
	mu       sync.Mutex
	bySource map[string]*importRun
}

type importRun struct {
	name    string // "": nobody holds it
	working int    // requests under way
	seen    time.Time
	taken   importTaken
	refused refusedRows
}

// refusedRows are those that whoever imports could not read, and never sent.
type refusedRows struct {
	Refused int            `json:"refused"`
	Rejects []importReject `json:"rejects"` // the latest of them
}

// importTaken is what became of the rows of a run.
type importTaken struct {
	Accepted   int            `json:"accepted"`
	Duplicates int            `json:"duplicates"`
	Late       int            `json:"late"`
	Rejected   int            `json:"rejected"`
	Last       time.Time      `json:"last"`
	Rejects    []importReject `json:"rejects"` // the latest
}

// importReject is a row that was not taken.
type importReject struct {
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// begin lets a run begin, unless another one of its source sends.
func (r *importRuns) begin(source, name string, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.bySource[source]
	if run != nil && name != "" && run.name == name { // it asks again, or began before the program did
		run.seen = now
		return nil
	}
	if err := run.yields(name, now); err != nil {
		return err
	}
	r.enter(source, name, now).taken.Last = now.UTC()
	return nil
}

// yields refuses a run while another one sends.
func (run *importRun) yields(to string, now time.Time) error {
	if run == nil || to == "" || run.name == "" || run.name == to || run.working == 0 && now.Sub(run.seen) >= importLease {
		return nil
	}
	return &lifecycle.Error{Code: lifecycle.Conflict, Field: "run", Message: "another import of this source runs; wait for its end, or give this one another source name",
		Hint: "one that was killed counts as ended after some seconds"}
}

// enter remembers a run, of which nothing is known yet.
func (r *importRuns) enter(source, name string, now time.Time) *importRun {
	if r.bySource == nil {
		r.bySource = map[string]*importRun{}
	}
	if r.bySource[source] == nil && len(r.bySource) >= maxImportRuns {
		r.forgetOne()
	}
	run := &importRun{name: name, seen: now, taken: importTaken{Rejects: []importReject{}}}
	r.bySource[strings.Clone(source)] = run
	return run
}

// forgetOne forgets the run that was seen longest ago, of those that have no request under way.
func (r *importRuns) forgetOne() {
	oldest := ""
	for source, run := range r.bySource {
		if run.working > 0 {
			continue
		}
		if oldest == "" || run.seen.Before(r.bySource[oldest].seen) {
			oldest = source
		}
	}
	delete(r.bySource, oldest)
}

// work notes that a run sends, until the func that it returns is called. A run that began before the program did is one from then
// on; one in whose place another sends is refused.
func (r *importRuns) work(source, name string, clock lifecycle.Clock) (done func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	run, now := r.bySource[source], clock.Now()
	if err = run.yields(name, now); err != nil {
		return nil, err
	}
	if run == nil {
		run = r.enter(source, name, now)
	}
	run.name, run.seen = name, now
	run.working++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		run.working--
		run.seen = clock.Now()
	}, nil
}

// end lets another run of the source begin. A run ends only itself; without a name, as from the console, whichever there is.
func (r *importRuns) end(source, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.bySource[source]; run != nil && (name == "" || run.name == name) {
		run.name = ""
	}
}

// note counts what became of the rows of a request.
func (r *importRuns) note(source string, now time.Time, came importTaken, rows *rowsRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.bySource[source]
	if run == nil {
		run = r.enter(source, "", now)
	}
	t := &run.taken
	t.Accepted, t.Duplicates, t.Late, t.Last = t.Accepted+came.Accepted, t.Duplicates+came.Duplicates, t.Late+came.Late, now.UTC()
	t.Rejected += len(rows.problems)
	for _, problem := range rows.problems[max(0, len(rows.problems)-maxImportRejects):] {
		t.Rejects = append(t.Rejects, importReject{rows.numbers[problem.Index], problem.Message, problem.Field})
	}
	t.Rejects = t.Rejects[max(0, len(t.Rejects)-maxImportRejects):]
}

// of returns what became of the rows of the latest run of a source; nil: nothing was sent since the program started.
func (r *importRuns) of(source string) *importTaken {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.bySource[source]
	if run == nil || run.taken.Last.IsZero() {
		return nil
	}
	taken := run.taken
	taken.Rejected += run.refused.Refused
	taken.Rejects = append(append([]importReject{}, run.refused.Rejects...), taken.Rejects...)
	taken.Rejects = taken.Rejects[max(0, len(taken.Rejects)-maxImportRejects):]
	return &taken
}

// refuse notes the rows of a run that were never sent: said again they are the same ones.
func (r *importRuns) refuse(source, name string, rows refusedRows) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.bySource[source]; run != nil && run.name == name {
		rows.Rejects = rows.Rejects[max(0, len(rows.Rejects)-maxImportRejects):]
		run.refused = rows
	}
}
