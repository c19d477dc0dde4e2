package web

import (
	"encoding/hex"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// historyPage is about how many bytes of stored events one answer holds.
const historyPage = 1 << 20

// history answers with a page of the events that a partition has stored, customer by customer, each newest first, for a
// simulation on another machine. from is the next of the page before.
func (s *Server) history(c *fiber.Ctx) error {
	partition, err := strconv.Atoi(c.Query("partition"))
	if err != nil || partition < 0 || partition >= lifecycle.Partitions {
		return lifecycle.Errorf(lifecycle.Invalid, "partition must be a number from 0 to %d", lifecycle.Partitions-1)
	}
	from, err := hex.DecodeString(c.Query("from"))
	if err != nil || len(from) > 0 && (len(from) != 25 || from[0] != 'e') {
		return lifecycle.Errorf(lifecycle.Invalid, "from must be the next of the page before")
	}
	past, next, err := s.Engine.PastEvents(c.UserContext(), partition, from, historyPage)
	if err != nil {
		return err
	}
	if past == nil {
		past = []engine.Past{}
	}
	return c.JSON(fiber.Map{"past": past, "next": hex.EncodeToString(next)})
}
