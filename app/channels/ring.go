package channels

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept of a connector's standard error.
const (
	ringLines     = 200
	ringBytes     = 64 << 10
	ringLineBytes = 2 << 10 // longer lines are cut
	ringRate      = 1 << 20 // bytes a second that are taken; a connector that writes more waits
	ringBurst     = 256 << 10
)

// ring keeps the last lines that a connector wrote. Reading is slowed down to ringRate, so that a flood costs the
// connector its time and not ours.
type ring struct {
	mu     sync.Mutex
	kept   []string
	size   int
	budget float64
	at     time.Time
}

func newRing() *ring { return &ring{budget: ringBurst, at: time.Now()} }

// writer returns a writer with an unfinished line of its own, for one process. Several goroutines may use it.
func (r *ring) writer() io.Writer { return &ringWriter{ring: r} }

// lines returns what is kept, the oldest first.
func (r *ring) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.kept...)
}

// last returns the last line as the end of a sentence, or "".
func (r *ring) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept) == 0 {
		return ""
	}
	return `; its last words: "` + r.kept[len(r.kept)-1] + `"`
}

// add keeps a line. r.mu is held.
func (r *ring) add(line []byte) {
	text := strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\uFFFD")
	if text == "" {
		return
	}
	r.kept = append(r.kept, text)
	r.size += len(text)
	drop := 0
	for len(r.kept)-drop > ringLines || r.size > ringBytes {
		r.size -= len(r.kept[drop])
		drop++
	}
	if drop > 0 {
		r.kept = append(r.kept[:0:0], r.kept[drop:]...)
	}
}

// delay takes n bytes from the budget and returns how long to wait before more are read. r.mu is held.
func (r *ring) delay(n int) time.Duration {
	now := time.Now()
	r.budget = min(ringBurst, r.budget+now.Sub(r.at).Seconds()*ringRate) - float64(n)
	r.at = now
	if r.budget >= 0 {
		return 0
	}
	return min(time.Duration(-r.budget/ringRate*float64(time.Second)), 100*time.Millisecond)
}

type ringWriter struct {
	ring *ring
	line []byte // the unfinished line; guarded by ring.mu
}

// Write takes everything and never fails.
func (w *ringWriter) Write(p []byte) (int, error) {
	n := len(p)
	w.ring.mu.Lock()
	for len(p) > 0 {
		part, rest, whole := bytes.Cut(p, []byte{'\n'})
		w.line = append(w.line, part[:min(len(part), max(0, ringLineBytes-len(w.line)))]...)
		if whole {
			w.ring.add(w.line)
			w.line = w.line[:0]
		}
		p = rest
	}
	wait := w.ring.delay(n)
	w.ring.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
	return n, nil
}
