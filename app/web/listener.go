package web

import (
	"net"
	"sync"
)

// quietListener is a listener that knows who has not said anything yet. Browsers and HTTP clients open connections in stock, and
// fasthttp takes each that has just come for a request under way: a stop would wait for it as long as for a request that takes too
// long, and say that it was cut off. So whoever is quiet when the listener is closed is closed with it.
type quietListener struct {
	net.Listener

	mu     sync.Mutex
	closed bool
	quiet  map[*quietConn]struct{}
}

func closingQuiet(l net.Listener) *quietListener {
	return &quietListener{Listener: l, quiet: map[*quietConn]struct{}{}}
}

func (h *quietListener) Accept() (net.Conn, error) {
	inner, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &quietConn{Conn: inner, by: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		inner.Close()
		return nil, net.ErrClosed
	}
	h.quiet[c] = struct{}{}
	return c, nil
}

func (h *quietListener) Close() error {
	err := h.Listener.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.quiet {
		c.Conn.Close()
	}
	clear(h.quiet)
	return err
}

// quietConn is a connection of a quietListener.
type quietConn struct {
	net.Conn
	by   *quietListener
	once sync.Once
}

func (c *quietConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 || err != nil {
		c.once.Do(c.spoke)
	}
	return n, err
}

func (c *quietConn) Close() error {
	c.once.Do(c.spoke)
	return c.Conn.Close()
}

func (c *quietConn) spoke() {
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	delete(c.by.quiet, c)
}
