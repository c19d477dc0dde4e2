package web

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// routeBulks has one act on many customers: drafts, their lists, what they would do, and how far they have come.
func (s *Server) routeBulks(api fiber.Router) {
	api.Get("/bulks", s.listBulks)
	api.Get("/bulks/:name", s.oneBulk)
	api.Put("/bulks/:name", s.saveBulk)
	api.Delete("/bulks/:name", s.dropBulk)
	api.Post("/bulks/:name/list", s.addToBulk)
	api.Post("/bulks/:name/ahead", s.bulkAhead)
	for act, state := range map[string]engine.BulkState{"start": engine.BulkRunning, "pause": engine.BulkPaused, "resume": engine.BulkRunning, "stop": engine.BulkStopped} {
		api.Post("/bulks/:name/"+act, s.setBulk(act, state))
	}
}

// wireBulk is a bulk with how far it has come.
type wireBulk struct {
	engine.Bulk
	Status   string              `json:"status"` // draft, running, paused, stopped or done
	Text     string              `json:"text"`   // what is done to whom, for people
	Progress engine.BulkProgress `json:"progress"`
	Share    float64             `json:"share"` // of the partitions that are through, 0 to 1
}

func (s *Server) bulkOf(ctx context.Context, b engine.Bulk) (*wireBulk, error) {
	progress, err := s.Engine.BulkProgress(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	w := &wireBulk{Bulk: b, Status: string(b.State), Text: b.Text(), Progress: progress, Share: float64(progress.Parts) / lifecycle.Partitions}
	if b.State == engine.BulkRunning && progress.Over {
		w.Status = "done"
	}
	return w, nil
}

func (s *Server) listBulks(c *fiber.Ctx) error {
	list, err := s.Engine.Bulks(c.UserContext())
	if err != nil {
		return err
	}
	all := []*wireBulk{}
	for _, b := range list {
		w, err := s.bulkOf(c.UserContext(), b)
		if err != nil {
			return err
		}
		all = append(all, w)
	}
	return c.JSON(fiber.Map{"bulks": all})
}

// bulkNamed returns the bulk that the path names.
func (s *Server) bulkNamed(c *fiber.Ctx) (engine.Bulk, error) {
	name, err := param(c, "name")
	if err != nil {
		return engine.Bulk{}, err
	}
	return s.Engine.Bulk(c.UserContext(), name)
}

func (s *Server) answerBulk(c *fiber.Ctx, b engine.Bulk) error {
	w, err := s.bulkOf(c.UserContext(), b)
	if err != nil {
		return err
	}
	return c.JSON(w)
}

func (s *Server) oneBulk(c *fiber.Ctx) error {
	b, err := s.bulkNamed(c)
	if err != nil {
		return err
	}
	return s.answerBulk(c, b)
}

func (s *Server) saveBulk(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	var b engine.Bulk
	if err = decodeStrict(data, &b); err != nil {
		return err
	}
	if b.Name != "" && b.Name != name {
		return fieldError("name", "the body names bulk %.80q, but the address %.80q", b.Name, name)
	}
	b.Name, b.By = name, s.operator(c, b.By)
	if b, err = s.Engine.SaveBulk(c.UserContext(), b); err != nil {
		return err
	}
	s.Insight.Touch()
	return s.answerBulk(c, b)
}

func (s *Server) dropBulk(c *fiber.Ctx) error {
	b, err := s.bulkNamed(c)
	if err != nil {
		return err
	}
	if err = s.Engine.DropBulk(c.UserContext(), b.Name); err != nil {
		return err
	}
	s.Insight.Touch()
	return c.JSON(fiber.Map{})
}

func (s *Server) addToBulk(c *fiber.Ctx) error {
	b, err := s.bulkNamed(c)
	if err != nil {
		return err
	}
	data, err := body(c, maxInflated)
	if err != nil {
		return err
	}
	members, err := readMembers(data)
	if err != nil {
		return err
	}
	added, err := s.Engine.AddToBulk(c.UserContext(), b.Name, members)
	if err != nil {
		return err
	}
	s.Insight.Touch()
	return c.JSON(added)
}

func (s *Server) bulkAhead(c *fiber.Ctx) error {
	b, err := s.bulkNamed(c)
	if err != nil {
		return err
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	ahead, err := s.Engine.BulkAhead(c.UserContext(), b)
	if err != nil {
		return err
	}
	return c.JSON(ahead)
}

// setBulk starts, pauses, resumes and stops.
func (s *Server) setBulk(act string, state engine.BulkState) fiber.Handler {
	return func(c *fiber.Ctx) error {
		b, err := s.bulkNamed(c)
		if err != nil {
			return err
		}
		o, err := s.decodeOrder(c)
		if err != nil {
			return err
		}
		if act == "resume" && b.State == engine.BulkDraft {
			return lifecycle.Errorf(lifecycle.Conflict, "bulk %s was not started", b.Name)
		}
		if b, err = s.Engine.SetBulk(c.UserContext(), b.Name, state, o.By); err != nil {
			return err
		}
		s.Log.Info("an operator acted on a bulk", "bulk", b.Name, "act", act, "by", o.By)
		s.Insight.Touch()
		return s.answerBulk(c, b)
	}
}
