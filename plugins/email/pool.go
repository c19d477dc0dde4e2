package email

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pool keeps up to settings.Connections sessions open. Sessions that were not needed for idleLimit are closed.
type pool struct {
	settings *settings
	slots    chan struct{} // one for each session in use
	bulk     chan struct{} // likewise, for marketing: what waits here stands in nobody's way

	mu     sync.Mutex
	idle   []*session // the last one was used last
	failed error      // why the last attempt to connect failed; nil if it worked
	closed bool
	timer  *time.Timer
}

func newPool(s *settings) *pool {
	return &pool{settings: s, slots: make(chan struct{}, s.Connections), bulk: make(chan struct{}, s.Connections)}
}

// get returns a session that is open, or opens one; it waits while all are in use, and returns nil when begin ends before one is
// free. What is owed is served first: marketing queues for the next session that is given back by marketing.
func (p *pool) get(ctx, begin context.Context, marketing bool) (*session, error) {
	if begin.Err() != nil {
		return nil, nil
	}
	if marketing {
		select {
		case p.bulk <- struct{}{}:
		case <-begin.Done():
			return nil, nil
		}
	}
	select {
	case p.slots <- struct{}{}:
	case <-begin.Done():
		if marketing {
			<-p.bulk
		}
		return nil, nil
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.free(marketing)
		return nil, errors.New("the connector is closing")
	}
	if n := len(p.idle); n > 0 {
		s := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	s, err := dial(ctx, p.settings)
	p.mu.Lock()
	p.failed = err
	p.mu.Unlock()
	if err != nil {
		p.free(marketing)
	}
	return s, err
}

// free gives the place of a session back, to what is owed first.
func (p *pool) free(marketing bool) {
	<-p.slots
	if marketing {
		<-p.bulk
	}
}

// put gives a session back that get was asked for; a broken one is closed.
func (p *pool) put(s *session, marketing bool) {
	p.mu.Lock()
	keep := !s.broken && !p.closed
	if keep {
		s.idle = time.Now()
		p.idle = append(p.idle, s)
		if p.timer == nil {
			p.timer = time.AfterFunc(idleLimit, p.sweep)
		}
	}
	p.mu.Unlock()
	if !keep {
		s.quit()
	}
	p.free(marketing)
}

// sweep closes what has been idle for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	var old []*session
	for len(p.idle) > 0 && time.Since(p.idle[0].idle) >= idleLimit {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	p.timer = nil
	if len(p.idle) > 0 && !p.closed {
		p.timer = time.AfterFunc(idleLimit/2, p.sweep)
	}
	p.mu.Unlock()
	for _, s := range old {
		s.quit()
	}
}

func (p *pool) health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// close ends all idle sessions at the same time; those in use end when they are given back.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	var quitting sync.WaitGroup
	for _, s := range idle {
		quitting.Go(s.quit)
	}
	quitting.Wait()
}
