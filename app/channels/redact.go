package channels

import "encoding/json"

// Hidden stands where a secret is, in settings that people see.
const Hidden = "********"

// property is what of a JSON Schema says which settings are secrets.
type property struct {
	WriteOnly  bool                `json:"writeOnly"`
	Properties map[string]property `json:"properties"`
}

// Redact returns settings as people may see them: Hidden in place of what the connector's schema calls writeOnly, and of
// what it does not know at all.
func Redact(schema, settings json.RawMessage) json.RawMessage {
	return through(schema, settings, true, nil)
}

// Restore returns settings that people have changed, with the secrets that they left hidden as they were before.
func Restore(schema, settings, before json.RawMessage) json.RawMessage {
	return through(schema, settings, false, before)
}

// through walks an object along its schema. With hide it replaces secrets; without, hidden ones are taken from before.
func through(schema, settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	var root property
	_ = json.Unmarshal(schema, &root) // none: everything is a secret
	return walk(root, settings, hide, before)
}

func walk(at property, settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	hidden := json.RawMessage(`"` + Hidden + `"`)
	var values, old map[string]json.RawMessage
	if json.Unmarshal(settings, &values) != nil || values == nil {
		if hide {
			return hidden
		}
		return settings
	}
	_ = json.Unmarshal(before, &old)
	for name, value := range values {
		known, ok := at.Properties[name]
		var text string
		switch {
		case ok && len(known.Properties) > 0 && !known.WriteOnly:
			values[name] = walk(known, value, hide, old[name])
		case hide && (!ok || known.WriteOnly):
			values[name] = hidden
		case !hide && json.Unmarshal(value, &text) == nil && text == Hidden:
			if values[name] = old[name]; old[name] == nil {
				delete(values, name)
			}
		}
	}
	out, err := json.Marshal(values)
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}
