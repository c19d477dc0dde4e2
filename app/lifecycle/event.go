package lifecycle

import (
	"encoding/json"
	"time"
)

// Limits of one event. They bound what a customer's timeline can cost.
const (
	MaxEventBytes = 32 << 10 // properties, traits and context together, as JSON
	MaxNameBytes  = 200      // an event name, a message ID or an identity
)

// EventType is the kind of call that brought an event in; the names are those of the Segment HTTP API.
type EventType string

const (
	Track    EventType = "track"
	Identify EventType = "identify"
	Page     EventType = "page"
	Screen   EventType = "screen"
	Group    EventType = "group" // its traits are one trait of the customer, group
	Alias    EventType = "alias" // another name of the customer, in its property previousId
)

// The names under which journeys know pages and screens; which one it was is the property name.
const (
	PageViewed   = "Page Viewed"
	ScreenViewed = "Screen Viewed"
)

// IdentityKind tells identities of different origin apart: the same text as a user ID and as an anonymous ID is two
// identities.
type IdentityKind string

const (
	UserID      IdentityKind = "user"
	AnonymousID IdentityKind = "anonymous"
)

// Identity is one name by which a customer is known.
type Identity struct {
	Kind  IdentityKind `json:"kind" msgpack:"k"`
	Value string       `json:"value" msgpack:"v"`
}

// Hash is the ID of the identity, and the customer ID of someone whose first identity it is.
func (i Identity) Hash() ID { return HashID("identity", string(i.Kind), i.Value) }

// Event is one thing that happened to one customer, as it came in. It is never changed afterwards.
type Event struct {
	Type        EventType       `json:"type"`
	Name        string          `json:"event,omitempty"` // of a track call: "Order Completed"; empty for identify, group and alias
	MessageID   string          `json:"messageId"`       // the sender's own ID; the same one twice is one event
	UserID      string          `json:"userId,omitempty"`
	AnonymousID string          `json:"anonymousId,omitempty"`
	Timestamp   time.Time       `json:"timestamp"`                             // when it happened, as the sender says
	Received    time.Time       `json:"receivedAt"`                            // when we took it
	Properties  json.RawMessage `json:"properties,omitempty"`                  // a JSON object, or empty
	Traits      json.RawMessage `json:"traits,omitempty"`                      // a JSON object, or empty
	Context     json.RawMessage `json:"context,omitempty"`                     // a JSON object, or empty
	Public      bool            `json:"public,omitempty" msgpack:",omitempty"` // it came with a key that anybody can read: it proves nobody's identity
	Source      string          `json:"source,omitempty" msgpack:",omitempty"` // the source it came from, or the name of the key; empty: the write key or our own scripts
	Keyed       bool            `json:"-" msgpack:",omitempty"`                // Source is the name of a key, and no import's that is called likewise
	Depth       int             `json:"-" msgpack:",omitempty"`                // how many events stand before it in a chain of events that scripts tracked; 0: nobody's script made it
}

// Identity returns the event's own identity: its user ID, else its anonymous ID. Deduplication happens in that
// identity's partition.
func (e *Event) Identity() Identity {
	if e.UserID != "" {
		return Identity{UserID, e.UserID}
	}
	return Identity{AnonymousID, e.AnonymousID}
}

// PreviousID returns the other name that an alias call gives the customer, or "".
func (e *Event) PreviousID() string {
	var id string
	if json.Unmarshal(Property(e.Properties, "previousId"), &id) != nil {
		return ""
	}
	return id
}

// Validate checks what every event must have. The error names the field.
func (e *Event) Validate() error {
	invalid := func(field, format string, args ...any) error {
		err := Errorf(Invalid, format, args...)
		err.Field = field
		return err
	}
	switch e.Type {
	case Track:
		if e.Name == "" {
			return invalid("event", "a track call needs the name of its event")
		}
	case Identify, Page, Screen, Group, Alias:
	default:
		return invalid("type", "type %.80q is none of track, identify, page, screen, group and alias", e.Type)
	}
	if e.UserID == "" && e.AnonymousID == "" {
		return invalid("userId", "an event needs a userId or an anonymousId")
	}
	for _, text := range []struct{ field, value string }{
		{"event", e.Name}, {"userId", e.UserID}, {"anonymousId", e.AnonymousID}, {"messageId", e.MessageID},
	} {
		if len(text.value) > MaxNameBytes {
			return invalid(text.field, "%s is longer than %d bytes", text.field, MaxNameBytes)
		}
	}
	if size := len(e.Properties) + len(e.Traits) + len(e.Context); size > MaxEventBytes {
		return invalid("properties", "the event has %d bytes of properties, traits and context; the limit is %d", size, MaxEventBytes)
	}
	for _, object := range []struct {
		field string
		value json.RawMessage
	}{{"properties", e.Properties}, {"traits", e.Traits}, {"context", e.Context}} {
		if len(object.value) > 0 && object.value[0] != '{' {
			return invalid(object.field, "%s must be a JSON object", object.field)
		}
	}
	return nil
}
