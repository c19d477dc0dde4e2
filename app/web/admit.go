package web

import (
	"bytes"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// maxConnections is how many connections are open at once, live streams among them. One that waits costs some 20 KB.
const maxConnections = 16 << 10

// Bounds of what those who have shown no key make the server read.
const (
	smallBody   = 4 << 10  // up to here nobody is asked for a key yet: this is nearly every request
	strangeBody = 64 << 20 // of all larger ones that are announced and not there yet
)

// admit says by a request's headers how much of its body is read. A body lies in memory as a whole before anybody looks at
// it, and room for all that a header announces is made before the first byte has come: who has shown no key may not fill much of
// it, alone or together.
func (s *Server) admit(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	limit, counted := s.bodyLimit(h)
	if counted && !s.strange.take(h.ContentLength(), time.Now()) {
		limit = 1 // it is refused, and told to come again: see busyAtTheDoor
	}
	c.MaxRequestBodySize = limit
	return c
}

// bodyLimit returns how large a request's body may be; zero is maxRead. It is counted if whoever sends it has shown no key: not
// more than the largest batch is read of them where the key may stand in the body, or the largest callback, and elsewhere a form.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) (limit int, counted bool) {
	n := h.ContentLength()
	if n >= 0 && n <= smallBody {
		return 0, false
	}
	path := h.RequestURI()
	switch under := func(prefix string) bool { return bytes.HasPrefix(path, []byte(prefix)) }; {
	case s.showsKey(string(h.Peek(fiber.HeaderAuthorization))):
		return 0, false
	case under("/api/") && len(h.Peek("X-Stagecraft")) > 0 && s.onMachine(h):
		return 0, false
	case under("/callbacks/"):
		limit = maxBody
	case under("/v1/"), under("/beacon/"):
		limit = maxBatchBytes
	default:
		limit = maxSingle
	}
	return limit, n > 0 && n <= limit
}

// arrived takes a body that has come off the count.
func (s *Server) arrived(c *fiber.Ctx) error {
	if h := &c.Request().Header; h.ContentLength() > smallBody {
		if _, counted := s.bodyLimit(h); counted {
			s.strange.give(h.ContentLength(), time.Now())
		}
	}
	return c.Next()
}

// busyAtTheDoor reports whether a body was refused only because others are on their way.
func (s *Server) busyAtTheDoor(h *fasthttp.RequestHeader) bool {
	_, counted := s.bodyLimit(h)
	return counted
}

// announced counts the bytes of bodies that are on their way. Of those that never come nobody says so: they are forgotten when
// the time to read them is over.
type announced struct {
	mu      sync.Mutex
	seconds [readSeconds + 2]int // by when they were announced, in a ring
	last    int64                // the second up to which the ring has been cleared
	sum     int
}

// take counts bytes, unless that makes too many.
func (a *announced) take(bytes int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(now.Unix())
	if a.sum+bytes > strangeBody {
		return false
	}
	a.seconds[a.last%int64(len(a.seconds))] += bytes
	a.sum += bytes
	return true
}

// give takes bytes off again that have come: off the oldest, as it is not known when they were announced.
func (a *announced) give(bytes int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(now.Unix())
	for i := int64(1); i <= int64(len(a.seconds)) && bytes > 0; i++ {
		second := &a.seconds[(a.last+i)%int64(len(a.seconds))]
		off := min(*second, bytes)
		*second, a.sum, bytes = *second-off, a.sum-off, bytes-off
	}
}

// forget clears the seconds that are over.
func (a *announced) forget(second int64) {
	for n := 0; a.last < second && n < len(a.seconds); n++ {
		a.last++
		place := &a.seconds[a.last%int64(len(a.seconds))]
		a.sum -= *place
		*place = 0
	}
	a.last = max(a.last, second)
}

// showsKey reports whether an Authorization header has a key of the server that is a secret.
func (s *Server) showsKey(authorization string) bool {
	h, _ := s.holderOfHeader(authorization)
	return h != nil && !h.public
}
