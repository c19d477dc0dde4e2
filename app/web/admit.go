package web

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// maxConnections is how many connections are open at once, live streams among them. One that waits costs some 20 KB.
const maxConnections = 16 << 10

// admit says by a request's headers how much of its body is read. A body lies in memory as a whole before anybody looks at
// it, so who has shown no key may not fill much of it: not more than the largest batch where the key may stand in the body,
// or the largest callback, and elsewhere a form. Zero is maxRead.
func (s *Server) admit(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if n := h.ContentLength(); n >= 0 && n <= maxSingle {
		return c // this is nearly every one
	}
	path := h.RequestURI()
	switch under := func(prefix string) bool { return bytes.HasPrefix(path, []byte(prefix)) }; {
	case s.showsKey(string(h.Peek(fiber.HeaderAuthorization))):
	case under("/api/") && len(h.Peek("X-Stagecraft")) > 0 && s.onMachine(h):
	case under("/callbacks/"):
		c.MaxRequestBodySize = maxBody
	case under("/v1/"), under("/beacon/"):
		c.MaxRequestBodySize = maxBatchBytes
	default:
		c.MaxRequestBodySize = maxSingle
	}
	return c
}

// showsKey reports whether an Authorization header has a key of the server that is a secret.
func (s *Server) showsKey(authorization string) bool {
	h, _ := s.holderOfHeader(authorization)
	return h != nil && !h.public
}
