package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// maxBatch bounds the events of one batch.
const maxBatch = 2500

func (s *Server) routeIngest() {
	s.fiber.Post("/v1/track", s.guardWrite, func(c *fiber.Ctx) error { return s.single(c, lifecycle.Track) })
	s.fiber.Post("/v1/identify", s.guardWrite, func(c *fiber.Ctx) error { return s.single(c, lifecycle.Identify) })
	s.fiber.Post("/v1/batch", s.guardWrite, s.batch)
}

// wireEvent is an event in the format of the Segment HTTP API.
type wireEvent struct {
	Type        string          `json:"type"`
	Event       string          `json:"event"`
	MessageID   string          `json:"messageId"`
	UserID      string          `json:"userId"`
	AnonymousID string          `json:"anonymousId"`
	Timestamp   string          `json:"timestamp"`
	Properties  json.RawMessage `json:"properties"`
	Traits      json.RawMessage `json:"traits"`
	Context     json.RawMessage `json:"context"`
}

// decodeEvent reads one event; kind is its type where the path says so already.
func decodeEvent(data []byte, kind lifecycle.EventType) (lifecycle.Event, error) {
	var wire wireEvent
	if err := json.Unmarshal(data, &wire); err != nil {
		return lifecycle.Event{}, decodeError(err)
	}
	if kind == "" {
		kind = lifecycle.EventType(wire.Type)
	}
	event := lifecycle.Event{
		Type: kind, Name: wire.Event, MessageID: wire.MessageID, UserID: wire.UserID, AnonymousID: wire.AnonymousID,
		Properties: object(wire.Properties), Traits: object(wire.Traits), Context: object(wire.Context),
	}
	if kind != lifecycle.Track {
		event.Name = ""
	}
	if wire.Timestamp != "" {
		at, err := time.Parse(time.RFC3339Nano, wire.Timestamp)
		if err != nil || at.Year() < 1900 || at.Year() > 2200 {
			return event, &lifecycle.Error{Code: lifecycle.Invalid, Field: "timestamp",
				Message: fmt.Sprintf("timestamp %.40q is not a time between 1900 and 2200 like 2026-01-31T12:00:00Z", wire.Timestamp)}
		}
		event.Timestamp = at.UTC()
	}
	for _, text := range []struct{ field, value string }{{"event", event.Name}, {"userId", event.UserID}, {"anonymousId", event.AnonymousID}} {
		if strings.ContainsFunc(text.value, unreadable) {
			return event, &lifecycle.Error{Code: lifecycle.Invalid, Field: text.field,
				Message: text.field + " holds control characters or broken text"}
		}
	}
	return event, event.Validate()
}

// unreadable runes are in no name that a person would write: controls, and what was no UTF-8.
func unreadable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// object leaves a JSON null out.
func object(raw json.RawMessage) json.RawMessage {
	if raw = bytes.TrimSpace(raw); string(raw) == "null" {
		return nil
	}
	return raw
}

// kindOf names a Go type in JSON's words.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

// a puts the article before a kind of JSON value, which may be followed by the value itself.
func a(kind string) string {
	if strings.HasPrefix(kind, "array") || strings.HasPrefix(kind, "object") {
		return "an " + kind
	}
	return "a " + kind
}

func decodeJSON(data []byte, target any) error {
	if err := json.Unmarshal(data, target); err != nil {
		return decodeError(err)
	}
	return nil
}

func decodeError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: wrongType.Field,
			Message: fmt.Sprintf("%s must be %s, not %s", wrongType.Field, kindOf(wrongType.Type), a(wrongType.Value))}
	}
	if errors.As(err, &wrongType) {
		return lifecycle.Errorf(lifecycle.Invalid, "an event must be a JSON object, not %s", a(wrongType.Value))
	}
	return lifecycle.Wrap(lifecycle.Invalid, err, "the body is not valid JSON")
}

