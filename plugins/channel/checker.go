package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Checker is a connector that gives messages to nobody: it says which may stand, and what it accepts the host keeps itself.
// It has no settings, and keeps nothing, so that a message may come as often as it likes.
type Checker struct {
	Name        string                  // of the connector, and of its channel
	Title       string                  // for people
	Description string                  // likewise, a sentence
	Refused     func(m *Message) string // why a message may not stand, for people; "" if it may
}

// Describe says what the connector is.
func (c *Checker) Describe() Description {
	schema, _ := json.Marshal(map[string]any{ // of texts, which can be written
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": c.Title, "description": c.Description,
		"type": "object", "additionalProperties": false, "properties": struct{}{},
	})
	return Description{Name: c.Name, Version: "1", Channels: []string{c.Name}, Idempotent: true, Schema: schema}
}

// Configure takes an empty object.
func (c *Checker) Configure(_ context.Context, settings json.RawMessage) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(settings, &object); err != nil || object == nil {
		return errors.New("the settings must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		return fmt.Errorf("%.80q is no setting of this connector: it has none", name)
	}
	return nil
}

// Send accepts what may stand, and refuses the rest for good.
func (c *Checker) Send(_ context.Context, messages []Message) []Receipt {
	receipts := make([]Receipt, len(messages))
	for i := range messages {
		receipts[i] = Receipt{ID: messages[i].ID, Outcome: Accepted}
		if problem := c.Refused(&messages[i]); problem != "" {
			receipts[i].Outcome, receipts[i].Reason = Permanent, problem
		}
	}
	return receipts
}

// Health returns nil: there is nothing that could fail.
func (c *Checker) Health(context.Context) error { return nil }

// Close has nothing to end.
func (c *Checker) Close() error { return nil }
