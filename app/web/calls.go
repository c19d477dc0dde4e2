package web

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// routeCalls has the queue of the call centre. The console and other programs use the same routes, with the admin key where
// the console asks for it.
func (s *Server) routeCalls() {
	calls := s.fiber.Group("/v1/calls", s.guardConsole)
	calls.Get("/", s.listCalls)
	calls.Post("/next", s.nextCall)
	calls.Get("/:ref", s.oneCall)
	calls.Post("/:ref/claim", s.claimCall)
	calls.Post("/:ref/release", s.releaseCall)
	calls.Post("/:ref/close", s.closeCall)
}

// priorities names the priorities of calls.
var priorities = [...]string{"agreed", "high", "normal", "low"}

type wireCall struct {
	Ref         string                `json:"ref"`
	User        string                `json:"user"`
	Customer    string                `json:"customer"`
	Called      string                `json:"called,omitempty"` // the customer's name, in a list
	Journey     string                `json:"journey"`
	Stage       string                `json:"stage"`
	Name        string                `json:"name"`
	Kind        lifecycle.MessageKind `json:"kind"`
	Number      string                `json:"number"`
	Reason      string                `json:"reason"` // why the customer is called
	Text        string                `json:"text"`
	Priority    string                `json:"priority"`
	State       delivery.CallState    `json:"state"`
	Because     string                `json:"because,omitempty"` // why it waits or was dropped
	Opened      time.Time             `json:"opened"`
	Due         time.Time             `json:"due"`
	Expires     *time.Time            `json:"expires,omitempty"`
	Agreed      bool                  `json:"agreed"`
	Agent       string                `json:"agent,omitempty"`
	Claimed     *time.Time            `json:"claimed,omitempty"`
	Closed      *time.Time            `json:"closed,omitempty"`
	Disposition string                `json:"disposition,omitempty"`
	Note        string                `json:"note,omitempty"`
	Log         []wireCallEntry       `json:"log"`
}

type wireCallEntry struct {
	At    time.Time  `json:"at"`
	Agent string     `json:"agent,omitempty"`
	What  string     `json:"what"`
	Note  string     `json:"note,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// moment is a time in UTC, or null.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func callOf(c *delivery.Call) *wireCall {
	if c == nil {
		return nil
	}
	wire := &wireCall{Ref: c.Ref(), User: c.User, Customer: c.Customer.String(), Journey: c.Journey, Stage: c.Stage, Name: c.Name, Kind: c.Kind,
		Number: c.Number, Reason: c.About, Text: c.Text, Priority: priorities[c.Priority], State: c.State, Because: c.Reason,
		Opened: c.Opened.UTC(), Due: c.Due.UTC(), Expires: moment(c.Expires), Agreed: c.Agreed, Agent: c.Agent, Claimed: moment(c.Claimed),
		Closed: moment(c.Closed), Disposition: c.Disposition, Note: c.Note, Log: []wireCallEntry{}}
	for _, e := range c.Log {
		wire.Log = append(wire.Log, wireCallEntry{e.At.UTC(), e.Agent, e.What, e.Note, moment(e.Until)})
	}
	return wire
}

// callStates are what can be listed.
var callStates = map[string]delivery.CallQuery{
	"": {State: delivery.CallOpen}, "open": {State: delivery.CallOpen}, "later": {State: delivery.CallOpen, Later: true},
	"held":    {State: delivery.CallOpen, Held: true},
	"claimed": {State: delivery.CallClaimed}, "closed": {State: delivery.CallClosed},
}

func (s *Server) listCalls(c *fiber.Ctx) error {
	query, ok := callStates[c.Query("state")]
	if !ok {
		return fieldError("state", "state must be open, held, later, claimed or closed")
	}
	query.Agent = strings.Clone(c.Query("agent"))
	var err error
	if query.Limit, err = limitOf(c, 50, 200); err != nil {
		return err
	}
	name := "calls-" + cmp.Or(c.Query("state"), "open") // each has an order of its own
	if query.Behind, err = cursor(c, name, delivery.IsCallPlace); err != nil {
		return err
	}
	list, err := s.Calls.List(c.UserContext(), query)
	if err != nil {
		return err
	}
	calls := []*wireCall{}
	for _, call := range list.Calls {
		one := callOf(call)
		customer, err := s.Engine.FindCustomer(c.UserContext(), one.Customer)
		switch {
		case err == nil:
			one.Called = customer.FullName()
		case lifecycle.CodeOf(err) != lifecycle.NotFound:
			return err
		}
		calls = append(calls, one)
	}
	return c.JSON(struct {
		At           time.Time   `json:"at"`
		Calls        []*wireCall `json:"calls"`
		Next         string      `json:"next,omitempty"`
		Waiting      int         `json:"waiting"`
		More         bool        `json:"more"` // there are more that wait than were counted
		Dispositions []string    `json:"dispositions"`
	}{s.Clock.Now(), calls, cursorOf(name, list.Next), list.Waiting, list.More, s.Calls.Dispositions()})
}

// known is what an agent sees of a customer beside the call.
type known struct {
	Traits  map[string]json.RawMessage `json:"traits"`
	Tags    []string                   `json:"tags"`
	Created time.Time                  `json:"created"`
	Events  []knownEvent               `json:"events"` // newest first
}

type knownEvent struct {
	At         time.Time       `json:"at"`
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties,omitempty"`
}

