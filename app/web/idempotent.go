package web

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// idempotencyKey is the header by which a repeated request is recognised: for a day by any POST, for 30 days by those that
// send or move.
const idempotencyKey = "Idempotency-Key"

// keepsItself are the paths whose handlers take the key with them into the very commit that does what is asked for.
var keepsItself = map[string]bool{"/v1/send": true, "/v1/moves": true, "/api/moves": true}

// secretAnswer marks a request whose answer must not be kept.
const secretAnswer = "secret answer"

// once lets a POST with an Idempotency-Key through once, and answers a repeated one as the first was. whose keeps the keys
// of two callers apart. What failed may be tried again with the same key. Of what was interrupted by a crash nobody knows
// whether it was done: that is said, and it is not done again.
func (s *Server) once(c *fiber.Ctx, whose string) (err error) {
	key := strings.Clone(c.Get(idempotencyKey))
	if key == "" || c.Method() != fiber.MethodPost || keepsItself[c.Path()] {
		return c.Next()
	}
	if len(key) > lifecycle.MaxNameBytes || strings.ContainsFunc(key, unreadable) {
		return fieldError(idempotencyKey, "%s must have at most %d bytes of readable text", idempotencyKey, lifecycle.MaxNameBytes)
	}
	mark := lifecycle.HashID("reply", whose, strings.Clone(c.OriginalURL()), key)
	if _, busy := s.underWay.LoadOrStore(mark, true); busy {
		return lifecycle.Errorf(lifecycle.Busy, "a request with this %s is being worked on", idempotencyKey)
	}
	defer s.underWay.Delete(mark)
	began := engine.Reply{Sum: lifecycle.HashID("request", string(c.Request().Body()))}
	known, err := s.Engine.BeginReply(c.UserContext(), mark, began)
	if err != nil {
		return err
	}
	if known != nil {
		return replayed(c, known, began.Sum)
	}
	done := began
	defer func() {
		if failed := s.Engine.KeepReply(c.UserContext(), mark, done); failed != nil {
			s.Log.Error("what was answered could not be kept for a repeated request", "path", c.Path(), "error", failed)
		}
	}()
	if err = c.Next(); err != nil || c.Response().StatusCode() >= 300 {
		return err
	}
	done.Status, done.Type = c.Response().StatusCode(), string(c.Response().Header.ContentType())
	if body := c.Response().Body(); c.Locals(secretAnswer) != nil || len(body) > engine.MaxReply {
		done.Secret = true
	} else {
		done.Body = bytes.Clone(body)
	}
	return nil
}

// replayed answers a request that was made before.
func replayed(c *fiber.Ctx, known *engine.Reply, sum lifecycle.ID) error {
	conflict := func(format string, args ...any) error {
		err := fieldError(idempotencyKey, format, args...)
		err.Code = lifecycle.Conflict
		return err
	}
	switch {
	case known.Sum != sum:
		return conflict("this %s was used for another request", idempotencyKey)
	case known.Status == 0:
		return conflict("the first request with this %s was interrupted, and it is not known what became of it; look, and use another key", idempotencyKey)
	case known.Secret:
		return conflict("this was done before; its answer is not kept: it holds a secret, is too long, or may tell of somebody who was erased since")
	}
	c.Set("Idempotent-Replayed", "true")
	c.Set(fiber.HeaderContentType, known.Type)
	return c.Status(known.Status).Send(known.Body)
}
