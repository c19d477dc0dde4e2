package web

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// startLife is how long a code is good with which a customer begins a chat, if nothing else is asked for.
const startLife = 24 * time.Hour

// routeStarts gives out the codes with which customers begin a chat.
func (s *Server) routeStarts() {
	s.fiber.Post("/v1/social/start", s.need(maySend), s.makeStart)
}

// makeStart makes a code for a customer: {"userId", "seconds"}.
func (s *Server) makeStart(c *fiber.Ctx) error {
	c.Locals(secretAnswer, true)
	var in struct {
		UserID  string `json:"userId"`
		Seconds int    `json:"seconds"`
	}
	if err := decodeStrictBody(c, maxSingle, &in); err != nil {
		return err
	}
	in.UserID = strings.TrimSpace(in.UserID)
	if in.UserID == "" || len(in.UserID) > lifecycle.MaxNameBytes || strings.ContainsFunc(in.UserID, unreadable) {
		return fieldError("userId", "userId must be a user ID of 1 to %d bytes", lifecycle.MaxNameBytes)
	}
	life := startLife
	if in.Seconds != 0 {
		life = time.Duration(min(max(in.Seconds, 0), int(lifecycle.MaxStartLife/time.Second)+1)) * time.Second // so many do not fit into a duration
	}
	if life <= 0 || life > lifecycle.MaxStartLife {
		return fieldError("seconds", "seconds must be between 1 and %d", int(lifecycle.MaxStartLife/time.Second))
	}
	customer, err := s.Engine.OneCustomer(c.UserContext(), in.UserID, string(lifecycle.UserID))
	if err != nil {
		return err
	}
	ends := s.Clock.Now().Add(life).Truncate(time.Second)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"code": s.Links.StartCode(customer.ID, ends), "expires": ends.UTC()})
}
