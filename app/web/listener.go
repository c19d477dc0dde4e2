package web

import (
	"net"
	"sync"
)

// hearing is a listener that knows who has not said anything yet. Browsers and HTTP clients open connections in stock, and
// fasthttp takes each that has just come for a request under way: a stop would wait for it as long as for a request that takes too
// long, and say that it was cut off. So whoever is silent when the listener is closed is closed with it.
type hearing struct {
	net.Listener

	mu     sync.Mutex
	closed bool
	silent map[*heard]struct{}
}

func listenFor(l net.Listener) *hearing {
	return &hearing{Listener: l, silent: map[*heard]struct{}{}}
}

func (h *hearing) Accept() (net.Conn, error) {
	inner, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &heard{Conn: inner, by: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		inner.Close()
		return nil, net.ErrClosed
	}
	h.silent[c] = struct{}{}
	return c, nil
}

func (h *hearing) Close() error {
	err := h.Listener.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.silent {
		c.Conn.Close()
	}
	clear(h.silent)
	return err
}

// heard is a connection of a hearing listener.
type heard struct {
	net.Conn
	by   *hearing
	once sync.Once
}

func (c *heard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 || err != nil {
		c.once.Do(c.noLongerSilent)
	}
	return n, err
}

func (c *heard) Close() error {
	c.once.Do(c.noLongerSilent)
	return c.Conn.Close()
}

func (c *heard) noLongerSilent() {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	delete(c.by.silent, c)
}
