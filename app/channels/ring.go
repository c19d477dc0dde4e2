package channels

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// Bounds of what is kept of a connector's standard error.
const (
	ringLines     = 200
	ringBytes     = 64 << 10
	ringLineBytes = 2 << 10 // longer lines are cut
)

// ring keeps the last lines that a connector wrote. How fast they come is bounded where they are read, see channel.Launch.
type ring struct {
	mu   sync.Mutex
	hide veil // over each line
	kept []string
	size int
}

func newRing() *ring { return &ring{} }

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

// say keeps a line of the host's.
func (r *ring) say(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add([]byte(line))
}

// cover has the secrets of settings hidden in the lines that follow.
func (r *ring) cover(hide veil) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hide = hide
}

// add keeps a line. r.mu is held.
func (r *ring) add(line []byte) {
	text := r.hide.over(strings.ToValidUTF8(strings.TrimRight(string(line), "\r"), "\uFFFD"))
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
	w.ring.mu.Unlock()
	return n, nil
}
