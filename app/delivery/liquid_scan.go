package delivery

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type pieceKind uint8

const (
	textPiece   pieceKind = iota
	outputPiece           // {{ … }}
	tagPiece              // {% … %}
)

// templatePiece is one stretch of a template.
type templatePiece struct {
	kind pieceKind
	text string // of a text: as it is printed; else what stands between the marks
	name string // of a tag: its first word
	line int
}

// templateProblem is something wrong with a template, found before it runs.
type templateProblem struct {
	line    int
	message string
	hint    string
}

// scanTemplate cuts a template into text, outputs and tags. Comments are dropped, raw blocks become text, and the
// dashes of {{- -}} take their white space. Unlike the library's scanner it finds what is never closed, and allows
// line breaks inside {{ }}.
func scanTemplate(source string, line int) ([]templatePiece, []templateProblem) {
	var pieces []templatePiece
	var problems []templateProblem
	trimNext := false
	text := func(s string, line int, trimEnd bool) {
		if trimNext {
			s = strings.TrimLeft(s, " \t\r\n")
		}
		if trimEnd {
			s = strings.TrimRight(s, " \t\r\n")
		}
		trimNext = false
		if s != "" {
			pieces = append(pieces, templatePiece{kind: textPiece, text: s, line: line})
		}
	}
	rest := source
	for rest != "" {
		start := nextMark(rest)
		if start < 0 {
			text(rest, line, false)
			break
		}
		mark, closing := rest[start:start+2], "}}"
		if mark == "{%" {
			closing = "%}"
		}
		trimEnd := strings.HasPrefix(rest[start+2:], "-")
		text(rest[:start], line, trimEnd)
		line += strings.Count(rest[:start], "\n")
		rest = rest[start+2:]
		end := findClosing(rest, closing)
		if end < 0 || end > maxTagBytes {
			return pieces, append(problems, templateProblem{line, mark + " is never closed", "close it with " + closing + "; to print two braces write {% raw %}" + mark + "{% endraw %}"})
		}
		inner := rest[:end]
		if at := nextMark(maskStrings(inner)); at >= 0 {
			return pieces, append(problems, templateProblem{line, fmt.Sprintf("%s is not closed before the next %s", mark, inner[at:at+2]), "close it with " + closing})
		}
		here := line
		line += strings.Count(inner, "\n")
		rest = rest[end+2:]
		inner = strings.TrimPrefix(inner, "-")
		if strings.HasSuffix(inner, "-") {
			inner, trimNext = inner[:len(inner)-1], true
		}
		inner = strings.TrimSpace(inner)
		if mark == "{{" {
			pieces = append(pieces, templatePiece{kind: outputPiece, text: inner, line: here})
			continue
		}
		name := inner
		if i := strings.IndexFunc(inner, func(c rune) bool { return c <= ' ' || c == ':' }); i > 0 {
			name = inner[:i]
		}
		if name == "raw" || name == "comment" {
			body, after, trimBody, trimAfter, found := findEnd(rest, "end"+name)
			if !found {
				return pieces, append(problems, templateProblem{here, "{% " + name + " %} is never closed", "write {% end" + name + " %} behind it"})
			}
			if name == "raw" {
				text(body, line, trimBody)
			}
			line += strings.Count(rest[:len(rest)-len(after)], "\n")
			rest, trimNext = after, trimAfter
			continue
		}
		pieces = append(pieces, templatePiece{kind: tagPiece, name: name, text: strings.TrimSpace(inner[len(name):]), line: here})
	}
	return pieces, problems
}

// nextMark returns where the next {{ or {% starts, or -1.
func nextMark(text string) int {
	for from := 0; ; {
		i := strings.IndexByte(text[from:], '{')
		if i < 0 || from+i+1 >= len(text) {
			return -1
		}
		from += i
		if text[from+1] == '{' || text[from+1] == '%' {
			return from
		}
		from++
	}
}

// findClosing returns where the closing mark starts, not counting one inside quotes; if a quote stays open, the
// first one there is.
func findClosing(text, closing string) int {
	if len(text) > maxTagBytes+2 {
		text = text[:maxTagBytes+2]
	}
	var quote byte
	for i := 0; i+1 < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case text[i:i+2] == closing:
			return i
		}
	}
	return strings.Index(text, closing)
}

// maskStrings blanks what stands in quotes.
func maskStrings(text string) string {
	if !strings.ContainsAny(text, `"'`) {
		return text
	}
	masked := []byte(text)
	var quote byte
	for i := 0; i < len(masked); i++ {
		c := masked[i]
		switch {
		case quote == 0:
			if c == '"' || c == '\'' {
				quote = c
			}
			continue
		case c == '\\' && quote == '"' && i+1 < len(masked):
			masked[i] = '_'
			i++
			masked[i] = '_'
			continue
		case c == quote:
			quote = 0
			continue
		}
		masked[i] = '_'
	}
	if quote != 0 {
		return text
	}
	return string(masked)
}

// findEnd looks for {% name %}.
func findEnd(text, name string) (body, after string, trimBody, trimAfter, found bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], "{%")
		if i < 0 {
			return "", "", false, false, false
		}
		start := from + i
		from = start + 2
		end := strings.Index(text[from:], "%}")
		if end < 0 {
			return "", "", false, false, false
		}
		inner := text[from : from+end]
		trimmed := strings.TrimSuffix(strings.TrimPrefix(inner, "-"), "-")
		if strings.TrimSpace(trimmed) == name {
			return text[:start], text[from+end+2:], strings.HasPrefix(inner, "-"), strings.HasSuffix(inner, "-"), true
		}
	}
}

// shorten makes a stretch of a template fit into a sentence.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= 60 {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	cut := 60
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.ToValidUTF8(text[:cut], "\uFFFD") + "…"
}
