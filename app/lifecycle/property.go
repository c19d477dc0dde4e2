package lifecycle

import "encoding/json"

// The walk of this file reads JSON where its parts stand: it decodes nothing, keeps nothing and goes as deep as anything is
// nested without growing. Names are told apart by every letter, as JSON has it; encoding/json takes "userID" for "userId".

// Property returns a property of a JSON object as it stands there, or nil; of several with one name the last. It reads no
// more than it must, because it is asked of every order: object must be valid JSON, as the properties of events are. Of
// anything else it returns nil or a part.
func Property(object json.RawMessage, name string) json.RawMessage {
	var found json.RawMessage
	EachMember(object, func(key, value []byte) {
		if string(key) == name {
			found = value
		}
	})
	return found
}

// EachMember visits the members of a JSON object in their order, each by its name and its value as it stands there. It
// reports whether it saw an object from its begin to its end with nothing behind it. The values are told apart by their
// brackets and quotes alone: whether one of them is valid JSON is for the visitor to find out. If all of them are, the
// object is.
func EachMember(object []byte, visit func(name, value []byte)) (whole bool) {
	at, more := opened(object, '{', '}')
	for more {
		if at = skipSpace(object, at); at >= len(object) || object[at] != '"' {
			return false
		}
		end := skipValue(object, at)
		name, readable := memberName(object[at:end])
		if at = skipSpace(object, end); !readable || at >= len(object) || object[at] != ':' {
			return false
		}
		at = skipSpace(object, at+1)
		if end = skipValue(object, at); end == at {
			return false
		}
		visit(name, object[at:end:end])
		at, more = behind(object, end, '}')
	}
	return at == len(object)
}

// EachElement visits the elements of a JSON array likewise.
func EachElement(array []byte, visit func(value []byte)) (whole bool) {
	at, more := opened(array, '[', ']')
	for more {
		at = skipSpace(array, at)
		end := skipValue(array, at)
		if end == at {
			return false
		}
		visit(array[at:end:end])
		at, more = behind(array, end, ']')
	}
	return at == len(array)
}

// opened returns where the first part of an object or array stands, if there is more than none. Where there is none it
// returns the end of the text if all of it was read, else -1.
func opened(data []byte, opening, closing byte) (at int, more bool) {
	if at = skipSpace(data, 0); at >= len(data) || data[at] != opening {
		return -1, false
	}
	if at = skipSpace(data, at+1); at < len(data) && data[at] == closing {
		return closed(data, at+1), false
	}
	return at, true
}

// behind returns where the next part stands, if another one follows; else as opened does.
func behind(data []byte, end int, closing byte) (at int, more bool) {
	switch at = skipSpace(data, end); {
	case at < len(data) && data[at] == closing:
		return closed(data, at+1), false
	case at >= len(data) || data[at] != ',':
		return -1, false
	}
	return at + 1, true
}

func closed(data []byte, at int) int {
	if at = skipSpace(data, at); at < len(data) {
		return -1
	}
	return at
}

// memberName reads a name with its quotes.
func memberName(key []byte) (name []byte, readable bool) {
	if len(key) < 2 || key[len(key)-1] != '"' {
		return nil, false
	}
	plain := key[1 : len(key)-1]
	for _, c := range plain {
		if c == '\\' || c >= 0x80 || c < ' ' { // escapes, bytes that may be no UTF-8, and what may not stand there
			var text string
			err := json.Unmarshal(key, &text)
			return []byte(text), err == nil
		}
	}
	return plain, true
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
