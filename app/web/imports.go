package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

func (s *Server) routeImports() {
	imports := s.fiber.Group("/v1/import", s.guardWrite)
	imports.Post("", s.openImport)
	imports.Post("/:source/events", s.importEvents)
	imports.Post("/:source/close", func(c *fiber.Ctx) error { return s.closeImport(c, false) })
	imports.Post("/:source/abort", func(c *fiber.Ctx) error { return s.closeImport(c, true) })
}

func (s *Server) openImport(c *fiber.Ctx) error {
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	var request struct {
		Source  string `json:"source"`
		History bool   `json:"history"`
	}
	if err = json.Unmarshal(data, &request); err != nil {
		return decodeError(err)
	}
	if request.Source == "" || len(request.Source) > lifecycle.MaxNameBytes || strings.ContainsFunc(request.Source, unreadable) {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "source",
			Message: fmt.Sprintf("source needs 1 to %d bytes of readable text", lifecycle.MaxNameBytes)}
	}
	if err = s.Engine.OpenImport(c.UserContext(), request.Source, request.History); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"source": request.Source, "history": request.History, "state": engine.ImportOpen})
}

// source returns the import that the path names.
func source(c *fiber.Ctx) (string, error) {
	name, err := url.PathUnescape(c.Params("source"))
	if err != nil || name == "" {
		return "", lifecycle.Errorf(lifecycle.Invalid, "the path does not name a source")
	}
	return name, nil
}

func (s *Server) importEvents(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	data, err := body(c, maxInflated)
	if err != nil {
		return err
	}
	var request struct {
		Events []struct {
			Line  int             `json:"line"`
			ID    string          `json:"id"`
			Event json.RawMessage `json:"event"`
		} `json:"events"`
	}
	if err = json.Unmarshal(data, &request); err != nil {
		return decodeError(err)
	}
	if len(request.Events) > maxBatch {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "events", Message: fmt.Sprintf("at most %d events a request", maxBatch)}
	}
	type problem struct {
		Index   int    `json:"index"`
		Message string `json:"message"`
		Field   string `json:"field,omitempty"`
	}
	var problems []problem
	var lines []engine.Line
	var index []int
	report := func(i int, err error) {
		var own *lifecycle.Error
		if errors.As(err, &own) {
			problems = append(problems, problem{i, own.Error(), own.Field})
		} else {
			problems = append(problems, problem{i, err.Error(), ""})
		}
	}
	for i, line := range request.Events {
		event, err := decodeEvent(line.Event, "")
		if err == nil && (line.ID == "" || len(line.ID) > lifecycle.MaxNameBytes) {
			err = &lifecycle.Error{Code: lifecycle.Invalid, Field: "id",
				Message: fmt.Sprintf("a line needs an id of 1 to %d bytes, by which its repeat is known", lifecycle.MaxNameBytes)}
		}
		if err == nil && event.Timestamp.After(s.Clock.Now().Add(24*time.Hour)) {
			err = &lifecycle.Error{Code: lifecycle.Invalid, Field: "timestamp", Message: "the event lies in the future"}
		}
		if err != nil {
			report(i, err)
			continue
		}
		lines, index = append(lines, engine.Line{ID: line.ID, Event: event}), append(index, i)
	}
	results, err := s.Engine.Import(c.UserContext(), name, lines)
	if err != nil {
		return err
	}
	accepted, duplicates, late := 0, 0, 0
	for i, result := range results {
		if result.Err != nil {
			switch lifecycle.CodeOf(result.Err) {
			case lifecycle.Invalid, lifecycle.TooLarge:
				report(index[i], result.Err)
				continue
			}
			return result.Err // nothing is lost by repeating all
		}
		switch receipt := result.Answer.(engine.Receipt); {
		case receipt.Duplicate:
			duplicates++
		case receipt.Late:
			late++
			accepted++
		default:
			accepted++
		}
	}
	if problems == nil {
		problems = []problem{}
	}
	return c.JSON(fiber.Map{"accepted": accepted, "duplicates": duplicates, "late": late, "errors": problems})
}

func (s *Server) closeImport(c *fiber.Ctx, abort bool) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	// Whatever the caller asks for, the past ends now: what was due before must not be sent.
	progress, err := s.Engine.CloseImport(c.UserContext(), name, s.Clock.Now(), abort, 3*time.Second)
	if err != nil {
		return err
	}
	if progress.State != engine.ImportClosed {
		return c.Status(fiber.StatusAccepted).JSON(fiber.Map{"state": engine.ImportClosing, "done": progress.Done, "at": progress.At.UTC()})
	}
	return c.JSON(fiber.Map{"state": engine.ImportClosed, "at": progress.At.UTC()})
}
