package web

import (
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// routeEvents has the list of events over all customers.
func (s *Server) routeEvents() {
	s.fiber.Get("/api/events", s.guardConsole, s.listEvents)
}

// listedEvent is an event in the list, whose it is, and what came of it.
type listedEvent struct {
	Customer    lifecycle.ID `json:"customer"`
	UserID      string       `json:"userId,omitempty"`
	AnonymousID string       `json:"anonymousId,omitempty"`
	Test        bool         `json:"test,omitempty"`
	History     bool         `json:"history,omitempty"`
	wireLived
}

// wireEvents is a page of the list.
type wireEvents struct {
	Events []listedEvent `json:"events"`
	Next   string        `json:"next,omitempty"`
	Looked int           `json:"looked"`         // how many events were looked at
	Back   *time.Time    `json:"back,omitempty"` // everything that came in later was looked at; none: everything was
}

// listEvents lists events, those that came in last first: ?event=&type=&customer=&source=&from=&until=&test=&history=&limit=&cursor=.
func (s *Server) listEvents(c *fiber.Ctx) error {
	filter, err := s.eventFilter(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c, customersPage, engine.MaxEventsPage)
	if err != nil {
		return err
	}
	place, err := cursor(c, "events", engine.IsEventsPlace)
	if err != nil {
		return err
	}
	page, err := s.Engine.Events(c.UserContext(), filter, place, limit)
	if err != nil {
		return err
	}
	answer := wireEvents{Events: make([]listedEvent, 0, len(page.Events)), Next: cursorOf("events", page.Next), Looked: page.Looked, Back: moment(page.Back)}
	for i := range page.Events {
		one := &page.Events[i]
		answer.Events = append(answer.Events, listedEvent{one.Customer, one.UserID, one.AnonymousID, one.Test, one.History,
			livedOf(&engine.LifeEntry{Seq: one.Seq, TimelineEntry: one.TimelineEntry})})
	}
	return c.JSON(answer)
}

var eventTypes = []lifecycle.EventType{lifecycle.Track, lifecycle.Identify, lifecycle.Page, lifecycle.Screen, lifecycle.Group, lifecycle.Alias}

func (s *Server) eventFilter(c *fiber.Ctx) (f engine.EventFilter, err error) {
	f = engine.EventFilter{Name: strings.Clone(c.Query("event")), Type: lifecycle.EventType(strings.Clone(c.Query("type"))), Source: strings.Clone(c.Query("source"))}
	if f.Type != "" && !slices.Contains(eventTypes, f.Type) {
		return f, fieldError("type", "type is track, identify, page, screen, group or alias, not %.20q", f.Type)
	}
	for name, at := range map[string]*time.Time{"from": &f.From, "until": &f.Until} {
		if text := c.Query(name); text != "" {
			ok := false
			if *at, ok = instant(text); !ok {
				return f, fieldError(name, "%s %.40q is not a time like 2026-01-31T12:00:00Z", name, text)
			}
		}
	}
	for name, asked := range map[string]**bool{"test": &f.Test, "history": &f.History} {
		switch text := c.Query(name); text {
		case "":
		case "true", "false":
			wanted := text == "true"
			*asked = &wanted
		default:
			return f, fieldError(name, "%s is true or false, not %.20q", name, text)
		}
	}
	if user := c.Query("customer"); user != "" {
		customer, err := s.customer(c, strings.Clone(user))
		if err != nil {
			return f, err
		}
		f.Customer = customer.ID
	}
	return f, nil
}
