package channels

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Hidden stands where a secret is, in settings that people see.
const Hidden = "********"

// property is what of a JSON Schema says which settings are secrets.
type property struct {
	WriteOnly  bool                `json:"writeOnly"`
	Format     string              `json:"format"`
	Properties map[string]property `json:"properties"`
	Items      *property           `json:"items"`
}

// secret reports whether a setting is one, or a list of some.
func (p property) secret() bool { return p.WriteOnly || p.Items != nil && p.Items.WriteOnly }

// headers reports whether a setting is a list of texts such as "Authorization: Bearer abc", of which the values are secrets and the
// names are not: texts that are writeOnly and have the format "header".
func (p property) headers() bool {
	return p.Items != nil && p.Items.WriteOnly && p.Items.Format == "header" && !p.WriteOnly
}

// named returns the setting that a connector reads under a name. Go's JSON takes names in any case, so a password does not
// come to light by being written as Password.
func (p property) named(name string) (property, bool) {
	if known, ok := p.Properties[name]; ok {
		return known, true
	}
	for other, known := range p.Properties {
		if strings.EqualFold(other, name) {
			return known, true
		}
	}
	return property{}, false
}

// Redact returns settings as people may see them: Hidden in place of what the connector's schema calls writeOnly, and of
// what it does not know at all.
func Redact(schema, settings json.RawMessage) json.RawMessage {
	return walk(rootOf(schema), settings, true, nil)
}

// Restore returns settings that people have changed, with the secrets that they left hidden as they were before.
func Restore(schema, settings, before json.RawMessage) json.RawMessage {
	return walk(rootOf(schema), settings, false, before)
}

func rootOf(schema json.RawMessage) property {
	var root property
	_ = json.Unmarshal(schema, &root) // none: everything is a secret
	return root
}

// walk goes through an object along its schema. With hide it replaces secrets; without, hidden ones are taken from before.
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
		known, ok := at.named(name)
		switch {
		case ok && len(known.Properties) > 0 && !known.WriteOnly:
			values[name] = walk(known, value, hide, old[name])
		case ok && known.Items != nil && len(known.Items.Properties) > 0 && !known.secret():
			values[name] = walkList(*known.Items, value, hide, old[name])
		case ok && known.headers():
			values[name] = walkHeaders(value, hide, old[name])
		case hide && (!ok || known.secret()):
			values[name] = hidden
		case !hide && isHidden(value):
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

// walkList does the same with a list of objects. An object takes its secrets from the one that looked the same before,
// else, in a list that is as long as it was, from the one in its place.
func walkList(at property, settings json.RawMessage, hide bool, before json.RawMessage) json.RawMessage {
	var values, old []json.RawMessage
	if json.Unmarshal(settings, &values) != nil {
		return walk(at, settings, hide, nil)
	}
	_ = json.Unmarshal(before, &old)
	for i, value := range values {
		var was json.RawMessage
		if !hide {
			looks := walk(at, value, true, nil)
			place := slices.IndexFunc(old, func(o json.RawMessage) bool { return bytes.Equal(walk(at, o, true, nil), looks) })
			if place < 0 && len(old) == len(values) {
				place = i
			}
			if place >= 0 {
				was = old[place]
			}
		}
		values[i] = walk(at, value, hide, was)
	}
	out, err := json.Marshal(values)
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
	all := secrets(rootOf(schema), settings)
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

// secrets returns the texts that Redact would hide because the schema says so, each line of them by itself too.
func secrets(at property, settings json.RawMessage) (found []string) {
	var values map[string]json.RawMessage
	_ = json.Unmarshal(settings, &values)
	for name, value := range values {
		known, _ := at.named(name)
		var text string
		var list []json.RawMessage
		switch {
		case known.WriteOnly && json.Unmarshal(value, &text) == nil:
			found = append(found, linesOf(text)...)
		case known.secret() && json.Unmarshal(value, &list) == nil:
			for _, item := range list {
				if json.Unmarshal(item, &text) != nil {
					continue
				}
				if name, value, named := strings.Cut(text, ":"); named && known.headers() {
					if text = strings.TrimSpace(value); isPlainHeader(name, text) {
						continue
					}
					if _, token, scheme := strings.Cut(text, " "); scheme { // Bearer abc
						found = append(found, linesOf(token)...)
					}
				}
				found = append(found, linesOf(text)...)
			}
		case len(known.Properties) > 0:
			found = append(found, secrets(known, value)...)
		case known.Items != nil && json.Unmarshal(value, &list) == nil:
			for _, item := range list {
				found = append(found, secrets(*known.Items, item)...)
			}
		}
	}
	return found
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
