package channels

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Hidden stands where a secret is, in settings that people see.
const Hidden = "********"

// Redact returns settings as people may see them: Hidden in place of what the connector's schema calls writeOnly, and of
// what it does not know at all, or says in a way that is not understood. Of an object or a list in which it describes nothing it
// knows nothing, and that is hidden as a whole.
func Redact(schema, settings json.RawMessage) json.RawMessage {
	return walkObject(shapeOf(schema), settings, true, nil)
}

// Restore returns settings that people have changed, with the secrets that they left hidden as they were before.
func Restore(schema, settings, before json.RawMessage) json.RawMessage {
	return walkObject(shapeOf(schema), settings, false, before)
}

// hiddenText is Hidden as JSON.
var hiddenText = json.RawMessage(`"` + Hidden + `"`)

// walk goes through a setting along its schema. With hide it replaces secrets; without, hidden ones are taken from before. It returns nil for
// a hidden one that was not there before.
func walk(at shape, value json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	switch kind := firstByte(value); {
	case !hide && isHidden(value):
		return before
	case at.isHeaders():
		return walkHeaders(value, hide, before)
	case hide && (at.secret || at.isList() && at.items().secret):
		return hiddenText
	case at.secret:
		return value
	case at.isObject() && kind == '{':
		return walkObject(at, value, hide, before)
	case at.isList() && kind == '[':
		return walkList(at.items(), value, hide, before)
	case hide && (kind == '{' || kind == '[' || at.isDeep() && string(value) != "null"): // it is not what the schema says, or says nothing of
		return hiddenText
	}
	return value
}

func firstByte(value json.RawMessage) byte {
	if value = bytes.TrimSpace(value); len(value) > 0 {
		return value[0]
	}
	return 0
}

// walkObject does the same with an object, name by name.
func walkObject(at shape, settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	var values, old map[string]json.RawMessage
	if json.Unmarshal(settings, &values) != nil || values == nil {
		if hide {
			return hiddenText
		}
		return settings
	}
	_ = json.Unmarshal(before, &old)
	for name, value := range values {
		known, ok := at.named(name)
		known.secret = known.secret || !ok
		if values[name] = walk(known, value, hide, old[name]); values[name] == nil {
			delete(values, name)
		}
	}
	out, err := json.Marshal(values)
	if err != nil {
		return json.RawMessage("{}")
	}
	return out
}

// walkList does the same with a list. What is in it takes its secrets from what looked the same before, in its place if that did, else,
// in a list that is as long as it was, from what was in its place.
func walkList(at shape, settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	var values, old []json.RawMessage
	if json.Unmarshal(settings, &values) != nil {
		return settings
	}
	_ = json.Unmarshal(before, &old)
	looks := make([]json.RawMessage, len(old))
	for i, value := range old {
		if !hide {
			looks[i] = walk(at, value, true, nil)
		}
	}
	kept := values[:0]
	for i, value := range values {
		var was json.RawMessage
		if !hide {
			look := walk(at, value, true, nil)
			place := i
			if i >= len(old) || !bytes.Equal(looks[i], look) {
				place = slices.IndexFunc(looks, func(other json.RawMessage) bool { return bytes.Equal(other, look) })
			}
			if place < 0 && len(old) == len(values) {
				place = i
			}
			if place >= 0 {
				was = old[place]
			}
		}
		if value = walk(at, value, hide, was); value != nil {
			kept = append(kept, value)
		}
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return json.RawMessage("[]")
	}
	return out
}

