package channel

import (
	"io"
	"sync"
	"time"
)

// Bounds of what is taken of one stream of a connector's output. One that writes more waits: a flood costs the connector
// its time, and the host next to nothing.
const (
	outputRate  = 1 << 20 // bytes a second
	outputBurst = 256 << 10
)

// throttle slows down whoever takes from it.
type throttle struct {
	mu     sync.Mutex
	budget float64
	at     time.Time
}

func newThrottle() *throttle { return &throttle{budget: outputBurst, at: time.Now()} }

// take waits until n bytes more are within the rate, 100 ms at most: what takes them must still see its end.
func (t *throttle) take(n int) {
	t.mu.Lock()
	now := time.Now()
	t.budget = min(outputBurst, t.budget+now.Sub(t.at).Seconds()*outputRate) - float64(n)
	t.at = now
	wait := time.Duration(-t.budget / outputRate * float64(time.Second))
	t.mu.Unlock()
	if wait > 0 {
		time.Sleep(min(wait, 100*time.Millisecond))
	}
}

// slowReader reads no faster than its throttle.
type slowReader struct {
	io.ReadCloser
	*throttle
}

func (r slowReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p[:min(len(p), 32<<10)])
	r.take(n)
	return n, err
}

// slowWriter takes no more than its throttle.
type slowWriter struct {
	io.Writer
	*throttle
}

func (w slowWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.take(n)
	return n, err
}
