package web

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"stagecraft/app/lifecycle"
)

// maxProof bounds what is kept to prove a word of consent, in bytes of JSON.
const maxProof = 4 << 10

// wireConsent is a customer's word about being written to, as another program heard it.
type wireConsent struct {
	wirePerson
	Channel   string          `json:"channel"` // empty: every channel
	Topic     string          `json:"topic"`   // empty: every topic
	Granted   *bool           `json:"granted"`
	Source    string          `json:"source"`    // where it was said
	Proof     json.RawMessage `json:"proof"`     // anything that shows it: a text, or an object
	At        string          `json:"at"`        // when it was said; empty: now
	Timestamp string          `json:"timestamp"` // the same, as events call it
	MessageID string          `json:"messageId"`
}

// read returns the event that names the customer, and the word. The error names the field.
func (w *wireConsent) read() (event lifecycle.Event, word lifecycle.Consent, err error) {
	if event, err = w.event(); err != nil {
		return event, word, err
	}
	if w.Granted == nil {
		return event, word, fieldError("granted", "granted must say true or false")
	}
	if w.Source == "" {
		w.Source = "api"
	}
	for _, text := range []struct{ field, value string }{
		{"channel", w.Channel}, {"topic", w.Topic}, {"source", w.Source}, {"messageId", w.MessageID},
	} {
		if len(text.value) > lifecycle.MaxNameBytes || strings.ContainsFunc(text.value, unreadable) {
			return event, word, fieldError(text.field, "%s must have at most %d bytes of readable text", text.field, lifecycle.MaxNameBytes)
		}
	}
	if strings.Trim(w.Channel, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return event, word, fieldError("channel", "channel %.80q is no name of a channel, as email or sms", w.Channel)
	}
	event.MessageID = w.MessageID
	for _, said := range []struct{ field, at string }{{"timestamp", w.Timestamp}, {"at", w.At}} {
		if said.at == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, said.at)
		if err != nil || at.Year() < 1900 {
			return event, word, fieldError(said.field, "%s %.40q is not a time like 2026-01-31T12:00:00Z", said.field, said.at)
		}
		if event.Timestamp = at.UTC(); w.At != "" && w.Timestamp != "" && w.At != w.Timestamp {
			return event, word, fieldError("timestamp", "timestamp and at both say when it was said; give one of them")
		}
	}
	if proof := object(w.Proof); len(proof) > 0 {
		if len(proof) > maxProof {
			return event, word, fieldError("proof", "proof has %d bytes; the limit is %d", len(proof), maxProof)
		}
		event.Properties, _ = json.Marshal(map[string]json.RawMessage{"proof": proof}) // it was read from JSON
	}
	return event, lifecycle.Consent{Channel: w.Channel, Topic: w.Topic, Granted: *w.Granted, Source: w.Source}, nil
}

// consent keeps a word and answers when it is on disk: what is claimed from then on obeys it.
func (s *Server) consent(c *fiber.Ctx) error {
	var request wireConsent
	err := decodeStrictBody(c, maxSingle, &request)
	if err != nil {
		return err
	}
	event, word, err := request.read()
	if err != nil {
		return err
	}
	if err = s.knownChannel(c.UserContext(), word.Channel); err != nil && (word.Granted || !isNoChannelYet(err)) {
		return err
	}
	if h, _ := s.holder(c); h != nil {
		h.signs(&event)
	}
	if err = s.Engine.SayOf(c.UserContext(), event, word); err != nil {
		return err
	}
	return sendOK(c)
}