// walkHeaders does the same with a list of headers. A value that was left hidden is that of the header of the same name before; of
// several of one name, of the one at the same place among them.
func walkHeaders(settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	var lines, old []string
	switch {
	case isHidden(settings) && !hide && before != nil:
		return before
	case json.Unmarshal(settings, &lines) != nil && hide:
		return json.RawMessage(`"` + Hidden + `"`)
	case lines == nil:
		return settings
	}
	_ = json.Unmarshal(before, &old)
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		name, value, named := strings.Cut(line, ":")
		switch {
		case hide && !named:
			out = append(out, Hidden)
		case hide:
			out = append(out, name+": "+Hidden)
		case named && strings.TrimSpace(value) == Hidden:
			same := func(line string) bool {
				other, _, found := strings.Cut(line, ":")
				return found && strings.EqualFold(strings.TrimSpace(other), strings.TrimSpace(name))
			}
			if at := slices.IndexFunc(old, same); at >= 0 {
				out = append(out, old[at])
				old = slices.Delete(old, at, at+1)
			}
		default:
			out = append(out, line)
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return json.RawMessage("[]")
	}
	return text
}

func isHidden(value json.RawMessage) bool {
	var text string
	return json.Unmarshal(value, &text) == nil && text == Hidden
}

// leastSecret is the length from which a secret is looked for in what a connector says: shorter ones would turn up in
// ordinary words.
const leastSecret = 6

// veil hides the secrets of settings in what a connector writes and says. The zero value hides nothing.
type veil struct{ replacer *strings.Replacer }

func newVeil(schema, settings json.RawMessage) veil {
	var pairs []string
	all := namedSecrets(shapeOf(schema), settings)
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // one may begin with another
	for _, secret := range all {
		if len(secret) >= leastSecret {
			pairs = append(pairs, secret, Hidden)
		}
	}
	if len(pairs) == 0 {
		return veil{}
	}
	return veil{strings.NewReplacer(pairs...)}
}

func (v veil) over(text string) string {
	if v.replacer == nil {
		return text
	}
	return v.replacer.Replace(text)
}

// secrets returns what Redact would hide of a setting, as a connector might say it: texts, each line of them by itself too, and
// numbers. In what is secret as a whole the names say nothing.
func secrets(at shape, value json.RawMessage) (found []string) {
	var text string
	var list []json.RawMessage
	switch firstByte(value) {
	case '"':
		if !at.isDeep() {
			return nil
		}
		_ = json.Unmarshal(value, &text)
		return linesOf(text)
	case '{':
		return namedSecrets(at, value)
	case '[':
		_ = json.Unmarshal(value, &list)
		items := at.items()
		items.secret = items.secret || at.secret || !at.isList()
		for _, item := range list {
			if !at.isHeaders() || json.Unmarshal(item, &text) != nil {
				found = append(found, secrets(items, item)...)
			} else {
				found = append(found, headerSecrets(text)...)
			}
		}
	case 't', 'f', 'n':
	default:
		if at.isDeep() {
			return []string{string(bytes.TrimSpace(value))}
		}
	}
	return found
}

// namedSecrets returns those of all settings in an object.
func namedSecrets(at shape, object json.RawMessage) (found []string) {
	var values map[string]json.RawMessage
	_ = json.Unmarshal(object, &values)
	for name, value := range values {
		known, ok := at.named(name)
		known.secret = known.secret || !ok
		found = append(found, secrets(known, value)...)
	}
	return found
}

// headerSecrets returns what of a header is a secret.
func headerSecrets(line string) (found []string) {
	if name, value, named := strings.Cut(line, ":"); named {
		if line = strings.TrimSpace(value); isPlainHeader(name, line) {
			return nil
		}
		if _, token, scheme := strings.Cut(line, " "); scheme { // Bearer abc
			found = append(found, linesOf(token)...)
		}
	}
	return append(found, linesOf(line)...)
}

// isPlainHeader reports whether the value of a header is no secret in what a connector says: it is filled in from other settings,
// as in Bearer {{secret}}, or says what everybody's does, such as application/json.
func isPlainHeader(name, value string) bool {
	if _, behind, opened := strings.Cut(value, "{{"); opened && strings.Contains(behind, "}}") {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-encoding", "content-language",
		"content-type", "date", "pragma", "user-agent":
		return true
	}
	return false
}

// linesOf returns a text and each line of it.
func linesOf(text string) []string {
	return append([]string{text}, strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })...)
}
