package web

import (
	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// sender finds out who sends events: holders of the write key or of another that may ingest, or anybody with the browser
// key, which stands in public pages. The key is the user of HTTP Basic authentication or a bearer token, else writeKey in
// the body, for pages that can set no header, else in the query.
func (s *Server) sender(c *fiber.Ctx, data []byte) (*holder, error) {
	origin := c.Get(fiber.HeaderOrigin)
	if origin != "" {
		c.Set(fiber.HeaderWWWAuthenticate, "Key") // else a browser would ask the visitor for a password
	}
	var h *holder
	sent := true
	if c.Get(fiber.HeaderAuthorization) != "" {
		h, _ = s.holder(c)
	} else {
		secret, _ := textOf(lifecycle.Property(data, "writeKey")) // what else is wrong is said after the key is known
		if secret == "" {
			secret = c.Query("writeKey")
		}
		h, sent = s.holderOfSecret(secret), secret != ""
	}
	switch {
	case h == nil && sent:
		return nil, errUnknownKey("the write key, or from pages the browser key")
	case h == nil:
	case h.public:
		return h, nil
	case !h.scopes.any(mayIngest):
		return nil, may(h, mayIngest)
	case origin != "":
		return nil, errSecretKey(h)
	default:
		return h, s.admitted(c, h)
	}
	return nil, lifecycle.Errorf(lifecycle.Unauthorized, "send the write key, or from pages the browser key, as the user name of HTTP Basic authentication or as writeKey in the body")
}

// signs says of an event who sent it: what has the browser key proves nothing, and what has a key of its own comes from that.
func (h *holder) signs(event *lifecycle.Event) {
	if event.Public = h.public; h.made {
		event.Source = lifecycle.KeySource(h.name)
		event.Keyed = event.Source != ""
	}
}

// errSecretKey answers a page that holds a secret key, with which whoever reads the page could write to customers.
func errSecretKey(h *holder) error {
	err := lifecycle.Errorf(lifecycle.Forbidden, "this is %s, which is for servers only; pages send the browser key", called(h))
	err.Hint = "the browser key is in keys.json in the data folder; if this page was public, draw a new one in place of this one too"
	return err
}
