package web

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Topics knows how topics are called.
type Topics interface {
	// Topics returns the titles as they are now. They are not changed.
	Topics() script.Topics
}

// topics are the titles; none, if nobody knows any.
func (s *Server) topics() script.Topics {
	if s.Topics == nil {
		return nil
	}
	return s.Topics.Topics()
}

// topicFor is how a topic is called for a customer: by its title, else by its name, written for people. "": there is no topic.
func topicFor(titles script.Topics, topic, language string) string {
	return cmp.Or(titles.Title(topic, language), titleOf(topic))
}

// wireTopic is how a topic is called.
type wireTopic struct {
	Name  string          `json:"name"`
	Title lifecycle.Texts `json:"title"` // by language; "": in all that are not named
}

// routeTopics tells the console how topics are called.
func (s *Server) routeTopics(api fiber.Router) {
	api.Get("/topics", func(c *fiber.Ctx) error {
		titles, list := s.topics(), []wireTopic{}
		for _, name := range slices.Sorted(maps.Keys(titles)) {
			list = append(list, wireTopic{name, titles[name]})
		}
		return c.JSON(fiber.Map{"topics": list})
	})
}
