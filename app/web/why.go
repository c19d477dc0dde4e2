package web

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// Lives tells why things happened to a customer. What it answers is ready to be written as JSON.
type Lives interface {
	// Why explains where a customer is and what was decided for them; or of a message, by its name, reference or ID, why
	// they did or did not get it.
	Why(ctx context.Context, customer lifecycle.ID, message string) (any, error)
	// Replay lives a customer's events again and says where what comes of them differs from what is stored.
	Replay(ctx context.Context, customer lifecycle.ID) (any, error)
}

// routeWhy serves the questions about one customer.
func (s *Server) routeWhy() {
	s.fiber.Get("/v1/customers/:customer/why", s.guardConsole, func(c *fiber.Ctx) error {
		return s.life(c, func(id lifecycle.ID) (any, error) {
			return s.Lives.Why(c.UserContext(), id, strings.Clone(c.Query("message")))
		})
	})
	s.fiber.Get("/v1/customers/:customer/replay", s.guardConsole, func(c *fiber.Ctx) error {
		return s.life(c, func(id lifecycle.ID) (any, error) { return s.Lives.Replay(c.UserContext(), id) })
	})
}

// life finds the customer that a path names and writes what is told of them. One life is told at a time.
func (s *Server) life(c *fiber.Ctx, tell func(lifecycle.ID) (any, error)) error {
	customer, err := s.customerOf(c)
	if err != nil {
		return err
	}
	told, err := tell(customer.ID)
	if err != nil {
		return err
	}
	return c.JSON(told)
}
