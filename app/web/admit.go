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
	smallBody   = 4 << 10   // up to here nobody is asked for a key yet: this is nearly every request
	strangeBody = 128 << 20 // of all larger ones that are announced and not there yet
	strangeRead = 15 * time.Second
)

// guardDoor bounds what is read of requests' bodies. A body lies in memory as a whole before anybody looks at it, and room for all
// that a header announces is made before the first byte has come: who has shown no key may not fill much of it, alone or together.
// What is counted when a header has come is taken off when its body has come, or has not: one of the two is called for each.
func (s *Server) guardDoor(server *fasthttp.Server) {
	var onTheWay sync.Map // bytes, by the header, which lies at the same place until its request is over
	server.HeaderReceived = func(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
		limit, counted := s.bodyLimit(h)
		if counted {
			c.ReadTimeout = strangeRead
			if n := int64(h.ContentLength()); s.strange.Add(n) <= strangeBody {
				onTheWay.Store(h, n)
			} else {
				s.strange.Add(-n)
				limit = 1 // it is refused, and told to come again: see busyAtTheDoor
			}
		}
		c.MaxRequestBodySize = limit
		return c
	}
	arrived := func(h *fasthttp.RequestHeader) {
		if s.strange.Load() == 0 { // nearly always
			return
		}
		if n, is := onTheWay.LoadAndDelete(h); is {
			s.strange.Add(-n.(int64))
		}
	}
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
		limit = maxBody
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
