package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// guardWrite lets holders of the write key in: it is the user of HTTP Basic authentication, as with the Segment API;
// the password is not looked at.
func (s *Server) guardWrite(c *fiber.Ctx) error {
	user, _, ok := basic(c)
	if !ok || !equal(user, s.WriteKey) {
		return lifecycle.Errorf(lifecycle.Unauthorized, "send the write key as the user name of HTTP Basic authentication")
	}
	return c.Next()
}

// guardConsole lets the operator in. On a loopback address whoever is on the machine may look, but a page of another
// origin may not: the Host must be ours, so that a name that was pointed here has no way in, and a change must come
// from the console itself. Elsewhere the admin key is the password (or the user) of HTTP Basic authentication.
func (s *Server) guardConsole(c *fiber.Ctx) error {
	if s.AskAdminKey {
		user, password, ok := basic(c)
		if !ok || !equal(password, s.AdminKey) && !equal(user, s.AdminKey) {
			c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="Stagecraft console: the password is the admin key", charset="UTF-8"`)
			return lifecycle.Errorf(lifecycle.Unauthorized, "the console asks for the admin key as the password of HTTP Basic authentication")
		}
	} else if !s.ownHost(string(c.Request().Host())) {
		return lifecycle.Errorf(lifecycle.Unauthorized, "this host name is not known here; use the address that the server printed, or set --public-url")
	}
	if method := c.Method(); method != fiber.MethodGet && method != fiber.MethodHead {
		if c.Get("X-Stagecraft") == "" {
			return lifecycle.Errorf(lifecycle.Unauthorized, "send the header X-Stagecraft with every change, so that other pages cannot")
		}
		if origin := c.Get(fiber.HeaderOrigin); origin != "" && !s.ownOrigin(origin, string(c.Request().Host())) {
			return lifecycle.Errorf(lifecycle.Unauthorized, "changes are taken from the console only, not from %s", origin)
		}
	}
	// Inline styles are for the mails that the console shows, in a frame that inherits this policy and may do nothing.
	c.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("Referrer-Policy", "no-referrer")
	return c.Next()
}

// ownHost reports whether a Host header names this server: by its public URL, or as this machine.
func (s *Server) ownHost(host string) bool {
	if host != "" && strings.EqualFold(host, hostOf(s.PublicURL)) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// ownOrigin reports whether a page came from this very server, port included.
func (s *Server) ownOrigin(origin, host string) bool {
	from := hostOf(origin)
	return from != "" && (strings.EqualFold(from, host) || strings.EqualFold(from, hostOf(s.PublicURL)))
}

func basic(c *fiber.Ctx) (user, password string, ok bool) {
	return basicOf(c.Get(fiber.HeaderAuthorization))
}

// basicOf reads a header for HTTP Basic authentication.
func basicOf(authorization string) (user, password string, ok bool) {
	scheme, encoded, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	user, password, _ = strings.Cut(string(decoded), ":")
	return user, password, true
}

// equal compares in a time that tells nothing.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return b != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