// body returns the request's body in memory of its own, inflated if it is gzip by its first bytes, whatever the header
// says: clients mislabel it.
func body(c *fiber.Ctx, limit int) ([]byte, error) {
	raw := c.Request().Body()
	if len(raw) > maxBody {
		return nil, lifecycle.Errorf(lifecycle.TooLarge, "the body has more than %d bytes", maxBody)
	}
	var data []byte
	if len(raw) > 2 && raw[0] == 0x1f && raw[1] == 0x8b {
		reader, err := gzip.NewReader(bytes.NewReader(raw))
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(reader, int64(limit)+1))
		}
		if err != nil {
			return nil, lifecycle.Wrap(lifecycle.Invalid, err, "the body is not valid gzip")
		}
	} else {
		data = bytes.Clone(raw)
	}
	if len(data) > limit {
		return nil, lifecycle.Errorf(lifecycle.TooLarge, "the body has more than %d bytes", limit)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, lifecycle.Errorf(lifecycle.Invalid, "the body is empty; send a JSON object")
	}
	return data, nil
}

func (s *Server) single(c *fiber.Ctx, kind lifecycle.EventType) error {
	data, err := body(c, maxSingle)
	if err != nil {
		return err
	}
	event, err := decodeEvent(data, kind)
	if err != nil {
		return err
	}
	results, err := s.Engine.Receive(c.UserContext(), []lifecycle.Event{event})
	if err != nil {
		return err
	}
	if results[0].Err != nil {
		return results[0].Err
	}
	return sendOK(c)
}

func sendOK(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.SendString(`{"success":true}`)
}

// batch takes the good events of a batch and reports the bad ones: each error names its event and field. The answer is
// 400 if any was bad, and repeating the whole batch is harmless.
func (s *Server) batch(c *fiber.Ctx) error {
	data, err := body(c, maxInflated)
	if err != nil {
		return err
	}
	var envelope struct {
		Batch   []json.RawMessage `json:"batch"`
		Context json.RawMessage   `json:"context"`
	}
	if err = json.Unmarshal(data, &envelope); err != nil {
		return decodeError(err)
	}
	if len(envelope.Batch) == 0 || len(envelope.Batch) > maxBatch {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: "batch",
			Message: fmt.Sprintf("batch must be a list of 1 to %d events; this one has %d", maxBatch, len(envelope.Batch))}
	}
	events := make([]lifecycle.Event, 0, len(envelope.Batch))
	index := make([]int, 0, len(envelope.Batch))
	var problems []wireError
	var worst error
	report := func(i int, err error) {
		var own *lifecycle.Error
		if !errors.As(err, &own) {
			own = lifecycle.Wrap(lifecycle.Internal, err, "the event could not be taken")
		}
		located := *own
		located.Field = strings.TrimSuffix(fmt.Sprintf("batch[%d].%s", i, own.Field), ".")
		problems = append(problems, wireError{Code: located.Code, Message: located.Message, Field: located.Field, Hint: located.Hint})
		if worst == nil || status(located.Code) > status(lifecycle.CodeOf(worst)) {
			worst = &located
		}
	}
	for i, raw := range envelope.Batch {
		event, err := decodeEvent(raw, "")
		if err != nil {
			report(i, err)
			continue
		}
		if len(event.Context) == 0 {
			event.Context = object(envelope.Context)
		}
		events, index = append(events, event), append(index, i)
	}
	if len(events) > 0 {
		results, err := s.Engine.Receive(c.UserContext(), events)
		if err != nil {
			return err
		}
		for i, result := range results {
			if result.Err != nil {
				report(index[i], result.Err)
			}
		}
	}
	if worst == nil {
		return sendOK(c)
	}
	if err := s.fail(c, worst); err != nil {
		return err
	}
	var first *lifecycle.Error
	errors.As(worst, &first)
	return c.JSON(fiber.Map{
		"error":    wireError{Code: first.Code, Message: first.Message, Field: first.Field, Hint: first.Hint},
		"errors":   problems,
		"accepted": len(envelope.Batch) - len(problems),
	})
}
