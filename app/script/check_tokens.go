package script

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// token is one word, text or sign of a Lua file. The syntax tree knows lines only; where on a line something stands is
// found among these.
type token struct {
	text   string // of a text its content, as it is written between the quotes
	quoted bool
	line   int // 1-based
	column int // 1-based, in characters
	width  int // in characters, on its first line
	at     int // where it begins in the file, in bytes
	end    int // behind it, in bytes
}

// signs of more than one letter, the longest first; some are not Lua, which is why they are worth finding.
var signs = []string{"...", "<<=", "..", "==", "~=", "<=", ">=", "!=", "&&", "||", "+=", "-=", "*=", "/=", "++", "//", "=>", "::"}

// tokens splits a file; comments are left out. It takes any text.
func tokens(text []byte) []token {
	var all []token
	start := len(text) - len(bytes.TrimPrefix(text, byteOrderMark))
	line, begin := 1, start // the present line, and where it begins
	add := func(from, to int, content string, quoted bool) {
		end := to
		if i := bytes.IndexByte(text[from:to], '\n'); i >= 0 {
			end = from + i
		}
		all = append(all, token{content, quoted, line, utf8.RuneCount(text[begin:from]) + 1, utf8.RuneCount(text[from:end]), from, to})
		for i := from; i < to; i++ {
			if text[i] == '\n' {
				line++
				begin = i + 1
			}
		}
	}
	skip := func(from, to int) {
		for i := from; i < to; i++ {
			if text[i] == '\n' {
				line++
				begin = i + 1
			}
		}
	}
	for i := start; i < len(text); {
		c, from := text[i], i
		switch {
		case c == '-' && bytes.HasPrefix(text[i:], []byte("--")):
			if end := longBracket(text, i+2); end > i+2 {
				i = end
			} else if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
			skip(from, i)
		case c == '"' || c == '\'':
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
				}
			}
			content := string(text[from+1 : min(i, len(text))])
			if i < len(text) && text[i] == c {
				i++
			}
			i = min(i, len(text))
			add(from, i, content, true)
		case c == '[' && longBracket(text, i) > i:
			i = longBracket(text, i)
			add(from, i, string(bytes.Trim(text[from:i], "[]=")), true)
		case isAlpha(c) || c == '_':
			for i < len(text) && (isAlpha(text[i]) || isDigit(text[i]) || text[i] == '_') {
				i++
			}
			add(from, i, string(text[from:i]), false)
		case isDigit(c):
			for i < len(text) && (isAlpha(text[i]) || isDigit(text[i]) || text[i] == '.') {
				i++
			}
			add(from, i, string(text[from:i]), false)
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
			skip(from, i)
		default:
			_, size := utf8.DecodeRune(text[i:])
			i += size
			for _, sign := range signs {
				if strings.HasPrefix(string(text[from:min(from+3, len(text))]), sign) {
					i = from + len(sign)
					break
				}
			}
			add(from, i, string(text[from:i]), false)
		}
	}
	return all
}

// place finds what a problem is about among the tokens of its line: the name, as a text or as a word. Without a name, or
// if it is not there, it is the line from its first token to its last.
func place(all []token, line int, name string) (column, end int) {
	for _, t := range all {
		if t.line == line && t.is(name) {
			return t.column, t.column + t.width
		}
	}
	for _, t := range all {
		if t.line != line {
			continue
		}
		if column == 0 {
			column = t.column
		}
		end = t.column + t.width
	}
	return column, end
}

// is tells whether a token is a name, or a text in which the name is a word.
func (t token) is(name string) bool {
	if name == "" || t.text == name {
		return name != ""
	}
	return t.quoted && slices.Contains(strings.Fields(t.text), name)
}

// has tells whether a line has a token.
func has(all []token, line int, text string) bool {
	for _, t := range all {
		if t.line == line && t.is(text) {
			return true
		}
	}
	return false
}
