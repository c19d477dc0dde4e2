package lifecycle

import "encoding/json"

// Property returns a property of a JSON object as it stands there, or nil; of several with one name the last. It reads no
// more than it must, because it is asked of every order: object must be valid JSON, as the properties of events are. Of
// anything else it returns nil or a part.
func Property(object json.RawMessage, name string) json.RawMessage {
	at, found := skipSpace(object, 0), json.RawMessage(nil)
	if at >= len(object) || object[at] != '{' {
		return nil
	}
	for at++; ; {
		if at = skipSpace(object, at); at >= len(object) || object[at] != '"' {
			return found
		}
		end := skipValue(object, at)
		key := object[at:end]
		at = skipSpace(object, end)
		if at >= len(object) || object[at] != ':' {
			return found
		}
		at = skipSpace(object, at+1)
		end = skipValue(object, at)
		if isNamed(key, name) {
			found = object[at:end:end]
		}
		if at = skipSpace(object, end); at >= len(object) || object[at] != ',' {
			return found
		}
		at++
	}
}

// isNamed reports whether a text of JSON, with its quotes, says a name.
func isNamed(key []byte, name string) bool {
	if len(key) < 2 {
		return false
	}
	plain := key[1 : len(key)-1]
	for _, c := range plain {
		if c == '\\' || c >= 0x80 { // escapes, and bytes that may be no UTF-8
			var text string
			return json.Unmarshal(key, &text) == nil && text == name
		}
	}
	return string(plain) == name
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns where the value ends that begins at a place.
func skipValue(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			for at++; at < len(data) && data[at] != '"'; at++ {
				if data[at] == '\\' {
					at++
				}
			}
			at = min(at+1, len(data))
		case '{', '[':
			depth++
			at++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return at
			}
			at++
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			for at++; at < len(data) && !isDelimiter(data[at]); at++ {
			}
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

func isDelimiter(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\n', '\t', '\r', ':', '"', '{', '[':
		return true
	}
	return false
}
