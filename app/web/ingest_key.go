package web

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// sender finds out who sends events: holders of the write key or of another that may ingest, or anybody with the browser
// key, which stands in public pages. The key is the user of HTTP Basic authentication or a bearer token, else writeKey in
// the body, for pages that can set no header, else in the query. public reports that it was the browser key.
func (s *Server) sender(c *fiber.Ctx, data []byte) (public bool, err error) {
	origin := c.Get(fiber.HeaderOrigin)
	if origin != "" {
		c.Set(fiber.HeaderWWWAuthenticate, "Key") // else a browser would ask the visitor for a password
	}
	var h *holder
	sent := true
	if c.Get(fiber.HeaderAuthorization) != "" {
		h, _ = s.holder(c)
	} else {
		var body struct {
			WriteKey string `json:"writeKey"`
		}
		if _ = json.Unmarshal(data, &body); body.WriteKey == "" { // what else is wrong is said after the key is known
			body.WriteKey = c.Query("writeKey")
		}
		h, sent = s.holderOfSecret(body.WriteKey), body.WriteKey != ""
	}
	switch {
	case h == nil && sent:
		return false, errUnknownKey("the write key, or from pages the browser key")
	case h == nil:
	case h.public:
		return true, nil
	case !h.scopes.any(mayIngest):
		return false, may(h, mayIngest)
	case origin != "":
		return false, errSecretKey(h)
	default:
		return false, s.admitted(c, h)
	}
	return false, lifecycle.Errorf(lifecycle.Unauthorized, "send the write key, or from pages the browser key, as the user name of HTTP Basic authentication or as writeKey in the body")
}

// errSecretKey answers a page that holds a secret key, with which whoever reads the page could write to customers.
func errSecretKey(h *holder) error {
	err := lifecycle.Errorf(lifecycle.Unauthorized, "this is %s, which is for servers only; pages send the browser key", called(h))
	err.Hint = "the browser key is in keys.json in the data folder; if this page was public, draw a new one in place of this one too"
	return err
}
