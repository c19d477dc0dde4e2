package channels

import (
	"context"
	"sync"
	"time"

	"stagecraft/app/lifecycle"
)

// Gate keeps an operator's limits: how many messages a second are handed to a connector, and how many are with it at the same
// time. Whoever asks takes what is free now and nothing of the future: what will leave in a minute has not been chosen before that
// minute. Those that go first wait among themselves only, and put the others off by their share of the rate.
type Gate struct {
	mu      sync.Mutex
	each    time.Duration // one message's share of the rate; 0: no limit
	free    time.Time     // when the next message may pass
	lead    time.Time     // when the next one of those that go first may
	rates   int           // counts changes of the rate
	limit   int           // how many may be inside; 0: no limit
	inside  int
	urgent  int           // those that go first and wait
	changed chan struct{} // closed and replaced when something is free that was not
	lines   [2]chan struct{}
}

// lateness is by how much a moment of the rate may be taken too late without being lost.
const lateness = 250 * time.Millisecond

// together is how long a rate may take for messages that pass together.
const together = 250 * time.Millisecond

// NewGate returns the gate of a channel.
func NewGate(l Limits) *Gate {
	g := &Gate{changed: make(chan struct{}), lines: [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}}
	g.Set(l)
	return g
}

// Set changes the limits. Those who wait ask again.
func (g *Gate) Set(l Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	each := time.Duration(0)
	if l.Rate > 0 {
		each = time.Duration(float64(time.Second) / l.Rate)
	}
	if each != g.each {
		g.each, g.free, g.lead = each, time.Time{}, time.Time{}
		g.rates++
	}
	g.limit = l.Concurrency
	g.tell()
}

// tell has those who wait ask again. g.mu is held.
func (g *Gate) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Enter waits until some of so many messages may pass, and says how many. None may when ctx has ended before.
func (g *Gate) Enter(ctx context.Context, clock lifecycle.Clock, most int, first bool) *Pass {
	g.mu.Lock()
	if g.each <= 0 && g.limit <= 0 {
		g.inside += most
		g.mu.Unlock()
		return &Pass{N: most, gate: g, first: first}
	}
	line := g.lines[0]
	if first {
		line = g.lines[1]
		g.urgent++
	}
	g.mu.Unlock()
	if first {
		defer func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.urgent--
			g.tell()
		}()
	}
	begun := clock.Now()
	select { // one at a time, in the order in which they came
	case line <- struct{}{}:
	default:
		select {
		case line <- struct{}{}:
		case <-ctx.Done():
			return &Pass{}
		}
	}
	defer func() { <-line }()
	for {
		now := clock.Now()
		pass, at, changed := g.take(most, first, now)
		if pass.N > 0 {
			pass.Waited = now.Sub(begun)
			return pass
		}
		if ctx.Err() != nil {
			return pass
		}
		lifecycle.Sleep(ctx, clock, at, changed)
	}
}

// take lets messages pass now. If none may, it returns until when to wait, or for which change.
func (g *Gate) take(most int, first bool, now time.Time) (pass *Pass, at time.Time, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := most
	if g.limit > 0 {
		if n = min(n, g.limit-g.inside); n <= 0 || !first && g.urgent > 0 {
			return &Pass{}, time.Unix(1<<33, 0), g.changed
		}
	}
	pass = &Pass{Limited: g.limit > 0 || g.each > 0, gate: g, first: first, rates: g.rates}
	if g.each > 0 {
		g.setBack(now)
		if at = g.free; first {
			at = g.lead
		}
		if at.After(now) {
			return &Pass{}, at, g.changed
		}
		n = min(n, max(1, int(together/g.each)))
		pass.Rate = float64(time.Second) / float64(g.each)
		share := time.Duration(n) * g.each
		if first {
			g.lead = since(g.lead, now).Add(share)
		}
		g.free = since(g.free, now).Add(share)
	}
	g.inside += n
	pass.N = n
	return pass, at, nil
}

// setBack forgets moments that lie further ahead than passes can have put them: the clock was set back. Of each kind of
// passes at most one share is ahead, each of a message or of what passes together, and what came late besides. g.mu is held.
func (g *Gate) setBack(now time.Time) {
	furthest := now.Add(2 * (max(g.each, together) + lateness))
	if g.free.After(furthest) {
		g.free = now
	}
	if g.lead.After(furthest) {
		g.lead = now
	}
}

// since is from when a share of the rate counts: from when it was free, unless that is so long ago that nobody was waiting for it.
func since(free, now time.Time) time.Time {
	if free.Before(now.Add(-lateness)) {
		return now
	}
	return free
}

// Pass is leave to hand messages to a connector. It is of one goroutine.
type Pass struct {
	N       int           // so many; 0: none
	Rate    float64       // messages a second that the channel is allowed; 0: no limit
	Waited  time.Duration // for this pass, on the channel's clock
	Limited bool          // the channel has a limit

	gate  *Gate // nil: there are no limits
	first bool
	kept  bool
	rates int
}

// FreePass is a pass for a connector without limits.
func FreePass(n int) *Pass { return &Pass{N: n} }

// Keep says that n of them are handed over now, and gives back the others: their share of the rate is anybody's again.
func (p *Pass) Keep(n int) {
	g, unused := p.gate, p.N-n
	p.kept = true
	if unused <= 0 {
		return
	}
	if p.N = n; g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside -= unused
	if g.each > 0 && p.rates == g.rates {
		share := time.Duration(unused) * g.each
		if g.free = g.free.Add(-share); p.first {
			g.lead = g.lead.Add(-share)
		}
	}
	g.tellIfLimited()
}

// Leave says that none of them is with the connector any more. Without Keep, none ever was.
func (p *Pass) Leave() {
	if !p.kept {
		p.Keep(0)
	}
	if p.gate == nil || p.N == 0 {
		return
	}
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	p.gate.inside -= p.N
	p.N = 0
	p.gate.tellIfLimited()
}

// tellIfLimited is tell, where somebody may wait. g.mu is held.
func (g *Gate) tellIfLimited() {
	if g.each > 0 || g.limit > 0 {
		g.tell()
	}
}
