package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// ledgerPage is how many messages a page of the list has, unless it is asked for otherwise.
const ledgerPage = 50

// lifeEvents is how many entries of the customer's timeline are looked at for what came back of a message.
const lifeEvents = 1000

// routeMessages has the ledger, and what operators order about messages.
func (s *Server) routeMessages(api fiber.Router) {
	api.Get("/messages", s.ledger)
	api.Get("/messages/:ref", s.message)
	api.Post("/messages/:ref/cancel", s.cancelMessage)
	api.Post("/messages/:ref/send", s.sendHeld)
	api.Get("/orders", s.orders)
	api.Post("/orders/pause", s.order(func(c *fiber.Ctx, o wireOrder) error {
		return s.Delivery.PauseMessages(c.UserContext(), o.Target, o.By, o.Why)
	}))
	api.Post("/orders/resume", s.order(func(c *fiber.Ctx, o wireOrder) error {
		return s.Delivery.ResumeMessages(c.UserContext(), o.Target, o.By)
	}))
	api.Post("/orders/send", s.sendAllHeld)
	api.Post("/orders/cancel", s.order(func(c *fiber.Ctx, o wireOrder) error {
		_, err := s.Delivery.CancelMessages(c.UserContext(), o.Target, o.By, o.Why)
		return err
	}))
}

// wireLedger is a page of the list of messages.
type wireLedger struct {
	Messages []wireMessage `json:"messages"`
	Next     string        `json:"next,omitempty"` // where the list goes on; empty: there is no more
	Looked   int           `json:"looked"`         // how many messages were looked at
	Back     *time.Time    `json:"back,omitempty"` // everything newer was looked at; none: everything was
}

// ledger lists messages, newest first: ?channel=&journey=&name=&state=&kind=&customer=&from=&until=&limit=&cursor=.
func (s *Server) ledger(c *fiber.Ctx) error {
	filter, err := s.ledgerFilter(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c, ledgerPage, delivery.MaxLedgerPage)
	if err != nil {
		return err
	}
	place, err := cursor(c, "messages", delivery.IsLedgerPlace)
	if err != nil {
		return err
	}
	ledger, err := s.Delivery.Ledger(c.UserContext(), filter, place, limit)
	if err != nil {
		return err
	}
	page := wireLedger{Messages: make([]wireMessage, 0, len(ledger.Messages)), Next: cursorOf("messages", ledger.Next), Looked: ledger.Looked, Back: moment(ledger.Back)}
	for _, m := range ledger.Messages {
		page.Messages = append(page.Messages, messageOf(m))
	}
	return c.JSON(page)
}

var messageStates = []lifecycle.MessageState{lifecycle.Queued, lifecycle.Accepted, lifecycle.Failed, lifecycle.Suppressed, lifecycle.Expired,
	lifecycle.Held, lifecycle.Cancelled}

// inDoubt asks for messages of which an attempt has no known result, whatever their state.
const inDoubt = "in doubt"

// readState takes what is asked for as a state: one of a message, or what came back of it, or that it is in doubt.
func readState(f *delivery.Filter, text string) error {
	switch state, answer := lifecycle.MessageState(text), lifecycle.Answer(text); {
	case text == "", slices.Contains(messageStates, state):
		f.State = state
	case slices.Contains(delivery.Answers(), answer):
		f.Answer = answer
	case text == inDoubt:
		f.InDoubt = true
	default:
		var known []string
		for _, one := range messageStates {
			known = append(known, string(one))
		}
		for _, one := range delivery.Answers() {
			known = append(known, string(one))
		}
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "state", Message: fmt.Sprintf("there is no state %q", text),
			Hint: strings.Join(known, ", ") + " or " + inDoubt}
	}
	return nil
}

