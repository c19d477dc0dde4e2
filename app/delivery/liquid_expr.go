package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/osteele/liquid/expressions"
)

// templateExpr is one expression with its filters: customer.traits.name | upcase | default: "you". The library
// evaluates what stands before the first bar and the filters' arguments; the filters are applied here, so that a
// missing variable can be told from an empty one and a number keeps its text.
type templateExpr struct {
	head    expressions.Expression
	filters []templateFilterCall
	source  string
	weight  int // what one evaluation costs, in steps
}

type templateFilterCall struct {
	name  string
	apply templateFilter
	args  []expressions.Expression
	named map[string]expressions.Expression
}

type wordKind uint8

const (
	identWord    wordKind = iota
	propertyWord          // .name
	stringWord
	numberWord
	signWord // an operator or bracket
)

// templateWord is one word of an expression and where it stands in its source.
type templateWord struct {
	kind       wordKind
	text       string // of a property: without its dot
	start, end int
}

// wordsOf cuts an expression into words, with the same rules as the library's lexer. It refuses every character that
// has no meaning there, and unclosed quotes and brackets.
func wordsOf(source string) ([]templateWord, error) {
	if !utf8.ValidString(source) {
		return nil, errors.New("it is not valid UTF-8")
	}
	var words []templateWord
	add := func(kind wordKind, text string, start, end int) {
		words = append(words, templateWord{kind, text, start, end})
	}
	depth := 0
	for i := 0; i < len(source); {
		c := source[i]
		first, size := utf8.DecodeRuneInString(source[i:])
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			end := i + 1
			for end < len(source) && source[end] != c {
				if c == '"' && source[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(source) {
				return nil, fmt.Errorf("the text that starts with %c is never closed", c)
			}
			add(stringWord, source[i+1:end], i, end+1)
			i = end + 1
		case c >= '0' && c <= '9' || c == '-' && i+1 < len(source) && source[i+1] >= '0' && source[i+1] <= '9':
			end := i + 1
			for end < len(source) && source[end] >= '0' && source[end] <= '9' {
				end++
			}
			if end+1 < len(source) && source[end] == '.' && source[end+1] >= '0' && source[end+1] <= '9' {
				for end++; end < len(source) && source[end] >= '0' && source[end] <= '9'; end++ {
				}
			}
			if end-i > 18 {
				return nil, errors.New("a number has more than 18 digits; write it as text")
			}
			add(numberWord, source[i:end], i, end)
			i = end
		case c == '_' || unicode.IsLetter(first):
			end := wordEnd(source, i+size)
			add(identWord, source[i:end], i, end)
			i = end
		case c == '.' && i+1 < len(source) && source[i+1] != '.':
			next, size := utf8.DecodeRuneInString(source[i+1:])
			if next != '_' && !unicode.IsLetter(next) {
				return nil, fmt.Errorf("behind the dot there is no name; names that start otherwise are written [\"…\"]")
			}
			end := wordEnd(source, i+1+size)
			add(propertyWord, source[i+1:end], i, end)
			i = end
		default:
			size := 1
			if i+1 < len(source) && slices.Contains([]string{"..", "==", "!=", ">=", "<="}, source[i:i+2]) {
				size = 2
			} else if !strings.ContainsRune("|:,()[]<>", first) {
				return nil, fmt.Errorf("%q has no meaning here", first)
			}
			switch c {
			case '(', '[':
				depth++
			case ')', ']':
				depth--
			}
			if depth < 0 || depth > MaxTemplateDepth {
				return nil, errors.New("its brackets do not match, or there are too many of them")
			}
			add(signWord, source[i:i+size], i, i+size)
			i += size
		}
	}
	if depth != 0 {
		return nil, errors.New("a bracket is not closed")
	}
	return words, nil
}

func wordEnd(source string, i int) int {
	for i < len(source) {
		c, size := utf8.DecodeRuneInString(source[i:])
		if c != '_' && c != '-' && !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c) {
			break
		}
		i += size
	}
	if i < len(source) && source[i] == '?' {
		i++
	}
	return i
}

func (w templateWord) is(text string) bool { return w.kind == signWord && w.text == text }

// cut splits words at a sign outside brackets; the parts may be empty.
func cut(words []templateWord, sign string) [][]templateWord {
	var parts [][]templateWord
	depth, start := 0, 0
	for i, word := range words {
		switch {
		case word.is("(") || word.is("["):
			depth++
		case word.is(")") || word.is("]"):
			depth--
		case depth == 0 && word.is(sign):
			parts = append(parts, words[start:i])
			start = i + 1
		}
	}
	return append(parts, words[start:])
}

