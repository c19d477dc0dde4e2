package web

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// bulks is one act on many customers.
func (s *Server) bulks() *jobs[engine.Bulk] {
	return &jobs[engine.Bulk]{
		Server: s, kind: "bulk", most: maxSingle,
		all: s.Engine.Bulks, one: s.Engine.Bulk, add: s.Engine.AddToBulk,
		name: func(b *engine.Bulk) *string { return &b.Name },
		made: func(b *engine.Bulk) time.Time { return b.Created },
		save: func(c *fiber.Ctx, draft engine.Bulk, isNew bool) (engine.Bulk, error) {
			draft.By = s.operator(c, draft.By)
			return s.Engine.SaveBulk(c.UserContext(), draft, isNew)
		},
		drop:  func(ctx context.Context, b engine.Bulk) error { return s.Engine.DropBulk(ctx, b.Name) },
		ahead: func(ctx context.Context, b engine.Bulk) (any, error) { return s.Engine.BulkAhead(ctx, b) },
		act:   s.actOnBulk,
		lines: func(ctx context.Context, list []engine.Bulk) (any, error) {
			all := []*wireBulk{}
			for _, b := range list {
				w, err := s.bulkOf(ctx, b)
				if err != nil {
					return nil, err
				}
				all = append(all, w)
			}
			return all, nil
		},
		wire: func(ctx context.Context, b engine.Bulk) (any, error) { return s.bulkOf(ctx, b) },
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

func (s *Server) actOnBulk(ctx context.Context, act string, b engine.Bulk, order wireOrder) (engine.Bulk, error) {
	state := engine.BulkRunning
	switch act {
	case "resume":
		if b.State == engine.BulkDraft {
			return b, lifecycle.Errorf(lifecycle.Conflict, "bulk %s was not started", b.Name)
		}
	case "pause":
		if progress, err := s.Engine.BulkProgress(ctx, b.Name); err != nil {
			return b, err
		} else if b.State == engine.BulkRunning && progress.Over {
			return b, lifecycle.Errorf(lifecycle.Conflict, "bulk %s is done; there is nothing left to pause", b.Name)
		}
		state = engine.BulkPaused
	case "stop":
		state = engine.BulkStopped
	}
	return s.Engine.SetBulk(ctx, b.Name, state, order.By)
}
