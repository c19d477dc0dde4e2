package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

func (s *Server) routeImports() {
	imports := s.fiber.Group("/v1/import", s.need(mayIngest))
	imports.Get("", s.listImports)
	imports.Post("", s.openImport)
	imports.Post("/:source/events", s.importEvents)
	imports.Post("/:source/customers", s.importCustomers)
	imports.Post("/:source/look", s.lookAtImport)
	imports.Get("/:source/mapping", s.importMapping)
	imports.Put("/:source/mapping", s.saveImportMapping)
	imports.Delete("/:source/mapping", s.forgetImportMapping)
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
	if err = decodeJSON(data, &request); err != nil {
		return err
	}
	if request.Source == "" || len(request.Source) > lifecycle.MaxNameBytes || strings.ContainsFunc(request.Source, unreadable) {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "source",
			Message: fmt.Sprintf("source needs 1 to %d bytes of readable text", lifecycle.MaxNameBytes)}
	}
	run, err := runOf(c)
	if err != nil {
		return err
	}
	if err = s.importing.begin(request.Source, run, s.Clock.Now()); err != nil {
		return err
	}
	if err = s.Engine.OpenImport(c.UserContext(), request.Source, request.History); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"source": request.Source, "history": request.History, "state": engine.ImportOpen})
}

// routeImportsConsole has what operators see and do of imports; the files themselves are sent by stagecraft import.
func (s *Server) routeImportsConsole(api fiber.Router) {
	api.Get("/imports", s.listImports)
	api.Delete("/imports/:source/mapping", s.forgetImportMapping)
	api.Post("/imports/:source/close", func(c *fiber.Ctx) error { return s.closeImport(c, false) })
	api.Post("/imports/:source/abort", func(c *fiber.Ctx) error { return s.closeImport(c, true) })
}

// source returns the import that the path names.
func source(c *fiber.Ctx) (string, error) {
	name, err := url.PathUnescape(c.Params("source"))
	if err != nil || name == "" {
		return "", lifecycle.Errorf(lifecycle.Invalid, "the path does not name a source")
	}
	return name, nil
}

// runOf returns the name that was drawn for the run of a request, if one was.
func runOf(c *fiber.Ctx) (string, error) {
	run := strings.Clone(c.Query("run"))
	if len(run) > lifecycle.MaxNameBytes {
		return "", fieldError("run", "run has at most %d bytes", lifecycle.MaxNameBytes)
	}
	return run, nil
}

// runs notes that the run of a request works on a source, until done is called. It refuses one in whose place another one runs.
func (s *Server) runs(c *fiber.Ctx, source string) (run string, done func(), err error) {
	if run, err = runOf(c); err == nil {
		done, err = s.importing.work(source, run, s.Clock)
	}
	return run, done, err
}

func (s *Server) importEvents(c *fiber.Ctx) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	_, done, err := s.runs(c, name)
	if err != nil {
		return err
	}
	defer done()
	lines, rows, err := s.eventLines(c)
	if err != nil {
		return err
	}
	results, err := s.Engine.Import(c.UserContext(), name, lines)
	if err != nil {
		return err
	}
	return s.answerImport(c, name, results, rows)
}

// rowsRead are the rows of a request.
type rowsRead struct {
	numbers  []int // the place of each in its file; 0: not said
	good     []int // the places in the request of those that are good
	problems importProblems
}

// eventLines reads the events of a request: those that are good, and what is wrong with the others.
func (s *Server) eventLines(c *fiber.Ctx) (lines []engine.Line, rows rowsRead, err error) {
	data, err := body(c, maxInflated)
	if err != nil {
		return nil, rows, err
	}
	var request struct {
		Events []struct {
			Line  int             `json:"line"`
			ID    string          `json:"id"`
			Event json.RawMessage `json:"event"`
		} `json:"events"`
	}
	if err = decodeJSON(data, &request); err != nil {
		return nil, rows, err
	}
	if len(request.Events) > maxBatch {
		return nil, rows, fieldError("events", "at most %d events a request", maxBatch)
	}
	for i, line := range request.Events {
		rows.numbers = append(rows.numbers, line.Line)
		event, err := decodeEvent(line.Event)
		if err == nil {
			err = lineID(line.ID)
		}
		if err == nil && event.Timestamp.After(s.Clock.Now().Add(24*time.Hour)) {
			err = fieldError("timestamp", "the event lies in the future")
		}
		if err == nil {
			err = s.Engine.CheckAmount(&event)
		}
		if err != nil {
			rows.problems.add(i, err)
			continue
		}
		lines, rows.good = append(lines, engine.Line{ID: line.ID, Event: event}), append(rows.good, i)
	}
	return lines, rows, nil
}

// importProblems are the rows of a request that cannot be taken, by their places in it.
type importProblems []importProblem

type importProblem struct {
	Index   int    `json:"index"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// add says what is wrong with a row; it stands for what was said of the row before.
func (p *importProblems) add(i int, err error) {
	problem := importProblem{Index: i, Message: err.Error()}
	var own *lifecycle.Error
	if errors.As(err, &own) {
		problem.Message, problem.Field = own.Error(), own.Field
	}
	if at := slices.IndexFunc(*p, func(said importProblem) bool { return said.Index == i }); at >= 0 {
		(*p)[at] = problem
	} else {
		*p = append(*p, problem)
	}
}

// list is never null in JSON.
func (p importProblems) list() importProblems {
	if p == nil {
		return importProblems{}
	}
	return p
}

// answerImport says what became of each row of a request, and remembers it for who looks on.
func (s *Server) answerImport(c *fiber.Ctx, source string, results []store.Result, rows rowsRead) error {
	accepted, duplicates, late := 0, 0, 0
	for i, result := range results {
		if result.Err != nil {
			switch lifecycle.CodeOf(result.Err) {
			case lifecycle.Invalid, lifecycle.TooLarge:
				rows.problems.add(rows.good[i], result.Err)
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
	s.importing.note(source, s.Clock.Now(), importTaken{Accepted: accepted, Duplicates: duplicates, Late: late}, &rows)
	return c.JSON(fiber.Map{"accepted": accepted, "duplicates": duplicates, "late": late, "errors": rows.problems.list()})
}

func (s *Server) closeImport(c *fiber.Ctx, abort bool) error {
	name, err := source(c)
	if err != nil {
		return err
	}
	run, done, err := s.runs(c, name)
	if err != nil {
		return err
	}
	defer done()
	var rows refusedRows
	if len(c.Request().Body()) > 0 {
		if err := decodeStrictBody(c, maxSingle, &rows); err != nil {
			return err
		}
		if rows.Refused < 0 {
			return &lifecycle.Error{Code: lifecycle.Invalid, Field: "refused", Message: "refused is how many rows were not sent, and not less than none"}
		}
	}
	if rows.Refused > 0 {
		s.importing.refuse(name, run, rows)
	}
	// Whatever the caller asks for, the past ends now: what was due before must not be sent.
	progress, err := s.Engine.CloseImport(c.UserContext(), name, s.Clock.Now(), abort, 3*time.Second)
	if err != nil {
		return err
	}
	if progress.State != engine.ImportClosed {
		return c.Status(fiber.StatusAccepted).JSON(fiber.Map{"state": engine.ImportClosing, "done": progress.Done, "at": progress.At.UTC()})
	}
	s.importing.end(name, run)
	return c.JSON(fiber.Map{"state": engine.ImportClosed, "at": progress.At.UTC()})
}
