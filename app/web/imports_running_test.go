package web_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
	"stagecraft/app/web"
)

func isAnotherRun(err error) bool {
	var own *lifecycle.Error
	return errors.As(err, &own) && own.Code == lifecycle.Conflict && own.Field == "run"
}

// A run that was silent for so long that another one took its place neither sends nor closes under that one's hands.
func TestASilentRunLosesItsPlace(t *testing.T) {
	var runs web.ImportRuns
	clock := lifecycle.NewManualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	work := func(run string, want bool) {
		t.Helper()
		done, err := runs.Work("list", run, clock)
		if want != (err == nil) || err != nil && !isAnotherRun(err) {
			t.Fatalf("%q: %v", run, err)
		}
		if err == nil {
			done()
		}
	}
	if err := runs.Begin("list", "a", clock.Now()); err != nil {
		t.Fatal(err)
	}
	work("a", true)
	work("b", false)
	clock.Advance(web.ImportLease)
	if err := runs.Begin("list", "b", clock.Now()); err != nil {
		t.Fatal(err)
	}
	work("a", false) // its rows and its close
	work("b", true)
	work("", true) // the console
	runs.End("list", "a")
	if err := runs.Begin("list", "c", clock.Now()); !isAnotherRun(err) {
		t.Errorf("what is not its own was ended: %v", err)
	}
	runs.End("list", "")
	if err := runs.Begin("list", "c", clock.Now()); err != nil {
		t.Error(err)
	}
	// A long request holds its place.
	done, err := runs.Work("list", "c", clock)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(10 * web.ImportLease)
	work("a", false)
	done()
	clock.Advance(web.ImportLease)
	work("a", true)
	work("c", false)
}

// A run that began before the program did is known from its first request on, and what it brings is counted.
func TestARunGoesOnAfterARestart(t *testing.T) {
	var runs web.ImportRuns
	clock := lifecycle.NewManualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	done, err := runs.Work("list", "a", clock)
	if err != nil {
		t.Fatal(err)
	}
	if taken := runs.Taken("list"); taken != -1 {
		t.Errorf("before its rows are in: %d", taken)
	}
	runs.Took("list", 3, clock.Now())
	if err := runs.Begin("list", "b", clock.Now()); !isAnotherRun(err) {
		t.Errorf("another one begins beside it: %v", err)
	}
	// However many others come, one with a request under way is not forgotten.
	for i := range 2 * web.MaxImportRuns {
		clock.Advance(time.Minute)
		if err := runs.Begin(fmt.Sprint("other", i), "x", clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if taken := runs.Taken("list"); taken != 3 {
		t.Errorf("%d rows are known", taken)
	}
	done()
	runs.Took("nameless", 2, clock.Now())
	if taken := runs.Taken("nameless"); taken != 2 {
		t.Errorf("%d rows are known of a run without a name", taken)
	}
}
