package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// Drafts is the scripts folder as somebody edits it. The files of a draft are named relative to their journey's folder
// ("member.lua", "messages/hello.email.liquid") and lie over those on the disk, which stay as they are until Save.
type Drafts interface {
	// Folder returns a journey as it stands on the disk, with a draft laid over it. A name that is no file of a journey
	// is Invalid, a journey that has no folder NotFound.
	Folder(journey string, draft map[string][]byte) (script.Source, error)
	// Whole returns a journey of nothing but the files that are given. Helpers are among them as "lib/offers.lua"; a name
	// that is no file of a journey, or no journey.lua, is Invalid.
	Whole(journey string, files map[string][]byte) (script.Source, error)
	// Check says everything that is wrong with a source, messages included, by file and line.
	Check(source script.Source) []script.Problem
	// Save writes the files and publishes the journey at once. It is refused as a Conflict, and nothing is written, if a
	// file on the disk is not what the editing began with any more; and as ScriptFailed if the journey would be broken.
	Save(ctx context.Context, journey string, edits []Edit, drain bool) error
	// DryRun lets the engine run a source on a copy of a customer: what happens now at an event (nil: none), and in the
	// 30 days of silence behind it. The answer is written as JSON.
	DryRun(ctx context.Context, source script.Source, customer lifecycle.ID, event *lifecycle.Event) (any, error)
	// Diff runs two versions over the stored history and says what they do differently. The answer is written as JSON.
	Diff(ctx context.Context, old, new script.Source) (any, error)
}

// Edit is one file that was changed.
type Edit struct {
	File string
	Base []byte // what the editing began with; nil: there was no such file
	Text []byte
}

// maxDraft bounds the body of a request with a draft.
const maxDraft = maxBody

func (s *Server) routeDrafts(api fiber.Router) {
	api.Get("/journeys/:name/folder", s.folder)
	api.Post("/journeys/:name/check", s.checkDraft)
	api.Post("/journeys/:name/preview", s.previewDraft)
	api.Post("/journeys/:name/dryrun", s.dryRun)
	api.Post("/journeys/:name/diff", s.diffDraft)
	api.Post("/journeys/:name/publish", s.publishDraft)
}

func param(c *fiber.Ctx, name string) (string, error) {
	value, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return "", lifecycle.Wrap(lifecycle.Invalid, err, "the path cannot be read")
	}
	return strings.Clone(value), nil
}

func (s *Server) folder(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	source, err := s.Drafts.Folder(name, nil)
	if err != nil {
		return err
	}
	files := map[string]string{}
	for file, text := range source.Files {
		files[file] = string(text)
	}
	return c.JSON(fiber.Map{"version": source.Version(), "files": files})
}

// draftRequest is what every request with a draft says. Some say more.
type draftRequest struct {
	Files draftFiles `json:"files"`
	File  string     `json:"file"` // check: the one whose flow is drawn
	User  string     `json:"user"` // dry run
	Event *struct {
		Name       string          `json:"name"`
		Properties json.RawMessage `json:"properties"`
	} `json:"event"`
}

// draftFiles are the texts of a draft by the names of their files.
type draftFiles map[string]*string

// read returns them. One that is null says nothing: it is neither an empty file nor none.
func (d draftFiles) read() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, file := range slices.Sorted(maps.Keys(d)) {
		if d[file] == nil {
			return nil, fieldError("files."+file, "the text of %.80q is null; send a string, or leave the file out", file)
		}
		files[file] = []byte(*d[file])
	}
	return files, nil
}

// draft reads a request and lays its files over those on the disk.
func (s *Server) draft(c *fiber.Ctx) (name string, request draftRequest, source script.Source, err error) {
	if name, err = param(c, "name"); err != nil {
		return
	}
	if err = decodeStrictBody(c, maxDraft, &request); err != nil {
		return
	}
	files, err := request.Files.read()
	if err != nil {
		return
	}
	source, err = s.Drafts.Folder(name, files)
	return
}

