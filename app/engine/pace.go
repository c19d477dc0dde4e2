package engine

import (
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// paces spreads the customers of broadcasts and bulks that have a rate evenly over time, over all partitions together: a
// partition that has somebody to take gets a turn, and one that has nobody costs nothing. It is kept in memory, by the owners
// and outside of what is applied, since all it decides is when an input is made; after a restart everybody takes a turn anew.
type paces struct {
	mu   sync.Mutex
	jobs map[string]*pace
}

type pace struct {
	free  time.Time                       // the next moment that nobody has
	turns [lifecycle.Partitions]time.Time // of those that wait; zero: none
}

const (
	// paceLag is how much of what was missed is made up for. What is later than that was held up, and takes its turn anew.
	paceLag = time.Second
	// paceTurns is how many turns a second a partition takes at most, each for as many customers as the rate then needs.
	paceTurns = 10
)

// turn returns how many customers of a job a partition may take now, or 0 and when its turn comes. rate is that of all
// partitions together, per second.
func (p *paces) turn(job string, rate, partition int, now time.Time) (room int, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.jobs[job]
	if one == nil {
		one = &pace{free: now}
		if p.jobs == nil {
			p.jobs = map[string]*pace{}
		}
		p.jobs[job] = one
	}
	every := time.Second / time.Duration(rate)
	room = min(maxLetIn, max(1, rate/(lifecycle.Partitions*paceTurns)))
	take := func(n int) { one.free = one.free.Add(time.Duration(n) * every) }
	if now.Sub(one.free) > paceLag {
		one.free = now
	}
	turn := &one.turns[partition]
	if turn.IsZero() || now.Sub(*turn) > paceLag {
		*turn = one.free
		take(room)
	}
	if turn.After(now) {
		return 0, *turn
	}
	*turn = time.Time{}
	if !one.free.After(now) { // the partitions that take turns are too few for the rate
		more := min(maxLetIn-room, int(now.Sub(one.free)/every)+1)
		take(more)
		room += more
	}
	return room, now
}

// giveBack returns what a turn had room for and did not need.
func (p *paces) giveBack(job string, rate, room int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.jobs[job]; one != nil && rate > 0 {
		one.free = one.free.Add(-time.Duration(room) * time.Second / time.Duration(rate))
	}
}

// forget drops what is known of a job that is over.
func (p *paces) forget(job string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, job)
}
