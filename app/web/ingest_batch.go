package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// wireBatch is a batch; what it says of itself holds for its events.
type wireBatch struct {
	Batch   []json.RawMessage `json:"batch"`
	Context json.RawMessage   `json:"context"` // of events that have none
	SentAt  loose             `json:"sentAt"`
}

// wireTaken answers a batch that was not good as a whole.
type wireTaken struct {
	Success  bool        `json:"success"`
	Accepted int         `json:"accepted"`
	Error    wireError   `json:"error"` // the first of the errors
	Errors   []wireError `json:"errors"`
	Warnings []wireError `json:"warnings,omitempty"` // of events that were taken
}

func (s *Server) batch(c *fiber.Ctx) error {
	data, err := body(c, maxBatchBytes)
	if err != nil {
		return err
	}
	public, err := s.sender(c, data)
	if err != nil {
		return err
	}
	var batch wireBatch
	if err = decodeJSON(data, &batch); err != nil {
		return err
	}
	return s.takeBatch(c, batch, public)
}

// batchImport takes batches of libraries that send them to this path. What is no batch asks for an import to be opened.
func (s *Server) batchImport(c *fiber.Ctx) error {
	data, err := body(c, maxBatchBytes)
	if err != nil {
		return err
	}
	var batch wireBatch
	if json.Unmarshal(data, &batch) != nil || batch.Batch == nil {
		return c.Next()
	}
	public, err := s.sender(c, data)
	if err != nil {
		return err
	}
	return s.takeBatch(c, batch, public)
}

// takeBatch takes the good events of a batch and reports the bad ones: each error names its event and field. The answer
// is 200 all the same, because there are libraries that send whatever got another one again, the good events behind it
// with it, and for ever. Only what a repeat can mend is an error of the whole: then all of it may be sent again, and
// what was taken already is known by its messageId.
func (s *Server) takeBatch(c *fiber.Ctx, batch wireBatch, public bool) error {
	if len(batch.Batch) == 0 || len(batch.Batch) > maxBatch {
		return fieldError("batch", "batch must be a list of 1 to %d events; this one has %d", maxBatch, len(batch.Batch))
	}
	now := s.Clock.Now()
	events := make([]lifecycle.Event, 0, len(batch.Batch))
	index := make([]int, 0, len(batch.Batch))
	var problems, warnings []wireError
	for i, raw := range batch.Batch {
		event, sentAt, err := decodeCall(raw, "")
		if err == nil && public {
			err = event.ValidatePublic()
		}
		if err != nil {
			problems = append(problems, inBatch(i, err))
			continue
		}
		if len(event.Context) == 0 {
			event.Context = object(batch.Context)
		}
		if sentAt == "" {
			sentAt = batch.SentAt
		}
		event.Public = public
		unskew(&event, sentAt, now)
		events, index = append(events, event), append(index, i)
	}
	if len(events) > 0 {
		results, err := s.Engine.Receive(c.UserContext(), events)
		if err != nil {
			return err
		}
		for i, result := range results {
			switch lifecycle.CodeOf(result.Err) {
			case "":
				if wrong := s.Engine.CheckAmount(&events[i]); wrong != nil {
					warnings = append(warnings, warning(wrong, fmt.Sprintf("batch[%d].", index[i])))
				}
			case lifecycle.Busy, lifecycle.Unavailable, lifecycle.Full:
				return result.Err
			default:
				problems = append(problems, inBatch(index[i], result.Err))
			}
		}
	}
	if len(problems) == 0 {
		return sendTaken(c, warnings)
	}
	return c.JSON(wireTaken{Accepted: len(batch.Batch) - len(problems), Error: problems[0], Errors: problems, Warnings: warnings})
}

// inBatch names the event of a batch in its error.
func inBatch(i int, err error) wireError {
	var own *lifecycle.Error
	if !errors.As(err, &own) {
		own = lifecycle.Errorf(lifecycle.Internal, "the event could not be taken")
	}
	message := own.Message
	if own.Cause != nil && own.Code != lifecycle.Internal {
		message += ": " + own.Cause.Error()
	}
	return wireError{Code: own.Code, Message: message, Field: strings.TrimSuffix(fmt.Sprintf("batch[%d].%s", i, own.Field), "."), Hint: own.Hint}
}
