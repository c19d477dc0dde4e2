package web

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// routeModes has what switches journeys: their modes, and who is a test person.
func (s *Server) routeModes(api fiber.Router) {
	api.Get("/journeys/:name/reach", s.reach)
	api.Post("/journeys/:name/mode", s.setMode)
	api.Post("/customers/test", s.setTest)
}

// wireReach is how many people have a timer that is due in a journey.
type wireReach struct {
	NextHour int      `json:"nextHour"`
	NextWeek int      `json:"nextWeek"`
	More     bool     `json:"more"`             // than were looked at
	Limit    int      `json:"limit"`            // above which, in the next hour, it has to be confirmed
	Beside   []string `json:"beside,omitempty"` // journeys that may be the same one under another name; they have to be confirmed too
}

func (s *Server) reachOf(c *fiber.Ctx, journey string) (wireReach, error) {
	reach, err := s.Engine.Reach(c.UserContext(), journey)
	return wireReach{NextHour: reach.NextHour, NextWeek: reach.NextWeek, More: reach.More, Limit: s.PublishLimit}, err
}

func (s *Server) reach(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	state, err := s.stateOf(c, name)
	if err != nil {
		return err
	}
	reach, err := s.reachOf(c, name)
	if err != nil {
		return err
	}
	if reach.Beside, err = s.beside(c, state); err != nil {
		return err
	}
	return c.JSON(reach)
}

// beside returns the journeys beside which one goes live only for somebody who knows, as they may be the same one under another
// name, and both would write to the same people: those whose folders are gone and which are not off; if its own folder is gone, those
// that write to people, or do again as soon as a brake is released. Of one that has its folder and was live before it was braked
// there is none: it goes on where it was.
func (s *Server) beside(c *fiber.Ctx, wanted engine.JourneyState) (names []string, err error) {
	gone := s.Scripts.Gone(wanted.Name)
	if wanted.Writes() && !gone {
		return nil, nil
	}
	states, err := s.Engine.States(c.UserContext())
	for _, state := range states {
		if state.Name != wanted.Name && (gone && state.Writes() || state.Mode != lifecycle.Off && s.Scripts.Gone(state.Name)) {
			names = append(names, state.Name)
		}
	}
	return names, err
}

// confirmBeside refuses to take a journey live beside one that may be the same under another name, unless the caller knows.
func (s *Server) confirmBeside(c *fiber.Ctx, wanted engine.JourneyState, yes bool) error {
	if yes {
		return nil
	}
	names, err := s.beside(c, wanted)
	if err != nil || len(names) == 0 {
		return err
	}
	return &lifecycle.Error{Code: lifecycle.Conflict, Field: "yes", Hint: fmt.Sprintf("if it is, switch %s off first; else confirm it", names[0]),
		Message: fmt.Sprintf("journey %s may be this one under another name, as the folder of one of them is gone: both would write to customers", names[0])}
}

// stateOf returns a journey as it runs; an error as of noJourney if there is none of that name.
func (s *Server) stateOf(c *fiber.Ctx, name string) (engine.JourneyState, error) {
	states, err := s.Engine.States(c.UserContext())
	if err != nil {
		return engine.JourneyState{}, err
	}
	for _, state := range states {
		if state.Name == name {
			return state, nil
		}
	}
	return engine.JourneyState{}, s.noJourney(name)
}

// noJourney says why there is no journey of a name: Conflict with what is wrong with it if it could not be published, else
// NotFound.
func (s *Server) noJourney(name string) error {
	problem := s.Scripts.Problems()[name]
	if problem == nil {
		return lifecycle.Errorf(lifecycle.NotFound, "there is no journey %q", name)
	}
	return &lifecycle.Error{Code: lifecycle.Conflict, File: problem.File, Line: problem.Line, Hint: problem.Hint,
		Message: fmt.Sprintf("journey %s is not published: %s", name, problem.Message)}
}

// confirm refuses what would reach more people within the hour than the limit, unless the caller knows.
func (s *Server) confirm(c *fiber.Ctx, journey string, yes bool) error {
	if yes {
		return nil
	}
	reach, err := s.reachOf(c, journey)
	if err != nil || reach.NextHour <= reach.Limit {
		return err
	}
	return &lifecycle.Error{Code: lifecycle.Conflict, Field: "yes", Hint: "confirm it",
		Message: fmt.Sprintf("this may reach %d people within the hour, more than %d", reach.NextHour, reach.Limit)}
}

func (s *Server) setMode(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	var request struct {
		Mode string `json:"mode"`
		Yes  bool   `json:"yes"`
	}
	if err = decodeStrictBody(c, maxSingle, &request); err != nil {
		return err
	}
	mode, err := lifecycle.ParseMode(request.Mode)
	if err != nil {
		return err
	}
	state, err := s.stateOf(c, name)
	if err != nil {
		return err
	}
	if mode == lifecycle.Live && state.Mode != lifecycle.Live {
		if err = s.confirm(c, name, request.Yes); err != nil {
			return err
		}
		if err = s.confirmBeside(c, state, request.Yes); err != nil {
			return err
		}
	}
	if err = s.Engine.SetMode(c.UserContext(), engine.SetMode{Journey: name, Mode: mode}); err != nil {
		return err
	}
	s.Log.Info("a journey's mode was set", "journey", name, "mode", mode)
	s.Insight.Touch()
	return c.JSON(fiber.Map{})
}

// setTest makes a test person of a customer, or a customer of a test person. Any of their identities will do.
func (s *Server) setTest(c *fiber.Ctx) error {
	var request struct {
		User string `json:"user"`
		On   bool   `json:"on"`
	}
	err := decodeStrictBody(c, maxSingle, &request)
	if err != nil {
		return err
	}
	customer, err := s.customer(c, request.User)
	if err != nil {
		return err
	}
	if err = s.Engine.SetTest(c.UserContext(), customer.ID, request.On); err != nil {
		return err
	}
	s.Log.Info("a customer's being a test person was set", "customer", customer.ID, "test", request.On)
	s.Insight.Touch()
	return c.JSON(fiber.Map{"customer": customer.ID, "test": request.On})
}

// customer finds a customer whom somebody has typed.
func (s *Server) customer(c *fiber.Ctx, user string) (*lifecycle.Customer, error) {
	if user == "" || len(user) > lifecycle.MaxNameBytes {
		return nil, &lifecycle.Error{Code: lifecycle.Invalid, Field: "user",
			Message: fmt.Sprintf("name a customer by a user ID, an anonymous ID, a mail address, a telephone number, an ID of another system or the customer's own ID, in 1 to %d bytes", lifecycle.MaxNameBytes)}
	}
	return s.Engine.FindCustomer(c.UserContext(), user)
}
