package script

import (
	"encoding/json"
	"errors"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// happened is an event that a script holds: the one that started the handler, or one that wait_for or last gave.
type happened struct {
	event   *lifecycle.Event
	decoded [3]map[string]any // properties, traits, context
	parts   [3]*lua.LUserData // the same as the script sees them
	kept    bool              // it comes from the journal, with its properties only
}

func (m *machine) eventField(L *lua.LState, h *happened, name string) lua.LValue {
	event := h.event
	text := func(s string) lua.LValue {
		if s == "" {
			return lua.LNil
		}
		return lua.LString(s)
	}
	switch name {
	case "name":
		return text(event.Name)
	case "type":
		return text(string(event.Type))
	case "user_id":
		return text(event.UserID)
	case "anonymous_id":
		return text(event.AnonymousID)
	case "message_id":
		return text(event.MessageID)
	case "timestamp":
		return lua.LString(event.Timestamp.UTC().Format(time.RFC3339Nano))
	case "properties":
		return m.part(h, viewProperties)
	case "traits", "context":
		if h.kept {
			m.fail(L, "its own data is in .properties", "an event from wait_for or last has no %s", name)
		}
		if name == "traits" {
			return m.part(h, viewEventTraits)
		}
		return m.part(h, viewContext)
	}
	m.fail(L, didYouMean(name, fieldNames(eventFields), "its own data is in event.properties"), "an event has no field %q", cut(name, 80))
	return lua.LNil
}

// part returns event.properties and its like, the same value every time.
func (m *machine) part(h *happened, v view) *lua.LUserData {
	slot := &h.parts[v-viewProperties]
	if *slot == nil {
		*slot = m.shown(v, h)
	}
	return *slot
}

// decode returns an object of the event, decoded at the first look and kept for the run.
func (h *happened) decode(v view) map[string]any {
	slot := &h.decoded[v-viewProperties]
	if *slot != nil {
		return *slot
	}
	var raw json.RawMessage
	switch v {
	case viewProperties:
		raw = h.event.Properties
	case viewEventTraits:
		raw = h.event.Traits
	case viewContext:
		raw = h.event.Context
	}
	*slot = object(raw)
	return *slot
}

// object decodes a JSON object; anything else is an empty one. A number that no float holds, such as 1e400, is nil.
func object(raw json.RawMessage) map[string]any {
	decoded := map[string]any{}
	if len(raw) > 0 {
		var beyond *json.UnmarshalTypeError // what stands beside it is decoded all the same
		if err := json.Unmarshal(raw, &decoded); err != nil && !errors.As(err, &beyond) || decoded == nil {
			return map[string]any{}
		}
	}
	return decoded
}

// keep is what a journal holds of an event: who, what, when and its properties; nil of none.
func keep(event *lifecycle.Event) any {
	if event == nil {
		return nil
	}
	kept := map[string]any{"timestamp": event.Timestamp.UTC().Format(time.RFC3339Nano)}
	for name, value := range map[string]string{
		"name": event.Name, "type": string(event.Type), "message_id": event.MessageID, "user_id": event.UserID, "anonymous_id": event.AnonymousID,
	} {
		if value != "" {
			kept[name] = value
		}
	}
	if properties := object(event.Properties); len(properties) > 0 {
		kept["properties"] = properties
	}
	return kept
}

// keptEvent is the event that a journal holds, as the script sees it: nil if it holds none.
func (m *machine) keptEvent(value any) lua.LValue {
	kept, ok := value.(map[string]any)
	if !ok {
		return lua.LNil
	}
	text := func(name string) string { s, _ := kept[name].(string); return s }
	at, _ := time.Parse(time.RFC3339Nano, text("timestamp"))
	properties, _ := kept["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	return m.shown(viewEvent, &happened{
		event: &lifecycle.Event{
			Type: lifecycle.EventType(text("type")), Name: text("name"), MessageID: text("message_id"),
			UserID: text("user_id"), AnonymousID: text("anonymous_id"), Timestamp: at,
		},
		decoded: [3]map[string]any{properties}, kept: true,
	})
}
