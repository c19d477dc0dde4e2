package web

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// routeMoves has what moves one customer for other programs, with the write key.
func (s *Server) routeMoves() {
	s.fiber.Post("/v1/moves", s.need(maySend), s.moveFor(func(*fiber.Ctx, string) string { return "api" }))
}

// routeStages has what operators do about stages: moving one customer, moving many, and looking at what a version would do.
func (s *Server) routeStages(api fiber.Router) {
	api.Post("/moves", s.moveFor(s.operator))
	api.Post("/journeys/:name/plan", s.planDraft)
	s.bulks().route(api)
}

// wireChange asks for an act on one customer.
type wireChange struct {
	User        string    `json:"user"` // any identity, or the customer's own ID
	UserID      string    `json:"userId"`
	AnonymousID string    `json:"anonymousId"`
	Journey     string    `json:"journey"`
	Act         string    `json:"act"` // move, enrol, exit or place; move if to is given
	To          string    `json:"to"`
	Entered     time.Time `json:"entered"` // of place
	Why         string    `json:"why"`
	By          string    `json:"by"`
}

// moved returns whom it is about.
func (s *Server) moved(c *fiber.Ctx, w *wireChange) (lifecycle.ID, error) {
	switch {
	case w.User != "":
		customer, err := s.customer(c, w.User)
		if err != nil {
			return lifecycle.ID{}, err
		}
		return customer.ID, nil
	case w.UserID != "":
		return lifecycle.Identity{Kind: lifecycle.UserID, Value: w.UserID}.Hash(), nil
	case w.AnonymousID != "":
		return lifecycle.Identity{Kind: lifecycle.AnonymousID, Value: w.AnonymousID}.Hash(), nil
	}
	return lifecycle.ID{}, fieldError("userId", "say for whom: userId, anonymousId, or user, which may be either")
}

// moveFor carries out what is asked for, in the name of whom by returns. What the journey does not allow is a Conflict that
// says why; it stands in the customer's timeline too.
func (s *Server) moveFor(by func(c *fiber.Ctx, said string) string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		data, err := body(c, maxSingle)
		if err != nil {
			return err
		}
		var w wireChange
		if err = decodeStrict(data, &w); err != nil {
			return err
		}
		key := strings.Clone(c.Get(idempotencyKey))
		if len(key) > lifecycle.MaxNameBytes || strings.ContainsFunc(key, unreadable) {
			return fieldError(idempotencyKey, "%s must have at most %d bytes of readable text", idempotencyKey, lifecycle.MaxNameBytes)
		}
		id, err := s.moved(c, &w)
		if err != nil {
			return err
		}
		if w.Act == "" && w.To != "" {
			w.Act = string(engine.ActMove)
		}
		ask := engine.Change{Act: engine.Act(w.Act), Customer: id, Journey: w.Journey, To: w.To, Entered: w.Entered, By: by(c, w.By), Why: w.Why}
		out, err := s.Engine.Change(c.UserContext(), ask, key)
		if err != nil {
			return err
		}
		s.Insight.Touch()
		if out.Repeated {
			c.Set("Idempotent-Replayed", "true")
		}
		if out.Refused != "" {
			return &lifecycle.Error{Code: lifecycle.Conflict, Field: "to", Message: out.Refused}
		}
		return c.JSON(struct {
			Customer lifecycle.ID `json:"customer"`
			Journey  string       `json:"journey"`
			From     string       `json:"from"`
			To       string       `json:"to"`
		}{out.Customer, w.Journey, out.From, out.To})
	}
}

// planDraft says what publishing the scripts folder, or a draft of it, would do to the customers of a journey.
func (s *Server) planDraft(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	var request struct {
		Files draftFiles         `json:"files"` // over those on the disk
		Whole bool               `json:"whole"` // they are all that there is: nothing of those on the disk
		Drain bool               `json:"drain"`
		Where map[string]*string `json:"where"` // from former stages to where their customers would be put; null: out of the journey
	}
	if err = decodeStrictBody(c, maxDraft, &request); err != nil {
		return err
	}
	files, err := request.Files.read()
	if err != nil {
		return err
	}
	read := s.Drafts.Folder
	if request.Whole {
		read = s.Drafts.Whole
	}
	source, err := read(name, files)
	if err != nil {
		return err
	}
	where := map[string]string{}
	for stage, to := range request.Where {
		if where[stage] = ""; to != nil {
			where[stage] = *to
		}
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	program, err := s.Compile(source)
	if err != nil {
		return err
	}
	plan, err := s.Engine.PlanStages(c.UserContext(), &program.Journey, request.Drain, where)
	if err != nil {
		return err
	}
	return c.JSON(plan)
}
