package web

import (
	"cmp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// guardConsole lets the operator in, and programs with a key. On a loopback address whoever is on the machine and shows no key
// may do all, but a page of another origin may not: the Host must be ours, so that a name that was pointed here has no way in,
// and a change must come from the console itself. Elsewhere, and through a proxy, the admin key is the password (or the user)
// of HTTP Basic authentication, or a bearer token. Whoever shows another key may do what its scopes say, wherever they are.
func (s *Server) guardConsole(c *fiber.Ctx) error {
	changes := c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead
	wanted := mayRead
	if changes {
		wanted = mayAdmin
	}
	h, bearer := s.holder(c)
	who := "an operator"
	switch {
	case h != nil && h.made:
		if err := may(h, wanted); err != nil {
			return err
		}
		if err := s.admitted(c, h); err != nil {
			return err
		}
		who = h.id + " " + h.name
	case h != nil && h.admin:
	case h != nil: // whoever shows a key that may not do this is not taken for somebody who shows none
		return may(h, wanted)
	case s.AskAdminKey, passedOn(&c.Request().Header):
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="Stagecraft console: the password is the admin key", charset="UTF-8"`)
		if c.Get(fiber.HeaderAuthorization) != "" {
			return errUnknownKey("the admin key, as the password of HTTP Basic authentication, or another key as a bearer token")
		}
		return lifecycle.Errorf(lifecycle.Unauthorized, "the console asks for the admin key as the password of HTTP Basic authentication, or for another key as a bearer token")
	case c.Get(fiber.HeaderAuthorization) != "":
		return errUnknownKey("the admin key or another that may read, or none at all on this machine")
	case !s.ownHost(string(c.Request().Host())):
		return lifecycle.Errorf(lifecycle.Unauthorized, "this host name is not known here; use the address that the server printed, or set --public-url")
	}
	// A browser sends what somebody has typed into it along with whatever a page asks for; a bearer token it does not.
	if changes && !(bearer && h != nil) {
		if c.Get("X-Stagecraft") == "" {
			return lifecycle.Errorf(lifecycle.Unauthorized, "send the header X-Stagecraft with every change, so that other pages cannot")
		}
		if origin := c.Get(fiber.HeaderOrigin); origin != "" && !s.ownOrigin(origin, string(c.Request().Host())) {
			return lifecycle.Errorf(lifecycle.Unauthorized, "changes are taken from the console only, not from %s", origin)
		}
	}
	protectPage(c)
	if err := s.checkQuery(c); err != nil {
		return err
	}
	return s.once(c, who)
}

// guardKeys lets those in who may do everything: whoever sees the keys or makes one can give themselves any right.
func (s *Server) guardKeys(c *fiber.Ctx) error {
	if h, _ := s.holder(c); h != nil && h.made {
		if err := may(h, mayAdmin); err != nil {
			return err
		}
	}
	return c.Next()
}

// protectPage says what a page of ours may load, and that nobody may put it into a frame.
func protectPage(c *fiber.Ctx) {
	// Inline styles are for the mails that the console shows, in a frame that inherits this policy and may do nothing.
	c.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "no-referrer")
}

// operator names who asks: by the name of their key, or the one that was given beside the admin key, else as they say
// themselves.
func (s *Server) operator(c *fiber.Ctx, said string) string {
	h, _ := s.holder(c)
	if h != nil && h.made {
		return cmp.Or(said, "key "+h.name)
	}
	if user, _, ok := basic(c); ok && s.AskAdminKey && h != nil && h.admin && user != "" && s.holderOfSecret(user) == nil {
		return user
	}
	return cmp.Or(said, "an operator")
}

// ownOrigin reports whether a page came from this very server, port included.
func (s *Server) ownOrigin(origin, host string) bool {
	from := hostOf(origin)
	return from != "" && (strings.EqualFold(from, host) || strings.EqualFold(from, hostOf(s.PublicURL)))
}
