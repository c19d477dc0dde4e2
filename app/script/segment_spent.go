package script

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"stagecraft/app/lifecycle"
)

// maxSpent is how often in a row a segment may do too much work before it is taken for broken. Each time costs milliseconds
// of the partition's writer, and everybody is asked after a change.
const maxSpent = 20

// spent counts how often in a row a segment did too much work. It is safe for concurrent use.
type spent struct {
	times atomic.Int32
	found atomic.Pointer[brokenSegment]

	mu    sync.Mutex
	reads uint64
}

// brokenSegment is what a segment answers that is not run any more.
type brokenSegment struct {
	reads uint64 // what it looked at before
	err   error
}

// broken returns why a segment is not run any more, and what it looks at; nil if it is run.
func (s *spent) broken() (reads uint64, err error) {
	if found := s.found.Load(); found != nil {
		return found.reads, found.err
	}
	return 0, nil
}

// note counts a time.
func (s *spent) note(reads uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads |= reads
	var last *lifecycle.Error
	if s.times.Add(1) < maxSpent || !errors.As(err, &last) {
		return
	}
	told := *last
	told.Message = fmt.Sprintf("%s; it did so %d times in a row, and nobody is asked any more until the segments are changed", last.Message, maxSpent)
	s.found.Store(&brokenSegment{s.reads, &told})
}

// forget begins to count anew.
func (s *spent) forget() {
	if s.times.Load() != 0 {
		s.times.Store(0)
	}
}
