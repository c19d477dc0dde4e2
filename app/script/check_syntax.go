package script

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/parse"

	"stagecraft/app/lifecycle"
)

// syntax tells a syntax error with its column. It returns false if the error is another.
func (r *review) syntax(err *lifecycle.Error, text []byte) bool {
	failed := parseError(err.File, text)
	if failed == nil {
		return false
	}
	all := r.tokensOf(err.File, text)
	p := Problem{File: err.File, Line: err.Line, Severity: Bad, Message: err.Message, Hint: err.Hint, SourceLine: sourceLine(text, err.Line)}
	p.Column, p.EndColumn = stopped(all, err.Line, failed)
	r.found = append(r.found, p)
	return true
}

// stopped returns the columns of the word at which the parser stopped.
func stopped(all []token, line int, failed *parse.Error) (column, end int) {
	column, end = place(all, line, "")
	for _, t := range all { // the parser stops behind the word: it is the last such one that begins before that place
		if t.line == line && t.column <= failed.Pos.Column+1 && failed.Token != "" && strings.HasPrefix(t.text, failed.Token) {
			column, end = t.column, t.column+t.width
		}
	}
	return column, end
}

// syntaxHint says what to write instead of that at which the parser stopped on a line; "" if that is not known.
func syntaxHint(text []byte, line int, failed *parse.Error) string {
	all := tokens(text)
	column, _ := stopped(all, line, failed)
	return cmp.Or(foreign(all, line, column), unclosed(all))
}

// parseError returns what the parser says, nil if it says nothing about the place.
func parseError(file string, text []byte) (failed *parse.Error) {
	if scan(file, text) != nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			failed = nil
		}
	}()
	_, err := parse.Parse(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)), file)
	errors.As(err, &failed)
	return failed
}

// otherLanguages are signs and words of other languages, and what Lua says.
var otherLanguages = map[string]string{
	"!=": "unequal is ~=", "&&": "write and", "||": "write or", "!": "write not",
	"+=": "write x = x + 1", "-=": "write x = x - 1", "*=": "write x = x * 2", "/=": "write x = x / 2", "++": "write x = x + 1",
	"//": "a comment begins with --", "=>": "write function(customer) … end",
	"const": "write local", "let": "write local", "var": "write local", "elif": "write elseif", "elsif": "write elseif", "func": "write function", "fn": "write function", "def": "write function",
}

// foreign looks for what comes from other languages, on the line of an error up to its place and one behind.
func foreign(all []token, line, column int) string {
	for i, t := range all {
		if t.line != line || t.quoted {
			continue
		}
		before := func(text string) bool { return i > 0 && all[i-1].text == text && all[i-1].line == line }
		switch {
		case t.text == "=" && t.column <= column && (has(all, line, "if") || has(all, line, "elseif") || has(all, line, "while")) && !has(all, line, "local"):
			return "compare with =="
		case t.text == "if" && before("else"):
			return "write elseif, or put the if on a line of its own, with an end of its own"
		case otherLanguages[t.text] != "" && t.column <= column+1:
			return otherLanguages[t.text]
		case t.text == "{" && before(")") && i > 1 && t.column <= column:
			return "there are no braces around blocks: write function(…) … end, if … then … end"
		}
	}
	return ""
}

// opener is a bracket or block that waits for its end.
type opener struct {
	token
	end    string
	indent int // of its line
}

// unclosed finds the bracket or block that a file closes wrongly or not at all. Where an end is written further left
// than what it closes, that one probably lacks its own.
func unclosed(all []token) string {
	ends := map[string]string{"(": ")", "[": "]", "{": "}", "function": "end", "do": "end", "if": "end", "repeat": "until"}
	var open []opener
	suspect := ""
	indent, line := 0, 0
	for i, t := range all {
		first := t.line != line
		if first {
			indent, line = t.column, t.line
		}
		if t.quoted {
			continue
		}
		if end := ends[t.text]; end != "" {
			if t.text == "if" && !first && all[i-1].text == "else" && suspect == "" {
				suspect = fmt.Sprintf("write elseif on line %d, or give its if an end of its own", t.line)
			}
			open = append(open, opener{t, end, indent})
			continue
		}
		switch t.text {
		case ")", "]", "}", "end", "until":
			if len(open) == 0 {
				return fmt.Sprintf("the %s on line %d closes nothing: take it away, or look for what should open above it", t.text, t.line)
			}
			last := open[len(open)-1]
			open = open[:len(open)-1]
			lacks := fmt.Sprintf("the %s on line %d lacks its %s", last.text, last.line, last.end)
			switch {
			case last.end != t.text && suspect != "":
				return suspect
			case last.end != t.text:
				return fmt.Sprintf("%s before the %s on line %d", lacks, t.text, t.line)
			case first && indent < last.indent && suspect == "":
				suspect = lacks
			}
		}
	}
	if len(open) == 0 {
		return ""
	}
	if suspect != "" {
		return suspect
	}
	last := open[len(open)-1]
	return fmt.Sprintf("the %s on line %d lacks its %s", last.text, last.line, last.end)
}