// expression compiles an expression with its filters. Problems go to the parser; then the result is nil.
func (p *templateParser) expression(source string, words []templateWord, line int) *templateExpr {
	parts := cut(words, "|")
	if len(parts[0]) == 0 {
		p.problem(line, "there is no value in "+p.quote(source), "name one, such as customer.traits.first_name")
		return nil
	}
	compiled := &templateExpr{source: stretch(source, words), weight: 1 + len(words)/2}
	if compiled.head = p.value(source, parts[0], line); compiled.head == nil {
		return nil
	}
	for i, part := range parts[1:] {
		if len(part) == 0 || part[0].kind != identWord {
			p.problem(line, "behind a | stands no filter in "+p.quote(source), `write it like {{ name | upcase }}`)
			return nil
		}
		name := part[0].text
		apply, known := p.filters[name]
		if !known {
			p.problem(line, fmt.Sprintf("there is no filter %q", name), suggest(name, keysOf(p.filters), "filters"))
			return nil
		}
		if name == "raw" && i != len(parts)-2 {
			p.problem(line, "raw is not the last filter", "write it last; what follows would be escaped again")
			return nil
		}
		call := templateFilterCall{name: name, apply: apply}
		if len(part) > 1 {
			if !part[1].is(":") || len(part) == 2 {
				p.problem(line, "the values of filter "+name+" cannot be read in "+p.quote(source), `write a colon before the first and commas between them: {{ name | replace: "a", "b" }}`)
				return nil
			}
			for _, arg := range cut(part[2:], ",") {
				if len(arg) > 2 && arg[0].kind == identWord && arg[1].is(":") {
					value := p.value(source, arg[2:], line)
					if value == nil {
						return nil
					}
					if call.named == nil {
						call.named = map[string]expressions.Expression{}
					}
					call.named[arg[0].text] = value
					continue
				}
				value := p.value(source, arg, line)
				if value == nil {
					return nil
				}
				call.args = append(call.args, value)
			}
		}
		compiled.filters = append(compiled.filters, call)
	}
	return compiled
}

// value compiles a part without filters, after looking at what the library would accept silently or choke on.
func (p *templateParser) value(source string, words []templateWord, line int) expressions.Expression {
	if len(words) == 0 {
		p.problem(line, "a value is missing in "+p.quote(source), "")
		return nil
	}
	for i, word := range words {
		switch {
		case word.is("|"):
			p.problem(line, "filters do not work inside brackets", "give the filtered value a name before: {% assign name = value | filter %}")
			return nil
		case word.is(":"):
			p.problem(line, "a colon has no meaning here in "+p.quote(source), "")
			return nil
		case word.is(")") && i+1 < len(words) && (words[i+1].kind == propertyWord || words[i+1].is("[")):
			p.problem(line, "a bracket has no properties in "+p.quote(source), "give it a name before: {% assign name = … %}")
			return nil
		case word.is("..") && i > 0 && i+1 < len(words) && words[i-1].kind == numberWord && words[i+1].kind == numberWord:
			from, err1 := strconv.Atoi(words[i-1].text)
			to, err2 := strconv.Atoi(words[i+1].text)
			if err1 != nil || err2 != nil {
				p.problem(line, "the ends of a range must be whole numbers in "+p.quote(source), "")
				return nil
			}
			if to-from >= MaxRange {
				p.problem(line, fmt.Sprintf("the range (%d..%d) has more than %d numbers", from, to, MaxRange), "make it smaller")
				return nil
			}
		case word.kind == identWord && !slices.Contains([]string{"and", "or", "contains", "true", "false", "nil", "in"}, word.text):
			root := templateRoot{name: word.text, line: line}
			if i+1 < len(words) && words[i+1].kind == propertyWord {
				root.property = words[i+1].text
			}
			p.roots = append(p.roots, root)
		}
	}
	text := stretch(source, words)
	value, err := parseExpression(comparedNumbers(source, words))
	if err != nil {
		hint := "write it like customer.traits.plan, event.properties.total > 100, or name | filter: value"
		p.problem(line, p.quote(text)+" cannot be read", hint)
		return nil
	}
	return value
}

// parseExpression is the library's, with its panics (a number too big) as errors.
func parseExpression(source string) (value expressions.Expression, err error) {
	defer func() {
		if failure := recover(); failure != nil {
			value, err = nil, fmt.Errorf("%v", failure)
		}
	}()
	return expressions.Parse(source)
}

// stretch is the source that the words cover.
func stretch(source string, words []templateWord) string {
	if len(words) == 0 {
		return ""
	}
	return source[words[0].start:words[len(words)-1].end]
}

// evaluate returns what an expression yields: a plain value, or a templateDrop for what is missing, structured or a date.
func (r *templateRun) evaluate(e *templateExpr) (any, error) {
	if err := r.spend(e.weight); err != nil {
		return nil, err
	}
	value, err := r.value(e.head)
	if err != nil {
		return nil, err
	}
	for i := range e.filters {
		call := &e.filters[i]
		args := make([]any, 1, 4)
		args[0] = value
		for _, arg := range call.args {
			value, err := r.value(arg)
			if err != nil {
				return nil, err
			}
			args = append(args, value)
		}
		var named map[string]any
		for name, arg := range call.named {
			value, err := r.value(arg)
			if err != nil {
				return nil, err
			}
			if named == nil {
				named = map[string]any{}
			}
			named[name] = value
		}
		if value, err = r.applyFilter(call, args, named); err != nil {
			return nil, err
		}
	}
	return value, nil
}

// value evaluates one of the library's expressions and finds the real reason of an error.
func (r *templateRun) value(e expressions.Expression) (any, error) {
	value, err := e.Evaluate(r.context)
	if err != nil {
		if fault := r.fault; fault != nil {
			r.fault = nil
			return nil, fault
		}
		return nil, faultf(err.Error(), "")
	}
	return value, nil
}
