package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

// wireEvent is an event in the format of the Segment HTTP API. Properties, traits and context stay as they were written.
type wireEvent struct {
	Type              string
	Event             string
	Name              loose // of a page or screen
	Category          loose // of a page or screen
	MessageID         string
	UserID            string
	AnonymousID       string
	PreviousID        string // of alias
	GroupID           string // of group
	Timestamp         json.RawMessage
	OriginalTimestamp json.RawMessage // RudderStack's name for it
	SentAt            loose
	Properties        json.RawMessage
	Traits            json.RawMessage
	Context           json.RawMessage
}

// loose is a text that an event can do without: whatever else stands there is left out.
type loose string

// read reads an event. Names count by every letter, as the format writes them: "UserID" is a field that nobody knows, and
// says nothing of whose the event is. An ID may be a whole number, as programs keep them in their tables: 17 is "17".
func (w *wireEvent) read(data []byte) error {
	if !json.Valid(data) {
		return notJSON(data)
	}
	var wrong error
	text := func(into *string, field string, value []byte) {
		if said, is := textOf(value); is {
			*into = said
		} else if value[0] != 'n' && wrong == nil { // a null says nothing
			wrong = fieldError(field, "%s must be a string, not %s", field, a(kindIn(value)))
		}
	}
	id := func(into *string, field string, value []byte) {
		if isWhole(value) {
			*into = string(value)
		} else {
			text(into, field, value)
		}
	}
	optional := func(into *loose, value []byte) {
		said, _ := textOf(value)
		*into = loose(said)
	}
	if !lifecycle.EachMember(data, func(name, value []byte) {
		switch string(name) {
		case "type":
			text(&w.Type, "type", value)
		case "event":
			text(&w.Event, "event", value)
		case "name":
			optional(&w.Name, value)
		case "category":
			optional(&w.Category, value)
		case "messageId":
			id(&w.MessageID, "messageId", value)
		case "userId":
			id(&w.UserID, "userId", value)
		case "anonymousId":
			id(&w.AnonymousID, "anonymousId", value)
		case "previousId":
			id(&w.PreviousID, "previousId", value)
		case "groupId":
			id(&w.GroupID, "groupId", value)
		case "timestamp":
			w.Timestamp = said(value)
		case "originalTimestamp":
			w.OriginalTimestamp = said(value)
		case "sentAt":
			optional(&w.SentAt, value)
		case "properties":
			w.Properties = value
		case "traits":
			w.Traits = value
		case "context":
			w.Context = value
		}
	}) {
		return lifecycle.Errorf(lifecycle.Invalid, "an event must be a JSON object, not %s", a(kindIn(bytes.TrimSpace(data))))
	}
	return wrong
}

// textOf returns what a text of valid JSON says; is reports whether it is one.
func textOf(value []byte) (text string, is bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	plain := value[1 : len(value)-1]
	if bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		return string(plain), true
	}
	return text, json.Unmarshal(value, &text) == nil
}

// isWhole reports whether a value of valid JSON is a number without a fraction and an exponent.
func isWhole(value []byte) bool {
	digits := bytes.TrimPrefix(value, []byte{'-'})
	return len(bytes.Trim(digits, "0123456789")) == 0 && len(digits) > 0
}

