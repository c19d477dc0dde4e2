package web

import (
	"strconv"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// historyPage is about how many bytes of stored events one answer holds.
const historyPage = 1 << 20

// history answers with a page of the events that a partition has stored, customer by customer, each newest first, for a
// simulation on another machine: ?partition=&cursor=.
func (s *Server) history(c *fiber.Ctx) error {
	partition, err := strconv.Atoi(c.Query("partition"))
	if err != nil || partition < 0 || partition >= lifecycle.Partitions {
		return fieldError("partition", "partition is a number from 0 to %d", lifecycle.Partitions-1)
	}
	list := "history-" + strconv.Itoa(partition)
	from, err := cursor(c, list, func(place []byte) bool { return len(place) == 25 && place[0] == 'e' })
	if err != nil {
		return err
	}
	past, next, err := s.Engine.PastEvents(c.UserContext(), partition, from, historyPage)
	if err != nil {
		return err
	}
	if past == nil {
		past = []engine.Past{}
	}
	return c.JSON(struct {
		Past []engine.Past `json:"past"`
		Next string        `json:"next,omitempty"`
	}{past, cursorOf(list, next)})
}
