package web

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"stagecraft/app/channels"
)

// maxConnections is how many connections are open at once, live streams among them. One that waits costs some 20 KB.
const maxConnections = 16 << 10

// Bounds of what those who have shown no key make the server read.
const (
	smallBody   = 4 << 10   // up to here nobody is asked for a key yet: this is nearly every request
	strangeBody = 128 << 20 // of all larger ones that are announced and not there yet
	strangeRead = 15 * time.Second
)

// guardDoor bounds what is read of requests' bodies. A body lies in memory as a whole before anybody looks at it, and room for all
// that a header announces is made before the first byte has come: who has shown no key may not fill much of it, alone or together.
// What is counted when a header has come is taken off when its body has come, or has not: one of the two is called for each but
// for those who go away instead of being told to go on (Expect: 100-continue), who are forgotten when their time is over.
func (s *Server) guardDoor(server *fasthttp.Server) {
	var onTheWay announced
	server.HeaderReceived = func(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
		limit, counted := s.bodyLimit(h)
		if counted {
			c.ReadTimeout = strangeRead
			if !onTheWay.add(h, int64(h.ContentLength()), time.Now()) {
				limit = 1 // it is refused, and told to come again: see busyAtTheDoor
			}
		}
		c.MaxRequestBodySize = limit
		return c
	}
	arrived := onTheWay.arrived
	handle, fail := server.Handler, server.ErrorHandler
	server.Handler = func(c *fasthttp.RequestCtx) {
		arrived(&c.Request.Header)
		handle(c)
	}
	server.ErrorHandler = func(c *fasthttp.RequestCtx, err error) {
		arrived(&c.Request.Header)
		fail(c, err)
	}
}

// announced are the bodies that are on their way.
type announced struct {
	bytes atomic.Int64 // of all
	all   sync.Map     // a body by its header, which lies at the same place until its request is over
	swept atomic.Int64 // when those whose time is over were last looked for, in Unix nanoseconds
}

// comingBody is one that was announced at a moment, in Unix nanoseconds.
type comingBody struct{ bytes, since int64 }

// add reports whether there is room for a body that is announced.
func (a *announced) add(h *fasthttp.RequestHeader, bytes int64, now time.Time) bool {
	if a.bytes.Load()+bytes > strangeBody {
		a.forget(now)
	}
	if a.bytes.Add(bytes) > strangeBody {
		a.bytes.Add(-bytes)
		return false
	}
	if before, is := a.all.Swap(h, comingBody{bytes, now.UnixNano()}); is {
		a.bytes.Add(-before.(comingBody).bytes)
	}
	return true
}

// arrived takes off what a header has announced.
func (a *announced) arrived(h *fasthttp.RequestHeader) {
	if a.bytes.Load() == 0 { // nearly always
		return
	}
	if b, is := a.all.LoadAndDelete(h); is {
		a.bytes.Add(-b.(comingBody).bytes)
	}
}

// forget takes off what is read no longer, at most once a second.
func (a *announced) forget(now time.Time) {
	last := a.swept.Load()
	if now.UnixNano()-last < int64(time.Second) || !a.swept.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	over := now.Add(-strangeRead - time.Second).UnixNano()
	a.all.Range(func(h, b any) bool {
		if b.(comingBody).since < over && a.all.CompareAndDelete(h, b) {
			a.bytes.Add(-b.(comingBody).bytes)
		}
		return true
	})
}

// busyAtTheDoor reports whether a body was refused only because others are on their way.
func (s *Server) busyAtTheDoor(h *fasthttp.RequestHeader) bool {
	_, counted := s.bodyLimit(h)
	return counted
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
		limit = channels.MaxCallbackBytes
	case under("/v1/"), under("/beacon/"):
		limit = maxBatchBytes
	default:
		limit = maxSingle
	}
	// The parts of a form come one by one, into room of their own.
	parts := len(h.MultipartFormBoundary()) > 0 && len(h.Peek(fiber.HeaderContentEncoding)) == 0
	return limit, n > 0 && n <= limit && !parts
}

// showsKey reports whether an Authorization header has a key of the server that is a secret.
func (s *Server) showsKey(authorization string) bool {
	h, _ := s.holderOfHeader(authorization)
	return h != nil && !h.public
}