// kindIn names the kind of a value of valid JSON.
func kindIn(value []byte) string {
	switch value[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// call is an event as it came in.
type call struct {
	lifecycle.Event
	sentAt  loose // when it was sent by the sender's clock, if it says so
	untimed error // why it has no time: what it says of it cannot be read; nil if it can, or if it says nothing
}

// decodeEvent reads one event whose time has to be as it says.
func decodeEvent(data []byte) (lifecycle.Event, error) {
	read, err := decodeCall(data, "")
	return read.Event, cmp.Or(err, read.untimed)
}

// decodeCall reads one event; kind is its type where the path says so already. A time that cannot be read is no reason to
// refuse it: it would not come again.
func decodeCall(data []byte, kind lifecycle.EventType) (read call, err error) {
	var wire wireEvent
	if err = wire.read(data); err != nil {
		return call{}, err
	}
	if kind == "" {
		kind = lifecycle.EventType(wire.Type)
	}
	event := lifecycle.Event{
		Type: kind, MessageID: wire.MessageID, UserID: wire.UserID, AnonymousID: wire.AnonymousID,
		Properties: object(wire.Properties), Traits: phoneAsText(object(wire.Traits)), Context: object(wire.Context),
	}
	if passing := lifecycle.Property(event.Context, "traits"); isWhole(lifecycle.Property(passing, "phone")) {
		event.Context = withValue(event.Context, "traits", phoneAsText(passing))
	}
	written := wire.Timestamp
	if written == nil {
		written = wire.OriginalTimestamp
	}
	if written != nil {
		var ok bool
		if event.Timestamp, ok = happened(written); !ok {
			read.untimed = fieldError("timestamp", "timestamp %.40s is not a time between 1900 and 2200 like 2026-01-31T12:00:00Z", written)
		}
	}
	if kind == lifecycle.Track {
		event.Name = wire.Event
	} else if err = shape(&event, &wire); err != nil {
		return call{}, err
	}
	for _, text := range []struct{ field, value string }{{"event", event.Name}, {"userId", event.UserID}, {"anonymousId", event.AnonymousID},
		{"previousId", wire.PreviousID}, {"groupId", wire.GroupID}} {
		if strings.ContainsFunc(text.value, unreadable) {
			return call{}, fieldError(text.field, "%s holds control characters or broken text", text.field)
		}
	}
	read.Event, read.sentAt = event, wire.SentAt
	return read, event.Validate()
}

// said leaves out what says nothing.
func said(value []byte) json.RawMessage {
	if string(value) == "null" || string(value) == `""` {
		return nil
	}
	return value
}

// shape gives the calls that are not track the form in which journeys know them: pages and screens are events, what a
// group says is the customer's trait group, and the former ID of alias is a property.
func shape(event *lifecycle.Event, wire *wireEvent) error {
	switch event.Type {
	case lifecycle.Page, lifecycle.Screen:
		event.Name = lifecycle.PageViewed
		if event.Type == lifecycle.Screen {
			event.Name = lifecycle.ScreenViewed
		}
		event.Properties = with(event.Properties, "name", string(wire.Name), "category", string(wire.Category))
	case lifecycle.Group:
		if stored, _ := textOf(lifecycle.Property(event.Properties, "groupId")); wire.GroupID == "" && stored != "" {
			return nil // it has its form already
		}
		if err := identifier("groupId", wire.GroupID); err != nil {
			return err
		}
		if len(event.Traits) > 0 && event.Traits[0] != '{' {
			return nil // refused by Validate
		}
		group, err := json.Marshal(map[string]json.RawMessage{"group": with(event.Traits, "id", wire.GroupID)})
		if err != nil {
			return lifecycle.Wrap(lifecycle.Invalid, err, "the group's traits are not valid JSON")
		}
		event.Traits, event.Properties = group, with(event.Properties, "groupId", wire.GroupID)
	case lifecycle.Alias:
		if wire.PreviousID == "" { // it has its form already
			wire.PreviousID = event.PreviousID()
		}
		if err := identifier("previousId", wire.PreviousID); err != nil {
			return err
		}
		if wire.UserID == "" {
			return fieldError("userId", "an alias call needs the userId that previousId belongs to from now on")
		}
		event.Properties = with(event.Properties, "previousId", wire.PreviousID)
	}
	return nil
}

func identifier(field, value string) error {
	if value == "" || len(value) > lifecycle.MaxNameBytes {
		return fieldError(field, "%s must have 1 to %d bytes", field, lifecycle.MaxNameBytes)
	}
	return nil
}

// phoneAsText writes the telephone number of traits as a text, if it stands there as a whole number: only texts are addresses.
func phoneAsText(traits json.RawMessage) json.RawMessage {
	if phone := lifecycle.Property(traits, "phone"); isWhole(phone) {
		return with(traits, "phone", string(phone))
	}
	return traits
}

// withValue sets one value of a JSON object. What is no object stays as it is.
func withValue(object json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil || fields == nil {
		return object
	}
	fields[name] = value
	data, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return data
}

// with sets texts of a JSON object, given as names and values; empty ones are left out. What is no object stays as it is.
func with(object json.RawMessage, texts ...string) json.RawMessage {
	fields := map[string]json.RawMessage{}
	if len(object) > 0 && (json.Unmarshal(object, &fields) != nil || fields == nil) {
		return object
	}
	set := false
	for i := 0; i+1 < len(texts); i += 2 {
		if texts[i+1] != "" {
			fields[texts[i]], _ = json.Marshal(texts[i+1]) // a text always can
			set = true
		}
	}
	if !set {
		return object
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return data
}

// Forms of ISO 8601: moments, as RFC 3339 and as programs write their offsets, and what leaves out where on earth it was.
var (
	moments  = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04Z07:00"}
	zoneless = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}
)

// instant reads a moment of a plausible year.
func instant(text string) (time.Time, bool) { return timeIn(moments, text) }

// happened reads when an event happened, from the JSON of its time: what names no zone is UTC, and a day its beginning.
func happened(written json.RawMessage) (at time.Time, ok bool) {
	text, ok := textOf(written)
	if !ok {
		return time.Time{}, false
	}
	if at, ok = instant(text); !ok {
		at, ok = timeIn(zoneless, text)
	}
	return at, ok
}

func timeIn(layouts []string, text string) (time.Time, bool) {
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			at = at.UTC()
			return at, at.Year() >= 1900 && at.Year() <= 2200
		}
	}
	return time.Time{}, false
}

