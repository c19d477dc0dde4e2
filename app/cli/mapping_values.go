package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"stagecraft/app/lifecycle"
)

// textOf returns a value that has to be a text. A JSON number counts as it is written.
func textOf(target string, value Value) (string, error) {
	text := value.Text
	if value.JSON != nil {
		switch first := value.JSON[0]; {
		case first == '"':
			if err := json.Unmarshal(value.JSON, &text); err != nil {
				return "", invalidField(target, "%s is not a text", target)
			}
		case first == '-' || first >= '0' && first <= '9':
			text = string(value.JSON)
		default:
			return "", invalidField(target, "%s must be a text, not %s", target, shorten(string(value.JSON)))
		}
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", invalidField(target, "%s %q has a line break or another control character in it", target, shorten(text))
	}
	if len(text) > lifecycle.MaxNameBytes {
		return "", invalidField(target, "%s is longer than %d bytes", target, lifecycle.MaxNameBytes)
	}
	return text, nil
}

// typed returns the JSON of a value under properties, traits or context; see Mapping for the rules.
func typed(value Value, constant bool) json.RawMessage {
	if value.JSON != nil {
		return value.JSON
	}
	text := value.Text
	if text == "true" || text == "false" || isPlainNumber(text) {
		return json.RawMessage(text)
	}
	if constant && len(text) > 1 && text[0] == '"' && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return jsonText(text)
}

// jsonText writes a text as JSON. It never fails: what is not UTF-8 becomes U+FFFD.
func jsonText(text string) json.RawMessage {
	encoded, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage(`""`)
	}
	return encoded
}

// isPlainNumber reports whether a text is a JSON number without an exponent that a float64 holds to the last digit.
func isPlainNumber(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	significant := 0
	for i := 0; i < len(whole)+len(fraction); i++ {
		digit := byte('0')
		if i < len(whole) {
			digit = whole[i]
		} else {
			digit = fraction[i-len(whole)]
		}
		if digit < '0' || digit > '9' {
			return false
		}
		if significant > 0 || digit != '0' {
			significant++
		}
	}
	return significant <= 15
}

// branch is a JSON object that is built path by path; its keys stand in the order in which they came.
type branch struct {
	keys     []string
	values   []json.RawMessage
	branches []*branch
}

func (b *branch) put(path []string, value json.RawMessage) {
	at := -1
	for i, key := range b.keys {
		if key == path[0] {
			at = i
		}
	}
	if at < 0 {
		at = len(b.keys)
		b.keys, b.values, b.branches = append(b.keys, path[0]), append(b.values, nil), append(b.branches, nil)
	}
	if len(path) == 1 {
		b.values[at] = value
		return
	}
	if b.branches[at] == nil {
		b.branches[at] = &branch{}
	}
	b.branches[at].put(path[1:], value)
}

// fill adds what is not there yet, by name.
func (b *branch) fill(object map[string]json.RawMessage) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(b.keys, key) {
			b.put([]string{key}, object[key])
		}
	}
}

func (b *branch) append(to []byte) []byte {
	to = append(to, '{')
	for i, key := range b.keys {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(to, jsonText(key)...), ':')
		if b.branches[i] != nil {
			to = b.branches[i].append(to)
		} else {
			to = append(to, b.values[i]...)
		}
	}
	return append(to, '}')
}

// printable makes a text from elsewhere fit for a terminal: without control characters, and not longer than a line.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// shorten keeps the beginning of a text for a message.
func shorten(text string) string {
	if len(text) <= 60 {
		return text
	}
	return strings.ToValidUTF8(text[:60], "") + "…"
}
