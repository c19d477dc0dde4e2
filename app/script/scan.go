package script

import (
	"bytes"
	"strings"

	"stagecraft/app/lifecycle"
)

// byteOrderMark is what some editors of Windows begin a file with. It says nothing in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// scan looks over a Lua file before the parser does: it refuses bytecode, files that are too large, and brackets or
// blocks nested so deeply that the parser would take gigabytes. It understands strings and comments, nothing else.
func scan(file string, text []byte) *lifecycle.Error {
	if len(text) > MaxLuaBytes {
		return problem(file, 1, "split it, or move parts to lib/", "a Lua file may have %d KB, this one has %d bytes", MaxLuaBytes>>10, len(text))
	}
	if bytes.HasPrefix(bytes.TrimPrefix(text, byteOrderMark), []byte("\x1bLua")) || bytes.IndexByte(text, 0) >= 0 {
		return problem(file, 1, "write Lua source", "this is not Lua source text")
	}
	depth, line := 0, 1
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			line++
			i++
		case c == '-' && i+1 < len(text) && text[i+1] == '-':
			i += 2
			if end := longBracket(text, i); end > i {
				line += bytes.Count(text[i:end], []byte{'\n'})
				i = end
				continue
			}
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '"' || c == '\'':
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' && i+1 < len(text) {
					i++
					if text[i] == '\n' {
						line++
					}
				}
			}
			if i < len(text) && text[i] == c {
				i++
			}
		case c == '[' && longBracket(text, i) > i:
			end := longBracket(text, i)
			line += bytes.Count(text[i:end], []byte{'\n'})
			i = end
		case c == '(' || c == '[' || c == '{':
			depth++
			i++
		case c == ')' || c == ']' || c == '}':
			depth--
			i++
		case isAlpha(c) || c == '_':
			begin := i
			for i < len(text) && (isAlpha(text[i]) || isDigit(text[i]) || text[i] == '_') {
				i++
			}
			switch string(text[begin:i]) {
			case "function", "do", "if", "repeat":
				depth++
			case "end", "until":
				depth--
			}
		default:
			i++
		}
		if depth > maxNesting {
			return problem(file, line, "split it into functions", "brackets and blocks are nested more than %d levels deep", maxNesting)
		}
	}
	return nil
}

// longBracket returns where the [[…]] or [=[…]=] that begins at i ends, or i if none begins there.
func longBracket(text []byte, i int) int {
	j := i
	if j >= len(text) || text[j] != '[' {
		return i
	}
	for j++; j < len(text) && text[j] == '='; j++ {
	}
	if j >= len(text) || text[j] != '[' {
		return i
	}
	shut := "]" + strings.Repeat("=", j-i-1) + "]"
	end := bytes.Index(text[j+1:], []byte(shut))
	if end < 0 {
		return len(text)
	}
	return j + 1 + end + len(shut)
}
