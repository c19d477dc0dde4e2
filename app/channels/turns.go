package channels

import (
	"context"
	"sync"
	"time"
)

// Bounds of the callbacks of one connector. Anyone may call, with or without right, and only the connector can tell. Many
// providers say a thing once, a STOP among them: so a callback waits for its turn, and whoever makes many waits for himself.
const (
	callbacksAtOnce  = 32               // that the connector works on
	callbacksOfOne   = 16               // of them from one network
	callbacksHeld    = 64 << 20         // bytes of those that are worked on or wait
	callbacksHeldOne = 8 << 20          // of them from one network
	callbackBeside   = 16 << 10         // bytes that one costs beside its body
	callbackPatience = 10 * time.Second // how long one waits: providers hang up after 15 seconds or so
)

// turns are the turns of callbacks at a connector.
type turns struct {
	running chan struct{}

	mu   sync.Mutex
	held int // bytes
	from map[string]*turnsOfOne
}

// turnsOfOne are those of one network, while there are any.
type turnsOfOne struct {
	running chan struct{}
	held    int
}

func newTurns() *turns {
	return &turns{running: make(chan struct{}, callbacksAtOnce), from: map[string]*turnsOfOne{}}
}

// take waits for a turn and returns what ends it. Not ok: there are too many.
func (t *turns) take(ctx context.Context, from string, body int) (end func(), ok bool) {
	one := t.hold(from, body+callbackBeside)
	if one == nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, callbackPatience)
	defer cancel()
	select {
	case one.running <- struct{}{}:
	case <-ctx.Done():
		t.drop(from, body+callbackBeside)
		return nil, false
	}
	select {
	case t.running <- struct{}{}:
	case <-ctx.Done():
		<-one.running
		t.drop(from, body+callbackBeside)
		return nil, false
	}
	return func() {
		<-t.running
		<-one.running
		t.drop(from, body+callbackBeside)
	}, true
}

// hold makes room for a callback; nil if there is none.
func (t *turns) hold(from string, bytes int) *turnsOfOne {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.from[from]
	if one == nil {
		one = &turnsOfOne{running: make(chan struct{}, callbacksOfOne)}
	}
	if t.held+bytes > callbacksHeld || one.held+bytes > callbacksHeldOne {
		return nil
	}
	t.held += bytes
	one.held += bytes
	t.from[from] = one
	return one
}

func (t *turns) drop(from string, bytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held -= bytes
	if one := t.from[from]; one.held > bytes {
		one.held -= bytes
	} else {
		delete(t.from, from)
	}
}
