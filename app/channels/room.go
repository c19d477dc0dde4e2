package channels

import (
	"context"
	"slices"
	"sync"
)

// room bounds how many messages are with a connector at the same time. Who comes later waits behind those who came before;
// those that go first wait among themselves only.
type room struct {
	mu      sync.Mutex
	limit   int // 0: no limit
	used    int
	first   []*guest
	waiting []*guest
}

// guest is who waits for room.
type guest struct {
	n  int
	in chan struct{} // closed when there is room
}

// most returns how many of so many messages may ask for room together.
func (r *room) most(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit > 0 {
		return min(n, r.limit)
	}
	return n
}

// enter waits until there is room for n messages. It reports false if ctx ends before.
func (r *room) enter(ctx context.Context, n int, first bool) bool {
	r.mu.Lock()
	queue := &r.waiting
	if first {
		queue = &r.first
	}
	if r.fits(n) && len(r.first) == 0 && (first || len(r.waiting) == 0) {
		r.used += n
		r.mu.Unlock()
		return true
	}
	g := &guest{n, make(chan struct{})}
	*queue = append(*queue, g)
	r.mu.Unlock()
	select {
	case <-g.in:
		return true
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-g.in: // in the same moment
		return true
	default:
	}
	*queue = slices.DeleteFunc(*queue, func(other *guest) bool { return other == g })
	r.admit() // a smaller one may have waited behind it
	return false
}

func (r *room) leave(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.admit()
}

func (r *room) set(limit int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = limit
	r.admit()
}

// fits reports whether there is room for n messages. Where that is more than the limit has become, they go in alone. r.mu is held.
func (r *room) fits(n int) bool { return r.limit <= 0 || r.used == 0 || r.used+n <= r.limit }

// admit lets in whoever there is room for. r.mu is held.
func (r *room) admit() {
	for _, queue := range []*[]*guest{&r.first, &r.waiting} {
		for len(*queue) > 0 {
			next := (*queue)[0]
			if !r.fits(next.n) {
				return
			}
			r.used += next.n
			*queue = (*queue)[1:]
			close(next.in)
		}
	}
}
