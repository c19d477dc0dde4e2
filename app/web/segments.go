package web

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// SegmentFiles is the folder of segments on the disk.
type SegmentFiles interface {
	// SegmentText returns the text of a segment.
	SegmentText(name string) ([]byte, error)
	// CheckSegment says what is wrong with a text as a segment among the others.
	CheckSegment(name string, text []byte) error
	// SaveSegment writes a segment and publishes it; a text of nil deletes it. base is the text that the editing began with.
	SaveSegment(ctx context.Context, name string, text, base []byte) error
}

// routeSegments has the segments: which there are, who is in them, and changing them.
func (s *Server) routeSegments() {
	api := s.fiber.Group("/v1/segments", s.guardConsole)
	api.Get("", s.listSegments)
	api.Get("/:name", s.oneSegment)
	api.Get("/:name/members", s.segmentMembers)
	api.Put("/:name", s.saveSegment)
	api.Post("/:name/check", s.checkSegment)
	api.Delete("/:name", s.dropSegment)
}

// wireSegments is all segments, and what keeps the newest from being used.
type wireSegments struct {
	engine.SegmentsState
	Problem *wireSegmentProblem `json:"problem,omitempty"`
}

// wireSegmentProblem is what is wrong with the files on the disk.
type wireSegmentProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (s *Server) listSegments(c *fiber.Ctx) error {
	state, err := s.Engine.Segments(c.UserContext())
	if err != nil {
		return err
	}
	answer := wireSegments{SegmentsState: state}
	if p := s.Scripts.Problems()[script.SegmentsFolder]; p != nil {
		answer.Problem = &wireSegmentProblem{p.File, p.Line, p.Message, p.Hint}
	}
	return c.JSON(answer)
}

// segmentName copies the name out of the path. What cannot be read there stays as it is, and names none.
func segmentName(c *fiber.Ctx) string {
	name, err := param(c, "name")
	if err != nil {
		return strings.Clone(c.Params("name"))
	}
	return name
}

// wireSegment is one segment with its file.
type wireSegment struct {
	*engine.SegmentState                       // nil: it is not published
	Name                 string                `json:"name"`
	Text                 string                `json:"text"`
	Filter               *script.SegmentFilter `json:"filter,omitempty"` // it was built, and not changed by hand since
}

func (s *Server) oneSegment(c *fiber.Ctx) error {
	name := segmentName(c)
	text, err := s.Segments.SegmentText(name)
	if err != nil {
		return err
	}
	state, err := s.Engine.Segments(c.UserContext())
	if err != nil {
		return err
	}
	answer := wireSegment{Name: name, Text: string(text), Filter: script.FilterOf(text)}
	for i := range state.Segments {
		if state.Segments[i].Name == name {
			answer.SegmentState = &state.Segments[i]
		}
	}
	return c.JSON(answer)
}

// segmentEdit is what is to become of a segment: a text, or a filter that writes one.
type segmentEdit struct {
	Text   *string               `json:"text"`
	Filter *script.SegmentFilter `json:"filter"`
	Base   *string               `json:"base"` // the text that the editing began with; null: there was none
}

func readSegmentEdit(c *fiber.Ctx) (text, base []byte, err error) {
	var edit segmentEdit
	if err = decodeStrictBody(c, maxDraft, &edit); err != nil {
		return nil, nil, err
	}
	switch {
	case (edit.Text == nil) == (edit.Filter == nil):
		return nil, nil, lifecycle.Errorf(lifecycle.Invalid, "send either text or filter")
	case edit.Filter != nil:
		if text, err = edit.Filter.Lua(); err != nil {
			return nil, nil, err
		}
	default:
		text = []byte(*edit.Text)
	}
	if edit.Base != nil {
		base = []byte(*edit.Base)
	}
	return text, base, nil
}

func (s *Server) saveSegment(c *fiber.Ctx) error {
	text, base, err := readSegmentEdit(c)
	if err != nil {
		return err
	}
	if err = s.Segments.SaveSegment(c.UserContext(), segmentName(c), text, base); err != nil {
		return err
	}
	return s.oneSegment(c)
}

// checkSegment answers the text that a filter writes, if it compiles among the others.
func (s *Server) checkSegment(c *fiber.Ctx) error {
	text, _, err := readSegmentEdit(c)
	if err != nil {
		return err
	}
	if err = s.Segments.CheckSegment(segmentName(c), text); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"text": string(text)})
}

func (s *Server) dropSegment(c *fiber.Ctx) error {
	name := segmentName(c)
	text, err := s.Segments.SegmentText(name)
	if err != nil {
		return err
	}
	if err = s.Segments.SaveSegment(c.UserContext(), name, nil, text); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// wireMember is a member of a segment.
type wireMember struct {
	ID          lifecycle.ID    `json:"id"`
	UserID      string          `json:"userId,omitempty"`
	AnonymousID string          `json:"anonymousId,omitempty"`
	Email       json.RawMessage `json:"email,omitempty"`
	Name        json.RawMessage `json:"name,omitempty"`
}

// Members of one page.
const (
	membersPage    = 100
	maxMembersPage = 1000
)

// segmentMembers lists members: ?limit= (100, at most 1000) and ?cursor=. Each segment's list is one of its own.
func (s *Server) segmentMembers(c *fiber.Ctx) error {
	name, err := param(c, "name")
	if err != nil {
		return err
	}
	limit, err := limitOf(c, membersPage, maxMembersPage)
	if err != nil {
		return err
	}
	from, err := customersFrom(c, "members-"+name)
	if err != nil {
		return err
	}
	list, to, err := s.Engine.Members(c.UserContext(), name, from, limit)
	if err != nil {
		return err
	}
	members := make([]wireMember, len(list))
	for i, one := range list {
		members[i] = wireMember{one.ID, one.UserID(), one.AnonymousID(), one.Traits["email"], one.Traits["name"]}
	}
	return c.JSON(struct {
		Members []wireMember `json:"members"`
		Next    string       `json:"next,omitempty"`
	}{members, customersNext("members-"+name, to)})
}
