package web

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// wireOrder is what an operator wants, of whichever messages the target covers.
type wireOrder struct {
	delivery.Target
	By  string `json:"by"`
	Why string `json:"why"`
}

// decodeOrder reads an order. Who it is by is the name that was given beside the admin key, else what the body says.
func (s *Server) decodeOrder(c *fiber.Ctx) (wireOrder, error) {
	var o wireOrder
	err := decodeStrictBody(c, maxSingle, &o)
	if err != nil {
		return o, err
	}
	o.By = s.operator(c, o.By)
	return o, checkBy(o.By)
}

// checkBy refuses the names of the program itself: what it has paused it lets go on, and what a person has paused it does not.
func checkBy(by string) error {
	if delivery.IsOwnName(by) {
		return fieldError("by", "%q is a name of the program itself; say who you are", by)
	}
	return nil
}

// decodeDeed reads an order about what the path names; which messages it is about is not for the body to say.
func (s *Server) decodeDeed(c *fiber.Ctx) (wireOrder, error) {
	o, err := s.decodeOrder(c)
	if err != nil {
		return o, err
	}
	for field, said := range map[string]string{"channel": o.Channel, "journey": o.Journey, "name": o.Name, "endpoint": o.Endpoint, "kind": string(o.Kind)} {
		if said != "" {
			return o, fieldError(field, "%s is of no use here: it is all of what the address names", field)
		}
	}
	return o, nil
}

// checkJourney refuses a journey that there is not, and of which no pause is in force.
func (s *Server) checkJourney(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	var names []string
	states, err := s.Engine.States(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		names = append(names, state.Name)
	}
	if slices.Contains(names, name) {
		return nil
	}
	broadcasts, err := s.Engine.Broadcasts(ctx)
	if err != nil || slices.ContainsFunc(broadcasts, func(b engine.Broadcast) bool { return b.Journey() == name }) {
		return err
	}
	orders, err := s.Delivery.Orders(ctx)
	if err != nil || slices.ContainsFunc(orders.Pauses, func(o delivery.Order) bool { return o.Journey == name }) {
		return err
	}
	slices.Sort(names)
	return &lifecycle.Error{Code: lifecycle.Invalid, Field: "journey", Message: fmt.Sprintf("there is no journey %q", name),
		Hint: "there are: " + strings.Join(names, ", ")}
}

// order takes an order and answers with those that are in force.
func (s *Server) order(give func(c *fiber.Ctx, o wireOrder) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		o, err := s.decodeOrder(c)
		if err != nil {
			return err
		}
		if err = s.checkJourney(c.UserContext(), o.Journey); err == nil {
			err = give(c, o)
		}
		if err != nil {
			return err
		}
		s.Log.Info("an operator ordered something about messages", "order", c.Path(), "of", o.Target.String(), "by", o.By, "why", o.Why)
		s.Insight.Touch()
		note, err := s.noteOn(c.UserContext(), o.Target)
		if err != nil { // the order is given, and holds
			s.Log.Warn("what may be wrong with an order could not be found out", "of", o.Target.String(), "error", err)
		}
		return s.answerOrders(c, note)
	}
}

// sendAllHeld sends what is held of a target because it may have left.
func (s *Server) sendAllHeld(c *fiber.Ctx) error {
	o, err := s.decodeOrder(c)
	if err != nil {
		return err
	}
	if err = s.checkJourney(c.UserContext(), o.Journey); err != nil {
		return err
	}
	count, err := s.Delivery.SendAllHeld(c.UserContext(), o.Target, o.By, o.Why)
	if err != nil {
		return err
	}
	s.Log.Info("an operator has messages sent anyway that may have left", "of", o.Target.String(), "count", count, "by", o.By, "why", o.Why)
	s.Insight.Touch()
	return c.JSON(struct {
		Sent int `json:"sent"`
	}{count})
}

// wireOrders are the orders in force.
type wireOrders struct {
	delivery.Orders
	Note string `json:"note,omitempty"` // of an order just given: what may be wrong with it
}

func (s *Server) orders(c *fiber.Ctx) error { return s.answerOrders(c, "") }

func (s *Server) answerOrders(c *fiber.Ctx, note string) error {
	orders, err := s.Delivery.Orders(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(wireOrders{orders, note})
}

// noteOn says that no script has a message of the name, and none was ever decided. That is no error: it may be one that is to come.
func (s *Server) noteOn(ctx context.Context, t delivery.Target) (string, error) {
	if t.Name == "" {
		return "", nil
	}
	report, err := s.Insight.Report(ctx) // also of what is no script's: webhooks, and journeys and broadcasts that have gone
	if err != nil {
		return "", err
	}
	states, err := s.Engine.States(ctx)
	if err != nil {
		return "", err
	}
	known := map[string]bool{}
	for journey, figures := range report.Journeys {
		if t.Journey == "" || t.Journey == journey {
			for name := range figures.Messages {
				known[name] = true
			}
		}
	}
	for _, state := range states {
		if program, ok := s.Engine.Program(state.Version); ok && (t.Journey == "" || t.Journey == state.Name) {
			for i := range program.Templates {
				known[program.Templates[i].Name] = true
			}
		}
	}
	if known[t.Name] {
		return "", nil
	}
	note := fmt.Sprintf("no message of this name yet: no script has a message %q", t.Name)
	if t.Journey != "" {
		note += " in journey " + t.Journey
	}
	if hint := script.DidYouMean(t.Name, slices.Sorted(maps.Keys(known)), ""); hint != "" {
		note += "; " + hint
	}
	return note, nil
}
