package script

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// Tests of journeys: *_test.lua beside the scripts. This file is what the rest of the program sees of them; the words
// that tests know are in testing_words.go, what expect can say in testing_expect.go.

// Lab is where tests run: it makes a world in virtual time for each case. Whoever has an engine builds one.
type Lab interface {
	// NewCase makes a world whose time is start and in which nobody has been yet. What was made before is done with.
	NewCase(start time.Time) (Case, error)
}

// Case is one test's world.
type Case interface {
	// Receive lets an event happen now, and everything that follows from it at once.
	Receive(ctx context.Context, event lifecycle.Event) error
	// Award gives somebody points now, as a script would, with everything that follows from it at once.
	Award(ctx context.Context, who lifecycle.Identity, award lifecycle.Award) error
	// Advance brings the world to a moment; timers fire on the way, each at its own time.
	Advance(ctx context.Context, until time.Time) error
	// Look returns what is known about somebody now. What it returns must not be changed.
	Look(ctx context.Context, who lifecycle.Identity) (*Life, error)
}

// ErrTaken is what Case.Receive returns for a user ID that another case of the same lab has used. The case is then run
// once more in a new world.
const ErrTaken = lifecycle.Code("taken")

// Life is a customer as a test sees them.
type Life struct {
	Customer *lifecycle.Customer
	Segments []string    // in which the customer is, by name
	Known    []string    // all segments that there are, by name
	Happened []Happening // oldest first
	Messages []Said      // oldest first
}

// Happening is an event or a timer and what it caused.
type Happening struct {
	At    time.Time
	Event *lifecycle.Event // nil: a timer
	Facts []lifecycle.Fact
}

// Said is a message and, if it was handed over, what it said.
type Said struct {
	lifecycle.Message
	Rendered *lifecycle.Rendered // nil: it never got that far
}

// TestResult is what became of one case.
type TestResult struct {
	Journey string        `json:"journey"`
	Name    string        `json:"name"` // what describe and it say, from outside in, with " › " between
	File    string        `json:"file"` // relative to the scripts folder
	Line    int           `json:"line"` // of the it
	Took    time.Duration `json:"took"` // in nanoseconds, of real time
	Failure *TestFailure  `json:"failure,omitempty"`
	Story   []string      `json:"story,omitempty"` // of a failed case: the timelines of its customers, a line each
}

// TestFailure says why a case failed and where.
type TestFailure struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Source   string `json:"source,omitempty"` // the line itself
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Hint     string `json:"hint,omitempty"`
	During   string `json:"during,omitempty"` // of a script that failed: what the test was doing, as file:line
}

// testSuffix ends the names of files with tests.
const testSuffix = "_test.lua"

func isTest(file string) bool { return strings.HasSuffix(file, testSuffix) }

// ReadTests reads the test files of a journey's folder, by their names in it. The error is an Errors.
func ReadTests(fsys fs.FS, journey string) (map[string][]byte, error) {
	r := &reader{fsys: fsys}
	files := map[string][]byte{}
	for _, entry := range r.list(journey) {
		name := entry.Name()
		if strings.HasSuffix(name, testSuffix) && !strings.HasPrefix(name, ".") && !r.isDir(journey+"/"+name, entry) {
			if text, ok := r.read(journey+"/"+name, MaxLuaBytes); ok {
				files[name] = text
			}
		}
	}
	if len(r.errs) > 0 {
		return files, r.errs
	}
	return files, nil
}

// RunTests runs the cases of a journey's test files whose names contain the filter (in any case of letters; empty: all),
// file by file, one after the other, and tells each result when it is there. It returns false if one failed. An error is
// not a case that failed, but a lab that did or a context that ended.
func (h *Host) RunTests(ctx context.Context, src Source, files map[string][]byte, lab Lab, filter string, tell func(TestResult)) (bool, error) {
	passed := true
	for _, name := range sortedKeys(files) {
		t := newTester(ctx, h, src, name, files[name], lab, filter)
		t.tell = func(result TestResult) {
			passed = passed && result.Failure == nil
			tell(result)
		}
		if err := t.file(); err != nil {
			return false, err
		}
	}
	return passed, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
