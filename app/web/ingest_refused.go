package web

import (
	"sync"
	"sync/atomic"
	"time"
)

// refusalsTold is how often the log speaks of refused events at most.
const refusalsTold = time.Minute

// refusals counts the events of batches that were refused. Libraries say nothing of them to whoever wrote the program, because
// the answer is 200: operators hear of them here.
type refusals struct {
	total atomic.Int64

	mu     sync.Mutex
	untold int64
	told   time.Time
}

// note counts n more. It returns how many the log has to tell of, all since it told of some before; 0: not now.
func (r *refusals) note(n int, now time.Time) (tell int64) {
	r.total.Add(int64(n))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untold += int64(n)
	if !r.told.IsZero() && now.Sub(r.told).Abs() < refusalsTold {
		return 0
	}
	tell, r.untold, r.told = r.untold, 0, now
	return tell
}
