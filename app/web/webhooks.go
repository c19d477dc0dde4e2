package web

import (
	"context"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/delivery"
	"stagecraft/app/lifecycle"
)

// WebhookSecrets are what webhooks are signed with: one secret, or two while receivers change over.
type WebhookSecrets interface {
	// Changing reports whether there are two.
	Changing() bool
	// Rotate draws a new secret, which counts besides the present one, and returns it.
	Rotate(ctx context.Context) (string, error)
	// Finish ends the use of the former one.
	Finish(ctx context.Context) error
}

// routeWebhooks has what operators do about webhooks: posting them once more, looking at where they fail, changing the
// secret.
func (s *Server) routeWebhooks(api fiber.Router) {
	api.Get("/webhooks", s.webhooks)
	api.Post("/messages/:ref/replay", s.replayMessage)
	api.Post("/webhooks/replay", s.replayWebhooks)
	api.Post("/webhooks/secret", s.rotateSecret)
	api.Delete("/webhooks/secret", s.finishSecret)
}

// webhooks says which endpoints fail, and whether the secret is being changed.
func (s *Server) webhooks(c *fiber.Ctx) error {
	endpoints, err := s.Delivery.Endpoints(c.UserContext())
	if err != nil {
		return err
	}
	for i := range endpoints {
		e := &endpoints[i]
		e.Since, e.Last = e.Since.UTC(), e.Last.UTC()
		if !e.Paused.IsZero() {
			e.Paused = e.Paused.UTC()
		}
	}
	return c.JSON(struct {
		Endpoints []delivery.Endpoint `json:"endpoints"` // that fail, the one that fails longest first
		Changing  bool                `json:"changing"`  // two secrets sign
	}{endpoints, s.Secrets.Changing()})
}

// replayMessage posts one webhook once more.
func (s *Server) replayMessage(c *fiber.Ctx) error {
	o, err := s.decodeDeed(c)
	if err != nil {
		return err
	}
	if err = s.Delivery.ReplayMessage(c.UserContext(), strings.Clone(c.Params("ref")), o.By); err != nil {
		return err
	}
	s.Insight.Touch()
	return s.message(c)
}

// replayWebhooks posts webhooks once more that have failed since a time, a part of them with each call.
func (s *Server) replayWebhooks(c *fiber.Ctx) error {
	var in struct {
		Since    time.Time `json:"since"`
		Until    time.Time `json:"until"`
		Journey  string    `json:"journey"`
		Name     string    `json:"name"`
		Endpoint string    `json:"endpoint"`
		State    string    `json:"state"`
		By       string    `json:"by"`
		Cursor   string    `json:"cursor"`
	}
	err := decodeStrictBody(c, maxSingle, &in)
	if err != nil {
		return err
	}
	if in.Since.IsZero() {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "since", Message: "since is missing: webhooks that were decided then or later are posted once more",
			Hint: `as in {"since": "2026-03-01T09:00:00Z"}`}
	}
	state := lifecycle.MessageState(in.State)
	switch state {
	case "", lifecycle.Failed, lifecycle.Held, lifecycle.Expired, lifecycle.Cancelled:
	default:
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "state", Message: "state is failed, held, expired or cancelled; one that was accepted is replayed by its reference"}
	}
	const list = "webhooks-replay"
	place, err := readCursor(in.Cursor, list, delivery.IsLedgerPlace)
	if err != nil {
		return err
	}
	by := s.operator(c, in.By)
	if err = checkBy(by); err != nil {
		return err
	}
	done, err := s.Delivery.ReplayFailed(c.UserContext(), delivery.Filter{From: in.Since, Until: in.Until, Journey: in.Journey, Name: in.Name, State: state},
		in.Endpoint, by, place)
	if err != nil {
		return err
	}
	s.Log.Info("an operator had webhooks posted once more", "since", in.Since, "count", done.Count, "by", by)
	s.Insight.Touch()
	return c.JSON(struct {
		delivery.Replayed
		Next string `json:"next,omitempty"`
	}{done, cursorOf(list, done.Next)})
}

// rotateSecret draws a new secret and answers with it, this once.
func (s *Server) rotateSecret(c *fiber.Ctx) error {
	if err := takesNothing(c); err != nil {
		return err
	}
	secret, err := s.Secrets.Rotate(c.UserContext())
	if err != nil {
		return err
	}
	s.Log.Info("webhooks have a new secret, and are signed with the former one too until the change is finished")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Locals(secretAnswer, true)
	return c.JSON(fiber.Map{"secret": secret})
}

func (s *Server) finishSecret(c *fiber.Ctx) error {
	if err := s.Secrets.Finish(c.UserContext()); err != nil {
		return err
	}
	s.Log.Info("webhooks are signed with their new secret only")
	return s.webhooks(c)
}