func (s *Server) ledgerFilter(c *fiber.Ctx) (f delivery.Filter, err error) {
	text := func(name string) string { return strings.Clone(c.Query(name)) }
	f = delivery.Filter{Channel: text("channel"), Journey: text("journey"), Name: text("name"),
		Kind: lifecycle.MessageKind(text("kind"))}
	if err = readState(&f, text("state")); err != nil {
		return f, err
	}
	if f.Kind != "" && f.Kind != lifecycle.Transactional && f.Kind != lifecycle.Marketing {
		return f, fieldError("kind", "kind is transactional or marketing")
	}
	for name, at := range map[string]*time.Time{"from": &f.From, "until": &f.Until} {
		if value := text(name); value != "" {
			if *at, err = time.Parse(time.RFC3339, value); err != nil || at.Year() < 1970 || at.Year() > 2200 { // keys hold no others
				return f, &lifecycle.Error{Code: lifecycle.Invalid, Field: name, Message: name + " must be a time", Hint: "as in 2026-03-01T09:00:00Z"}
			}
		}
	}
	if user := text("customer"); user != "" {
		customer, err := s.customer(c, user)
		if err != nil {
			return f, err
		}
		if f.Customers, err = s.Engine.IDsWithAbsorbed(c.UserContext(), customer); err != nil {
			return f, err
		}
	}
	return f, nil
}

// message answers with one message, its bytes and its life.
func (s *Server) message(c *fiber.Ctx) error {
	life, err := s.Delivery.LifeOf(c.UserContext(), strings.Clone(c.Params("ref")))
	if err != nil {
		return err
	}
	var size *SMSSize
	if life.Rendered != nil {
		life.Rendered.Date = life.Rendered.Date.UTC()
		size = s.smsSize(life.Channel, life.Rendered.Text)
	}
	entries, err := s.Engine.Timeline(c.UserContext(), life.Customer, lifeEvents)
	if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound { // a message stays when its customer has gone
		return err
	}
	steps := append(life.Steps, eventsOf(entries, life.First())...)
	delivery.SortSteps(steps)
	for i := range steps {
		steps[i].At = steps[i].At.UTC()
		if !steps[i].Until.IsZero() {
			steps[i].Until = steps[i].Until.UTC()
		}
	}
	return c.JSON(struct {
		wireMessage
		Rendered *lifecycle.Rendered `json:"rendered"`
		SMS      *SMSSize            `json:"sms,omitempty"`
		Life     []delivery.Step     `json:"life"`
	}{messageOf(life.Listed), life.Rendered, size, steps})
}

// eventsOf picks from a customer's timeline what is about a message, oldest first.
func eventsOf(entries []engine.TimelineEntry, id lifecycle.ID) []delivery.Step {
	var steps []delivery.Step
	for _, entry := range slices.Backward(entries) {
		if entry.Event == nil || !strings.Contains(string(entry.Event.Properties), id.String()) {
			continue
		}
		var about struct {
			Message string `json:"message"`
			URL     string `json:"url"`
			Reason  string `json:"reason"`
			Machine any    `json:"machine"` // true, or what kind of program it was
		}
		if json.Unmarshal(entry.Event.Properties, &about) != nil || about.Message != id.String() {
			continue
		}
		reason := about.Reason
		if reason == "" {
			reason = about.URL
		}
		by := fmt.Sprint(about.Machine)
		steps = append(steps, delivery.Step{Kind: delivery.StepEvent, At: entry.At, Name: entry.Event.Name, Reason: reason,
			Machine: about.Machine != nil && by != "false" && by != ""})
	}
	return steps
}

// cancelMessage takes one queued message back.
func (s *Server) cancelMessage(c *fiber.Ctx) error {
	o, err := s.decodeDeed(c)
	if err != nil {
		return err
	}
	if err = s.Delivery.CancelMessage(c.UserContext(), strings.Clone(c.Params("ref")), o.By, o.Why); err != nil {
		return err
	}
	s.Insight.Touch()
	return s.message(c)
}

// sendHeld sends one message anyway that is held because it may have left.
func (s *Server) sendHeld(c *fiber.Ctx) error {
	o, err := s.decodeDeed(c)
	if err != nil {
		return err
	}
	if err = s.Delivery.SendHeld(c.UserContext(), strings.Clone(c.Params("ref")), o.By, o.Why); err != nil {
		return err
	}
	s.Log.Info("an operator has a message sent anyway that may have left", "message", c.Params("ref"), "by", o.By, "why", o.Why)
	s.Insight.Touch()
	return s.message(c)
}