// knownEvents is how many events an agent sees.
const knownEvents = 15

// oneCall answers with a call and what is known of the customer; null if nobody is there any more.
func (s *Server) oneCall(c *fiber.Ctx) error {
	call, err := s.Calls.Find(c.UserContext(), strings.Clone(c.Params("ref")))
	if err != nil {
		return err
	}
	about, err := s.knownOf(c, call.Customer)
	if err != nil && lifecycle.CodeOf(err) != lifecycle.NotFound {
		return err
	}
	return c.JSON(struct {
		*wireCall
		Known *known `json:"known"`
	}{callOf(call), about})
}

func (s *Server) knownOf(c *fiber.Ctx, id lifecycle.ID) (*known, error) {
	customer, err := s.Engine.FindCustomer(c.UserContext(), id.String())
	if err != nil {
		return nil, err
	}
	entries, err := s.Engine.Timeline(c.UserContext(), id, knownEvents)
	if err != nil {
		return nil, err
	}
	about := &known{Traits: customer.Traits, Tags: append([]string{}, customer.Tags...), Created: customer.Created.UTC(), Events: []knownEvent{}}
	for _, entry := range entries {
		if entry.Event != nil && entry.Event.Name != "" {
			about.Events = append(about.Events, knownEvent{entry.At.UTC(), entry.Event.Name, entry.Event.Properties})
		}
	}
	return about, nil
}

// callRequest is what the changes of a call say.
type callRequest struct {
	Agent       string `json:"agent"`
	Disposition string `json:"disposition"`
	Note        string `json:"note"`
	Until       string `json:"until"`
}

func callBody(c *fiber.Ctx) (ref string, request callRequest, err error) {
	data, err := body(c, maxSingle)
	if err == nil {
		err = decodeStrict(data, &request)
	}
	return strings.Clone(c.Params("ref")), request, err
}

// nextCall claims the call that is to be made first; null if none waits.
func (s *Server) nextCall(c *fiber.Ctx) error {
	_, request, err := callBody(c)
	if err != nil {
		return err
	}
	call, err := s.Calls.Next(c.UserContext(), request.Agent)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"call": callOf(call)})
}

func (s *Server) claimCall(c *fiber.Ctx) error {
	ref, request, err := callBody(c)
	if err != nil {
		return err
	}
	return sendCall(c, s.Calls.Claim, ref, request.Agent)
}

func (s *Server) releaseCall(c *fiber.Ctx) error {
	ref, request, err := callBody(c)
	if err != nil {
		return err
	}
	return sendCall(c, s.Calls.Release, ref, request.Agent)
}

func (s *Server) closeCall(c *fiber.Ctx) error {
	ref, request, err := callBody(c)
	if err != nil {
		return err
	}
	ending := delivery.Ending{Agent: request.Agent, Disposition: request.Disposition, Note: request.Note}
	if request.Until != "" {
		if ending.Until, err = time.Parse(time.RFC3339, request.Until); err != nil {
			return fieldError("until", "until must be a time like 2026-01-31T12:00:00Z")
		}
	}
	return sendCall(c, s.Calls.Close, ref, ending)
}

// sendCall changes a call and answers with it as it is then.
func sendCall[T any](c *fiber.Ctx, change func(context.Context, string, T) (*delivery.Call, error), ref string, by T) error {
	call, err := change(c.UserContext(), ref, by)
	if err != nil {
		return err
	}
	return c.JSON(callOf(call))
}
