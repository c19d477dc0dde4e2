package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// Times of the live stream.
const (
	streamEvery = 500 * time.Millisecond // at most one overview in this time
	streamBeat  = 15 * time.Second       // a comment, so that dead connections are noticed
	streamWrite = 20 * time.Second       // a reader who takes longer is dropped
	maxStreams  = 64
	maxKeyed    = 16 // of one key that was made
)

// stream sends the overview whenever something changed.
func (s *Server) stream(c *fiber.Ctx) error {
	h, _ := s.holder(c)
	if h == nil || !h.made {
		h = &holder{} // whom the console asks for nothing, or the configuration names: they stay as long as the server runs
	}
	leave := func() { s.streams.Add(-1); h.views.Add(-1) }
	if all, own := s.streams.Add(1), h.views.Add(1); all > maxStreams || own > maxKeyed {
		leave()
		return lifecycle.Errorf(lifecycle.Busy, "%d live views are open already, %d with this key; close one", all-1, own-1)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetConnectionClose()
	conn := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer leave()
		s.pour(w, conn, func() bool { return !h.made || s.isGood(h) })
	})
	return nil
}

// gone is closed when the other side of a stream ends its connection, which is noticed at once where nothing is lost on the way. A
// stream is the last answer on its connection: whatever else comes ends it too.
func gone(conn net.Conn) <-chan struct{} {
	_ = conn.SetReadDeadline(time.Time{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = conn.Read(make([]byte, 1)) // the server closes the connection when the stream has ended
	}()
	return over
}

// seen is what a stream has shown last, to tell whether there is something new.
type seen struct {
	changes  uint64
	scripts  int
	channels string
}

func (s *Server) seen() seen {
	text, _ := json.Marshal(s.Channels())
	return seen{s.Insight.Changes(), s.Scripts.Changes(), string(text)}
}

// pour sends while whoever looks may.
func (s *Server) pour(w *bufio.Writer, conn net.Conn, may func() bool) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	left := gone(conn)
	go func() {
		select {
		case <-s.closing:
		case <-left:
		case <-ctx.Done():
		}
		stop()
	}()
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	var last seen
	var sent time.Time
	for first := true; may(); first = false {
		_ = conn.SetWriteDeadline(time.Now().Add(streamWrite))
		if now := s.seen(); first || now != last {
			of, data, err := s.snapshots.get(s.seen, func() ([]byte, error) {
				overview, err := s.overview(ctx)
				if err != nil {
					return nil, err
				}
				return json.Marshal(overview)
			})
			last = of // what has changed since then is noticed at the next tick
			if err != nil {
				return
			}
			fmt.Fprintf(w, "event: overview\ndata: %s\n\n", data)
			sent = time.Now()
		} else if time.Since(sent) > streamBeat {
			fmt.Fprint(w, ": still here\n\n")
			sent = time.Now()
		}
		if w.Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// snapshots lets streams that ask within the same moment share one overview.
type snapshots struct {
	mu   sync.Mutex
	at   time.Time
	of   seen
	data []byte
}

// get returns an overview and what was seen before it was made: it may show more than that, but never less.
func (s *snapshots) get(look func() seen, make func() ([]byte, error)) (seen, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < streamEvery/2 && s.data != nil {
		return s.of, s.data, nil
	}
	of := look()
	data, err := make()
	if err == nil {
		s.at, s.of, s.data = time.Now(), of, data
	}
	return of, data, err
}
