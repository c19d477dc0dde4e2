package script

import (
	"context"
	"errors"
	"time"
)

var (
	errSteps = errors.New("the script did too much work for one run; look for an endless loop, or do less at once")
	errWall  = errors.New("the script ran for too long; look for an endless loop, or do less at once")
)

var _ context.Context = (*budget)(nil)

// closed is the channel that ends a script's loop. Nobody ever sends on it.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

const (
	checkEvery = 256                  // steps between two looks at the wall clock
	stall      = 5 * time.Millisecond // no stretch of checkEvery steps takes this long unless the machine stood still
)

// budget counts what a run costs. It poses as the context of a Lua state: the state's main loop calls Done before every
// instruction, so counting there counts instructions, the same number for the same run on every machine.
type budget struct {
	limit    int
	each     int // what one instruction costs
	empty    int // places of lists that were made empty
	left     int // steps left; negative: over
	next     int // look at the wall clock when left falls below this
	wall     time.Duration
	used     time.Duration // wall time, without stalls
	forgiven time.Duration // stalls, at most wall; those of reading apart
	read     bool          // the customer's past was read since the last look at the clock
	last     time.Time
	over     error
	outer    context.Context // ends the run too; nil: nothing does
	watch    func()          // sees every step; nil: nobody watches
}

func (b *budget) reset(limits Limits) {
	*b = budget{limit: limits.Steps, each: 1, left: limits.Steps, next: limits.Steps - checkEvery, wall: limits.Wall, last: time.Now()}
}

// steps returns what was spent.
func (b *budget) steps() int { return b.limit - max(b.left, 0) }

// hold makes every further instruction dearer once a run holds a long string: one that compares it or looks it up in a
// table takes time in proportion to its length, and the machine does not say which instruction that is.
func (b *budget) hold(bytes int) {
	if bytes > longBytes {
		b.each = max(b.each, 1+bytes/costHeld)
	}
}

// hollow makes every further instruction dearer once a run has made many empty places in lists: # looks through those
// at the end, and next through all, in time in proportion to them.
func (b *budget) hollow(places int) {
	if b.empty += places; b.empty > freeEmpty {
		b.each = max(b.each, 1+b.empty/costEmpty)
	}
}

// Done counts one step. It returns nil, which never ends anything, until the budget is spent.
func (b *budget) Done() <-chan struct{} {
	b.left -= b.each
	if b.left >= b.next && b.over == nil {
		return nil
	}
	if b.check() {
		return nil
	}
	return closed
}

// spend counts n steps of library work and reports whether there is budget left.
func (b *budget) spend(n int) bool {
	b.left -= n
	if b.left >= b.next && b.over == nil {
		return true
	}
	return b.check()
}

func (b *budget) check() bool {
	if b.over != nil {
		return false
	}
	if b.left < 0 {
		b.over = errSteps
		return false
	}
	if b.outer != nil && b.outer.Err() != nil {
		b.over = b.outer.Err()
		return false
	}
	now := time.Now()
	passed := now.Sub(b.last)
	b.last = now
	b.next = b.left - checkEvery
	if b.watch != nil {
		b.watch()
		b.next = b.left + 1 // look again at the next step
	}
	if passed > stall {
		free := passed - stall
		if !b.read { // how long the store takes is not the script's doing; what is read costs steps
			free = min(free, b.wall-b.forgiven)
			b.forgiven += free
		}
		passed -= free
	}
	b.read = false
	b.used += passed
	if b.used > b.wall {
		b.over = errWall
		return false
	}
	return true
}

// Err says why the script ended.
func (b *budget) Err() error { return b.over }

// Deadline is part of context.Context; there is none.
func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }

// Value is part of context.Context; there is none.
func (b *budget) Value(any) any { return nil }