// unskew corrects the time of an event by how far the sender's clock is off: it lies as long before now as it lay, by that
// clock, before it was sent (https://segment.com/docs/connections/spec/common/#timestamps). A sentAt that is no time is of
// no use, and no reason to refuse an event.
func unskew(event *lifecycle.Event, sentAt loose, now time.Time) {
	if sentAt == "" || event.Timestamp.IsZero() {
		return
	}
	sent, ok := instant(string(sentAt))
	if !ok {
		return
	}
	if at := now.Add(event.Timestamp.Sub(sent)); at.Year() >= 1900 && at.Year() <= 2200 {
		event.Timestamp = at.UTC()
	}
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
	written := spellingOf(reflect.TypeOf(target))
	if err := json.Unmarshal(data, target); err != nil {
		return decodeFailure(err, data, written)
	}
	return written.check(data)
}

// decodeFailure is decodeError, which names the field as well if a time is at fault: the decoder does not say which one.
func decodeFailure(err error, data []byte, written *spelling) error {
	var wrongType *json.UnmarshalTypeError
	if json.Valid(data) && !errors.As(err, &wrongType) {
		if wrong := written.readTimes(data, ""); wrong != nil {
			return wrong
		}
		if wrong := written.check(data); wrong != nil { // a time under a name that is right but for its case
			return wrong
		}
	}
	return decodeError(err)
}

func decodeError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) && wrongType.Field != "" {
		return &lifecycle.Error{Code: lifecycle.Invalid, Field: wrongType.Field,
			Message: fmt.Sprintf("%s must be %s, not %s", wrongType.Field, kindOf(wrongType.Type), a(wrongType.Value))}
	}
	if errors.As(err, &wrongType) {
		return lifecycle.Errorf(lifecycle.Invalid, "the body must be a JSON object, not %s", a(wrongType.Value))
	}
	return lifecycle.Wrap(lifecycle.Invalid, err, "the body is not valid JSON")
}
