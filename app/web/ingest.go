package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// Bounds of what comes in by the Segment HTTP API.
const (
	maxBatch      = 2500      // events of one batch
	maxBatchBytes = 500 << 10 // of one batch, inflated
	maxAsked      = 1 << 10   // bytes of the names of headers that a page asks for
)

// calls are the kinds of call by their paths: the long ones of servers' libraries, and the short ones of browsers'.
var calls = map[string]lifecycle.EventType{
	"track": lifecycle.Track, "identify": lifecycle.Identify, "page": lifecycle.Page, "screen": lifecycle.Screen,
	"group": lifecycle.Group, "alias": lifecycle.Alias,
	"t": lifecycle.Track, "i": lifecycle.Identify, "p": lifecycle.Page, "s": lifecycle.Screen, "g": lifecycle.Group, "a": lifecycle.Alias,
}

// routeIngest serves the Segment HTTP API, as https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
// describes it and as its libraries, and those of RudderStack, speak it.
func (s *Server) routeIngest() {
	take := func(path string, handle fiber.Handler) {
		s.fiber.Options(path, preflight)
		s.fiber.Post(path, forPages, handle)
	}
	for name, kind := range calls {
		take("/v1/"+name, func(c *fiber.Ctx) error { return s.single(c, kind) })
	}
	take("/v1/batch", s.batch)
	take("/v1/b", s.batch)
	take("/beacon/v1/batch", s.batch) // RudderStack, when a page is left
	take("/v1/import", s.batchImport) // libraries for Ruby and PHP
	s.routeLibraries()
}

// forPages lets pages of every origin read the answer: what they may do depends on their key alone, never on cookies.
func forPages(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	if c.Get(fiber.HeaderOrigin) != "" {
		c.Set(fiber.HeaderAccessControlExposeHeaders, fiber.HeaderRetryAfter)
	}
	return c.Next()
}

// preflight answers what browsers ask before a page may send. Whatever headers the page asks for are allowed: libraries send
// some of their own, other ones with each version, of which none means anything here.
func preflight(c *fiber.Ctx) error {
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, allowedHeaders(c.Get(fiber.HeaderAccessControlRequestHeaders)))
	c.Set(fiber.HeaderAccessControlMaxAge, "86400")
	c.Set(fiber.HeaderVary, fiber.HeaderAccessControlRequestHeaders)
	return c.SendStatus(fiber.StatusNoContent)
}

// allowedHeaders answers with the names that were asked for, if that is what they are, else with those of known libraries.
func allowedHeaders(asked string) string {
	names := strings.FieldsFunc(asked, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(names) == 0 || len(asked) > maxAsked || slices.ContainsFunc(names, func(name string) bool { return strings.ContainsFunc(name, noToken) }) {
		return "authorization, content-type, content-encoding, anonymousid, sentat, x-retry-count"
	}
	return strings.Join(names, ", ")
}

// noToken reports whether a character stands in no header's name (RFC 9110, section 5.6.2).
func noToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// body returns the request's body in memory of its own, inflated if it is gzip by its first bytes, whatever the header
// says: clients mislabel it.
func body(c *fiber.Ctx, limit int) ([]byte, error) { return unpacked(c, maxBody, limit) }

// unpacked returns the body of at most so many bytes on the wire, and limit inflated.
func unpacked(c *fiber.Ctx, wire, limit int) ([]byte, error) {
	raw := c.Request().Body()
	if len(raw) > wire {
		return nil, lifecycle.Errorf(lifecycle.TooLarge, "the body has more than %d bytes", wire)
	}
	var data []byte
	if len(raw) > 2 && raw[0] == 0x1f && raw[1] == 0x8b {
		reader, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(reader, int64(limit)+1))
		}
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the body is not valid gzip")
		}
	} else {
		data = bytes.Clone(raw)
	}
	if len(data) > limit {
		return nil, lifecycle.Errorf(lifecycle.TooLarge, "the body has more than %d bytes", limit)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the body is empty; send a JSON object")
	}
	return data, nil
}

// decodeStrictBody reads the request's body, of at most limit bytes, which has the fields of target and no others.
func decodeStrictBody(c *fiber.Ctx, limit int, target any) error {
	data, err := body(c, limit)
	if err != nil {
		return err
	}
	return decodeStrict(data, target)
}

// single takes one event. A bad one is a 4xx, which tells libraries not to send it again.
func (s *Server) single(c *fiber.Ctx, kind lifecycle.EventType) error {
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	from, err := s.sender(c, data)
	if err != nil {
		return err
	}
	read, err := decodeCall(data, kind)
	if err != nil {
		return err
	}
	if from.signs(&read.Event); read.Public {
		if err = read.ValidatePublic(); err != nil {
			return err
		}
	}
	unskew(&read.Event, read.sentAt, s.Clock.Now())
	results, err := s.Engine.Receive(c.UserContext(), []lifecycle.Event{read.Event})
	if err != nil {
		return err
	}
	if results[0].Err != nil {
		return results[0].Err
	}
	return sendTaken(c, s.warnings(&read.Event, read.untimed))
}

// sendTaken answers that all was taken, and what of it does not count as it may be meant to.
func sendTaken(c *fiber.Ctx, warnings []wireError) error {
	if len(warnings) > 0 {
		return c.JSON(fiber.Map{"success": true, "warnings": warnings})
	}
	return sendOK(c)
}

func sendOK(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.SendString(`{"success":true}`)
}

// warnings says what is wrong with an event that was taken all the same; untimed is why its time could not be read.
func (s *Server) warnings(event *lifecycle.Event, untimed error) (list []wireError) {
	if untimed != nil {
		list = append(list, warning(untimed, "it happened when it came in"))
	}
	if wrong := s.Engine.CheckAmount(event); wrong != nil {
		list = append(list, warning(wrong, "its amount counts as 0"))
	}
	return list
}

// warning says what is wrong with an event, and what it counts as therefore.
func warning(err error, counts string) wireError {
	var own *lifecycle.Error
	if !errors.As(err, &own) {
		own = lifecycle.Errorf(lifecycle.Invalid, "%s", err)
	}
	return wireError{Code: own.Code, Field: own.Field, Message: "the event was taken, and " + counts + ": " + own.Message}
}
