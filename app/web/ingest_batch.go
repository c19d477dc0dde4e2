package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// wireBatch is a batch; what it says of itself holds for its events.
type wireBatch struct {
	Batch   []json.RawMessage
	Context json.RawMessage // of events that have none
	SentAt  loose
}

// read reads a batch and leaves its events as they stand: one that is no JSON, or is nested deeper than anybody reads, is
// refused alone later, and those beside it are taken.
func (w *wireBatch) read(data []byte) error {
	var wrong error
	note := func(err error) {
		if wrong == nil {
			wrong = err
		}
	}
	whole := lifecycle.EachMember(data, func(name, value []byte) {
		if string(name) == "batch" && value[0] == '[' {
			w.Batch = w.Batch[:0]
			if !lifecycle.EachElement(value, func(event []byte) { w.Batch = append(w.Batch, event) }) {
				note(notJSON(value))
			}
			return
		}
		switch {
		case !json.Valid(value):
			note(notJSON(value))
		case string(name) == "batch" && value[0] != 'n':
			note(fieldError("batch", "batch must be a list, not %s", a(kindIn(value))))
		case string(name) == "context":
			w.Context = value
		case string(name) == "sentAt":
			said, _ := textOf(value)
			w.SentAt = loose(said)
		}
	})
	switch {
	case !whole && json.Valid(data):
		return lifecycle.Errorf(lifecycle.Invalid, "a batch must be a JSON object, not %s", a(kindIn(bytes.TrimSpace(data))))
	case !whole:
		return notJSON(data)
	}
	return wrong
}

// notJSON says where a text stops being JSON.
func notJSON(data []byte) error {
	var any any
	if err := json.Unmarshal(data, &any); err != nil {
		return decodeError(err)
	}
	return lifecycle.Errorf(lifecycle.Invalid, "the body is not valid JSON")
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
	from, err := s.sender(c, data)
	if err != nil {
		return err
	}
	var batch wireBatch
	if err = batch.read(data); err != nil {
		return err
	}
	return s.takeBatch(c, batch, from)
}

// batchImport takes batches of libraries that send them to this path. What is no batch asks for an import to be opened.
func (s *Server) batchImport(c *fiber.Ctx) error {
	data, err := body(c, maxBatchBytes)
	if err != nil {
		return err
	}
	var batch wireBatch
	if batch.read(data) != nil || batch.Batch == nil {
		return c.Next()
	}
	from, err := s.sender(c, data)
	if err != nil {
		return err
	}
	return s.takeBatch(c, batch, from)
}

// takeBatch takes the good events of a batch and reports the bad ones: each error names its event and field. The answer
// is 200 all the same, because there are libraries that send whatever got another one again, the good events behind it
// with it, and for ever. Only what a repeat can mend is an error of the whole: then all of it may be sent again, and
// what was taken already is known by its messageId.
func (s *Server) takeBatch(c *fiber.Ctx, batch wireBatch, from *holder) error {
	if len(batch.Batch) == 0 || len(batch.Batch) > maxBatch {
		return fieldError("batch", "batch must be a list of 1 to %d events; this one has %d", maxBatch, len(batch.Batch))
	}
	now := s.Clock.Now()
	events := make([]lifecycle.Event, 0, len(batch.Batch))
	index := make([]int, 0, len(batch.Batch))
	untimed := make([]error, 0, len(batch.Batch))
	var problems, warnings []wireError
	for i, raw := range batch.Batch {
		read, err := decodeCall(raw, "")
		if err == nil && from.public {
			err = read.ValidatePublic()
		}
		if err != nil {
			problems = append(problems, inBatch(i, err))
			continue
		}
		if len(read.Context) == 0 {
			read.Context = object(batch.Context)
		}
		from.signs(&read.Event)
		unskew(&read.Event, cmp.Or(read.sentAt, batch.SentAt), now)
		events, index, untimed = append(events, read.Event), append(index, i), append(untimed, read.untimed)
	}
	if len(events) > 0 {
		results, err := s.Engine.Receive(c.UserContext(), events)
		if err != nil {
			return err
		}
		for i, result := range results {
			switch lifecycle.CodeOf(result.Err) {
			case "":
				for _, wrong := range s.warnings(&events[i], untimed[i]) {
					wrong.Field = fmt.Sprintf("batch[%d].%s", index[i], wrong.Field)
					warnings = append(warnings, wrong)
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
	if tell := s.refusals.note(len(problems), now); tell > 0 { // a message may quote what is personal: it is for the sender
		s.Log.Warn("events of batches were refused; their senders were told why in an answer that libraries pass over", "events", tell,
			"key", from.name, "code", problems[0].Code, "field", problems[0].Field)
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
