package engine

import (
	"maps"
	"sync"
	"time"
)

// Bounds of what the log is told of scripts that fail: one that is broken fails for everybody.
const (
	failureEvery     = time.Minute // at most, of one place
	maxFailurePlaces = 256         // places within that time
)

// failurePlace is where a script failed.
type failurePlace struct {
	journey, file string
	line          int
}

// failures remembers when the log was told of a place last.
type failures struct {
	mu   sync.Mutex
	told map[failurePlace]time.Time
}

// tellFailure tells the log of a step that was set aside, unless it was told of the place just now. What the script said is not told:
// it may be of somebody who asks to be forgotten, and nothing is forgotten by a log.
func (e *Engine) tellFailure(place failurePlace) {
	if e.failures.due(place, e.clock.Now()) {
		e.log.Warn("a script failed and the step was set aside; the console says what it said", "journey", place.journey, "file", place.file, "line", place.line)
	}
}

func (f *failures) due(place failurePlace, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	over := func(_ failurePlace, at time.Time) bool { return now.Sub(at) >= failureEvery || now.Before(at) }
	if at, told := f.told[place]; told && !over(place, at) {
		return false
	}
	if len(f.told) >= maxFailurePlaces {
		maps.DeleteFunc(f.told, over)
	}
	if len(f.told) >= maxFailurePlaces {
		return false
	}
	if f.told == nil {
		f.told = map[failurePlace]time.Time{}
	}
	f.told[place] = now
	return true
}
