package web

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// sender finds out who sends events: holders of the write key, or anybody with the browser key, which stands in public
// pages. The key is the user of HTTP Basic authentication, else writeKey in the body, for pages that can set no header,
// else in the query. public reports that it was the browser key.
func (s *Server) sender(c *fiber.Ctx, data []byte) (public bool, err error) {
	origin := c.Get(fiber.HeaderOrigin)
	if origin != "" {
		c.Set(fiber.HeaderWWWAuthenticate, "Key") // else a browser would ask the visitor for a password
	}
	var key string
	if c.Get(fiber.HeaderAuthorization) != "" {
		key, _, _ = basic(c)
	} else {
		var body struct {
			WriteKey string `json:"writeKey"`
		}
		if _ = json.Unmarshal(data, &body); body.WriteKey == "" { // what else is wrong is said after the key is known
			body.WriteKey = c.Query("writeKey")
		}
		key = body.WriteKey
	}
	switch {
	case equal(key, s.WriteKey) && origin != "":
		return false, errSecretKey()
	case equal(key, s.WriteKey):
		return false, nil
	case equal(key, s.BrowserKey):
		return true, nil
	}
	return false, lifecycle.Errorf(lifecycle.Unauthorized, "send the write key, or from pages the browser key, as the user name of HTTP Basic authentication or as writeKey in the body")
}

// errSecretKey answers a page that holds the write key, with which whoever reads the page could write to customers.
func errSecretKey() error {
	err := lifecycle.Errorf(lifecycle.Unauthorized, "this is the write key, which is for servers only; pages send the browser key")
	err.Hint = "the browser key is in keys.json in the data folder; if this page was public, draw a new write key too"
	return err
}
