package store

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"stagecraft/app/lifecycle"
)

// Bounds of what one partition hands to the committer at a time. A group ends at the first input that passes them, so
// a group and one input together stay below what one commit may hold.
const (
	maxGroupInputs  = 512
	maxGroupEntries = 1000
	maxGroupBytes   = 256 << 10
)

// Bounds of what one input may write. Badger would refuse a bigger one only when it is committed, together with
// everything else in that commit; here it fails alone.
const (
	maxInputEntries = maxCommitEntries - maxGroupEntries
	maxInputBytes   = maxCommitBytes - maxGroupBytes
	maxInputTree    = maxCommitTree - maxGroupBytes - maxGroupEntries*(longValue+entryBytes)
	maxKeyBytes     = 4 << 10
)

// job is one input with the place its answer goes to.
type job struct {
	input any
	wait  *waiter
	index int
}

// waiter gathers the answers to one DoAll.
type waiter struct {
	results []Result
	left    atomic.Int64
	done    chan struct{}
}

func (w *waiter) settle(index int, result Result) {
	w.results[index] = result
	if w.left.Add(-1) == 0 {
		close(w.done)
	}
}

// partition is the queue before one single writer.
type partition struct {
	number int
	mu     sync.Mutex
	queue  []job
	wake   chan struct{}
	closed bool
	recent *recent // used by the single writer only, like the rest

	onTheWay []*txn // groups that the committer has and that are not on disk yet, oldest first
	spare    []*txn // groups that are on disk, whose room is used again
}

func newPartition(number int) *partition {
	return &partition{number: number, wake: make(chan struct{}, 1), recent: newRecent()}
}

func (p *partition) push(j job) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		j.wait.settle(j.index, Result{Err: lifecycle.Errorf(lifecycle.Unavailable, "the store is closing")})
		return
	}
	p.queue = append(p.queue, j)
	p.mu.Unlock()
	p.signal()
}

func (p *partition) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *partition) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.signal()
}

// take returns what has gathered, waiting for the first; nil when the partition is closed and empty.
func (p *partition) take() []job {
	for {
		p.mu.Lock()
		if n := len(p.queue); n > 0 {
			if n > maxGroupInputs {
				n = maxGroupInputs
			}
			jobs := p.queue[:n:n]
			p.queue = p.queue[n:]
			if len(p.queue) == 0 {
				p.queue = nil
			}
			p.mu.Unlock()
			return jobs
		}
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return nil
		}
		<-p.wake
	}
}

// giveBack puts jobs that did not fit the group to the front again.
func (p *partition) giveBack(jobs []job) {
	p.mu.Lock()
	p.queue = append(jobs[:len(jobs):len(jobs)], p.queue...)
	p.mu.Unlock()
}

// work is the single writer of one partition: take what has gathered, apply it, commit it, answer.
func (s *Store) work(p *partition) {
	defer s.workers.Done()
	for {
		jobs := p.take()
		if jobs == nil {
			for _, tx := range p.onTheWay {
				<-tx.done
			}
			return
		}
		s.workGroup(p, jobs)
	}
}

// maxOnTheWay is how many groups of a partition may be on their way to the disk while the next one is applied on top of
// them. An answer is given only when its group is there; a commit that fails stops the store for good, so that nothing
// applied on top of it needs to be taken back.
const maxOnTheWay = 2

// arrived forgets the groups that are on disk, waiting until there is room for one more.
func (p *partition) arrived() {
	for len(p.onTheWay) > 0 {
		select {
		case <-p.onTheWay[0].done:
		default:
			if len(p.onTheWay) < maxOnTheWay {
				return
			}
			<-p.onTheWay[0].done
		}
		p.spare = append(p.spare, p.onTheWay[0].empty())
		p.onTheWay = slices.Delete(p.onTheWay, 0, 1)
	}
}

// begin returns a group to apply inputs in, on top of those on their way.
func (p *partition) begin(s *Store) *txn {
	tx := &txn{}
	if n := len(p.spare); n > 0 {
		tx, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	s.open(tx, p.number)
	tx.recent, tx.parents, tx.done = p.recent, append(tx.parents[:0], p.onTheWay...), make(chan struct{})
	return tx
}

func (s *Store) workGroup(p *partition, jobs []job) {
	p.arrived() // before the snapshot is taken, so that it has what is forgotten here
	s.reading.RLock()
	tx := p.begin(s)
	s.applying.Add(1)
	results := make([]Result, 0, len(jobs))
	for _, j := range jobs {
		mark, entries := tx.mark(), len(tx.order)
		answer, err := s.apply(tx, j.input)
		if err == nil {
			if err = tooLarge(tx.order[entries:], tx.bytes-mark.bytes); err != nil {
				answer = nil
			}
		}
		if err != nil {
			tx.rollback(mark)
		}
		results = append(results, Result{answer, err})
		if tx.err != nil || len(tx.order) >= maxGroupEntries || tx.bytes >= maxGroupBytes {
			break
		}
	}
	tx.discard()
	s.reading.RUnlock() // before anything is waited for
	clear(tx.parents)   // they must not be held as long as this one is
	if rest := jobs[len(results):]; len(rest) > 0 {
		p.giveBack(rest)
		jobs = jobs[:len(results)]
	}
	s.stats.Inputs.Add(uint64(len(jobs)))
	finish := func(err error) {
		if err != nil {
			err = lifecycle.Wrap(lifecycle.Unavailable, err, "the commit failed; its outcome is unknown, repeating is safe")
		} else {
			for _, hint := range tx.hints {
				hint()
			}
		}
		for i, j := range jobs {
			if err != nil {
				results[i] = Result{Err: err}
			}
			j.wait.settle(j.index, results[i])
		}
		close(tx.done)
	}
	if tx.err != nil {
		s.fail(fmt.Errorf("reading partition %d: %w", p.number, tx.err))
	}
	if tx.err != nil || len(tx.order) == 0 && len(p.onTheWay) == 0 {
		s.applying.Add(-1)
		finish(tx.err)
		return
	}
	// Without writes of its own a group waits for those before it all the same: its answers speak of them.
	for _, w := range tx.order {
		if w.deleted {
			w.value = nil
		} else if w.value == nil {
			w.value = []byte{}
		}
		p.recent.update(w.key, w.value)
	}
	p.onTheWay = append(p.onTheWay, tx)
	s.commits <- &group{tx.order, tx.bytes, treeBytes(tx.order), finish}
	s.applying.Add(-1)
}

// tooLarge returns why an input may not write so much at once, nil if it may.
func tooLarge(added []write, bytes int) error {
	if bytes > maxInputBytes || len(added) > maxInputEntries {
		return lifecycle.Errorf(lifecycle.TooLarge, "an input would write %d keys and %d KB at once; the limits are %d and %d",
			len(added), bytes>>10, maxInputEntries, maxInputBytes>>10)
	}
	if tree := treeBytes(added); tree > maxInputTree {
		return lifecycle.Errorf(lifecycle.TooLarge, "an input would write %d keys with %d KB of keys and short values at once; the limit is %d KB",
			len(added), tree>>10, maxInputTree>>10)
	}
	return nil
}

// apply turns a panic of the machine into an error of that input alone.
func (s *Store) apply(tx *txn, input any) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.log.Error("an input made the machine panic", "input", fmt.Sprintf("%T", input), "panic", cause,
				"stack", string(debug.Stack()))
			answer, err = nil, lifecycle.Errorf(lifecycle.Internal, "the input could not be applied: %v", cause)
		}
	}()
	return s.machine.Apply(tx, input)
}
