package delivery

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth is how deep objects and lists may nest before what lies deeper reads as missing.
const maxJSONDepth = 64

// jsonField is one member of an object or one entry of a list, not decoded. The key of a list's entry is empty.
type jsonField struct {
	key string
	raw []byte
}

// templateNumber is a JSON number as it was written: "12.00" stays "12.00" when it is printed.
type templateNumber string

// ToLiquid returns the number as an int, or as a float64 if it has a fraction or does not fit.
func (n templateNumber) ToLiquid() any {
	if i, err := strconv.Atoi(string(n)); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return nil
	}
	return f
}

// String returns the number as it was written, except that an exponent is written out.
func (n templateNumber) String() string {
	if strings.ContainsAny(string(n), "eE") {
		if f, err := strconv.ParseFloat(string(n), 64); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return string(n)
}

// MarshalJSON writes the number as it was written.
func (n templateNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// jsonFields splits an object or list into its members without decoding them. It reports false for anything that is
// not a well-formed object or list; what the members hold is not examined.
func jsonFields(raw []byte) ([]jsonField, bool) {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '{' && raw[i] != '[' {
		return nil, false
	}
	object := raw[i] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	i = skipSpace(raw, i+1)
	if i < len(raw) && raw[i] == closing {
		return nil, true
	}
	fields := make([]jsonField, 0, 8)
	for {
		var field jsonField
		if object {
			end := skipString(raw, i)
			if end < 0 {
				return nil, false
			}
			key, ok := jsonString(raw[i:end])
			if !ok {
				return nil, false
			}
			field.key = key
			i = skipSpace(raw, end)
			if i >= len(raw) || raw[i] != ':' {
				return nil, false
			}
			i = skipSpace(raw, i+1)
		}
		end := skipValue(raw, i)
		if end < 0 {
			return nil, false
		}
		field.raw = raw[i:end]
		fields = append(fields, field)
		i = skipSpace(raw, end)
		switch {
		case i < len(raw) && raw[i] == closing:
			return fields, true
		case i < len(raw) && raw[i] == ',':
			i = skipSpace(raw, i+1)
		default:
			return nil, false
		}
	}
}

// jsonDecode decodes any JSON: nil, bool, string, templateNumber, []any, map[string]any. Malformed JSON is nil.
func jsonDecode(raw []byte, depth int) any {
	i := skipSpace(raw, 0)
	if i >= len(raw) || depth > maxJSONDepth {
		return nil
	}
	switch raw[i] {
	case '{':
		fields, ok := jsonFields(raw)
		if !ok {
			return nil
		}
		object := make(map[string]any, len(fields))
		for _, field := range fields {
			object[field.key] = jsonDecode(field.raw, depth+1)
		}
		return object
	case '[':
		fields, ok := jsonFields(raw)
		if !ok {
			return nil
		}
		list := make([]any, len(fields))
		for i, field := range fields {
			list[i] = jsonDecode(field.raw, depth+1)
		}
		return list
	case '"':
		if text, ok := jsonString(raw[i:]); ok {
			return text
		}
		return nil
	}
	switch text := strings.TrimRight(string(raw[i:]), " \t\r\n"); {
	case text == "true":
		return true
	case text == "false":
		return false
	case isJSONNumber(text):
		return templateNumber(text)
	}
	return nil
}

// isJSONNumber accepts what JSON calls a number, up to 400 characters.
func isJSONNumber(text string) bool {
	digits := func(from int) int {
		for from < len(text) && text[from] >= '0' && text[from] <= '9' {
			from++
		}
		return from
	}
	start := 0
	if strings.HasPrefix(text, "-") {
		start = 1
	}
	i := digits(start)
	if len(text) > 400 || i == start || i > start+1 && text[start] == '0' {
		return false
	}
	if i < len(text) && text[i] == '.' {
		end := digits(i + 1)
		if end == i+1 {
			return false
		}
		i = end
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		end := digits(i)
		if end == i {
			return false
		}
		i = end
	}
	return i == len(text)
}

// jsonString decodes a quoted string; bytes that are not UTF-8 become U+FFFD.
func jsonString(raw []byte) (string, bool) {
	end := skipString(raw, 0)
	if end < 0 {
		return "", false
	}
	inner := raw[1 : end-1]
	plain := true
	for _, b := range inner {
		if b == '\\' || b < 0x20 {
			plain = false
			break
		}
	}
	if plain && utf8.Valid(inner) {
		return string(inner), true
	}
	var text string
	if json.Unmarshal(raw[:end], &text) != nil {
		return "", false
	}
	return text, true
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that starts at i, or -1.
func skipString(raw []byte, i int) int {
	if i >= len(raw) || raw[i] != '"' {
		return -1
	}
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns the index behind the value that starts at i, or -1. It counts brackets rather than matching them.
func skipValue(raw []byte, i int) int {
	start, depth := i, 0
	for i < len(raw) {
		switch raw[i] {
		case '"':
			if i = skipString(raw, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				if i == start {
					return -1
				}
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				if i == start {
					return -1
				}
				return i
			}
		}
		i++
	}
	if depth > 0 || i == start {
		return -1
	}
	return i
}
