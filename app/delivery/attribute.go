package delivery

import (
	"html"
	"strings"
	"unicode/utf8"
)

// attributeText returns what the value of an attribute says, as browsers read it. It differs from text: a name without its
// semicolon stays as it is written where a letter, a digit or an equals sign follows, so that &region=hn is no ®ion=hn. See
// the named character reference state of the HTML standard, 13.2.5.73.
func attributeText(value string) string {
	at := strings.IndexByte(value, '&')
	if at < 0 {
		return value
	}
	var out strings.Builder
	for at >= 0 {
		out.WriteString(value[:at])
		value = value[at:]
		end := entityEnd(value)
		entity := value[:end]
		meant, most := html.UnescapeString(entity), 1 // only names with a semicolon stand for two signs
		if strings.HasSuffix(entity, ";") {
			most = 2
		}
		switch named := end > 1 && entity[1] != '#'; {
		case named && utf8.RuneCountInString(meant) > most, // it begins with another name, which what follows makes none
			named && most == 1 && end < len(value) && value[end] == '=':
			out.WriteString(entity)
		default:
			out.WriteString(meant)
		}
		value = value[end:]
		at = strings.IndexByte(value, '&')
	}
	out.WriteString(value)
	return out.String()
}

// entityEnd returns where an entity ends that begins with the first sign, its semicolon included if it has one.
func entityEnd(text string) int {
	end := 1
	if end < len(text) && text[end] == '#' {
		end++
	}
	for end < len(text) && ('a' <= text[end]|0x20 && text[end]|0x20 <= 'z' || '0' <= text[end] && text[end] <= '9') {
		end++
	}
	if end < len(text) && text[end] == ';' {
		end++
	}
	return end
}
