package email

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the connection below TLS. It counts the bytes that the system took, which tells whether any of a message's
// end can have left, and it keeps deadlines and interruptions apart.
type wire struct {
	net.Conn
	written atomic.Int64
	short   atomic.Bool // of the last piece that was written not everything was taken

	mu          sync.Mutex
	interrupted bool
}

// Write hands bytes to the system and counts what it took.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.written.Add(int64(n))
	w.short.Store(n < len(p))
	return n, err
}

// extend gives the next exchange its time. The end of ctx, for which somebody watches, ends it sooner.
func (w *wire) extend(ctx context.Context, timeout time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() == nil {
		w.interrupted = false
	}
	if w.interrupted {
		return
	}
	_ = w.Conn.SetDeadline(time.Now().Add(timeout))
}

// interrupt ends the exchange that is under way.
func (w *wire) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupted = true
	_ = w.Conn.SetDeadline(time.Unix(1, 0))
}

// watch interrupts the wire when ctx ends, until release is called; after that it certainly does not any more.
func (w *wire) watch(ctx context.Context) (release func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		w.interrupt()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}