// checkDraft answers what is wrong with a draft, and the flow of one of its files if it can be drawn.
func (s *Server) checkDraft(c *fiber.Ctx) error {
	_, request, source, err := s.draft(c)
	if err != nil {
		return err
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	var flow []script.FlowNode // null
	if program, err := s.Compile(source); err == nil {
		flow = flowOf(program, request.File)
	}
	return c.JSON(fiber.Map{"problems": s.problems(source), "flow": flow})
}

// checks is how many drafts are compiled at once, and turnTime how long the others wait for their turn: a large one takes
// seconds of a processor that events need too.
const (
	checks   = 2
	turnTime = 10 * time.Second
)

func (s *Server) turn() (done func(), err error) {
	late := time.NewTimer(turnTime)
	defer late.Stop()
	select {
	case s.checking <- struct{}{}:
		return func() { <-s.checking }, nil
	case <-late.C:
		return nil, lifecycle.Errorf(lifecycle.Busy, "other drafts are being checked; try again")
	case <-s.closing:
		return nil, lifecycle.Errorf(lifecycle.Unavailable, "the server is closing")
	}
}

func (s *Server) problems(source script.Source) []script.Problem {
	if problems := s.Drafts.Check(source); problems != nil {
		return problems
	}
	return []script.Problem{}
}

type wireFileDiff struct {
	File  string   `json:"file"`
	Lines []diffOp `json:"lines"`
}

// previewDraft answers what publishing a draft would meet: what changes in the text, whom the journey reaches, and how
// many runs wait where.
func (s *Server) previewDraft(c *fiber.Ctx) error {
	name, request, source, err := s.draft(c)
	if err != nil {
		return err
	}
	done, err := s.turn()
	if err != nil {
		return err
	}
	defer done()
	before, err := s.Drafts.Folder(name, nil)
	if err != nil {
		return err
	}
	diffs := []wireFileDiff{}
	for _, file := range slices.Sorted(maps.Keys(request.Files)) {
		diffs = append(diffs, wireFileDiff{file, around(diffLines(splitLines(before.Files[file]), splitLines(source.Files[file])), 3)})
	}
	mode := lifecycle.Off
	switch state, err := s.stateOf(c, name); {
	case err == nil:
		mode = state.Mode
	case lifecycle.CodeOf(err) != lifecycle.NotFound: // a journey that never ran reaches nobody
		return err
	}
	reach, err := s.reachOf(c, name)
	if err != nil {
		return err
	}
	report, err := s.Insight.Report(c.UserContext())
	if err != nil {
		return err
	}
	var waiting, changed int64
	var plan *lifecycle.Journey
	if program, err := s.Compile(source); err == nil {
		plan = &program.Journey
	}
	for place, counts := range report.Journey(name).Lines {
		if counts.Waiting <= 0 {
			continue
		}
		waiting += counts.Waiting
		carried, err := s.lines.carry(c.UserContext(), s.Engine.SourceOf, source, plan, place)
		if err != nil {
			return err
		}
		if carried.line == 0 {
			changed += counts.Waiting
		}
	}
	return c.JSON(fiber.Map{"files": diffs, "reach": reach, "mode": mode, "waiting": waiting, "changed": changed, "problems": s.problems(source)})
}

func (s *Server) dryRun(c *fiber.Ctx) error {
	_, request, source, err := s.draft(c)
	if err != nil {
		return err
	}
	customer, err := s.customer(c, request.User)
	if err != nil {
		return err
	}
	var event *lifecycle.Event
	if request.Event != nil {
		event = &lifecycle.Event{Type: lifecycle.Track, Name: request.Event.Name, Properties: object(request.Event.Properties)}
	}
	return s.trial(c, func(ctx context.Context) (any, error) { return s.Drafts.DryRun(ctx, source, customer.ID, event) })
}

// diffDraft compares a draft with the version that runs; where none runs, with the one on the disk.
func (s *Server) diffDraft(c *fiber.Ctx) error {
	name, _, source, err := s.draft(c)
	if err != nil {
		return err
	}
	before, err := s.Drafts.Folder(name, nil)
	if state, stateErr := s.stateOf(c, name); stateErr == nil {
		before, err = s.Engine.SourceOf(c.UserContext(), state.Version)
	}
	if err != nil {
		return err
	}
	return s.trial(c, func(ctx context.Context) (any, error) { return s.Drafts.Diff(ctx, before, source) })
}

// trialTime bounds a dry run or a comparison. They take memory beside the server's, so there is one at a time.
const trialTime = 2 * time.Minute

func (s *Server) trial(c *fiber.Ctx, run func(context.Context) (any, error)) error {
	select {
	case s.trying <- struct{}{}:
		defer func() { <-s.trying }()
	default:
		return lifecycle.Errorf(lifecycle.Busy, "another dry run or comparison is under way; try again when it is done")
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), trialTime)
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	answer, err := run(ctx)
	if ctx.Err() != nil {
		return lifecycle.Errorf(lifecycle.Unavailable, "it was not done after %s; stagecraft simulate does the same over a file, without a limit", trialTime)
	}
	if err != nil {
		return err
	}
	return c.JSON(answer)
}

func (s *Server) publishDraft(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	data, err := body(c, 2*maxDraft)
	if err != nil {
		return err
	}
	var request struct {
		Edits []*struct {
			File string  `json:"file"`
			Base *string `json:"base"`
			Text string  `json:"text"`
		} `json:"edits"`
		Drain bool `json:"drain"`
		Yes   bool `json:"yes"`
	}
	if err = decodeStrict(data, &request); err != nil {
		return err
	}
	if len(request.Edits) == 0 {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "edits", Message: "there is nothing to publish"}
	}
	edits := make([]Edit, len(request.Edits))
	for i, edit := range request.Edits {
		if edit == nil {
			return fieldError(fmt.Sprintf("edits[%d]", i), "edits[%d] must be an object, not null", i)
		}
		edits[i] = Edit{File: edit.File, Text: []byte(edit.Text)}
		if edit.Base != nil {
			edits[i].Base = append([]byte{}, *edit.Base...)
		}
	}
	if state, err := s.stateOf(c, name); err == nil && state.Mode == lifecycle.Live {
		if err = s.confirm(c, name, request.Yes); err != nil {
			return err
		}
	}
	if err = s.Drafts.Save(c.UserContext(), name, edits, request.Drain); err != nil {
		return err
	}
	s.Log.Info("a journey was published from the console", "journey", name, "files", len(edits), "drain", request.Drain)
	s.Insight.Touch()
	return c.JSON(fiber.Map{})
}
