package script

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// review looks at a journey as a whole, after it was compiled as far as that went.
type review struct {
	c       *compiler
	files   library // those that could be parsed
	order   []*unit // the same, by path
	whole   bool    // all could be parsed
	started map[*function][]start
	dynamic map[*unit]bool // what is registered there may move to a stage whose name is worked out

	found  []Problem
	tokens map[string][]token // by full name
}

func newReview(c *compiler) *review {
	r := &review{c: c, files: library{}, whole: true, started: map[*function][]start{}, dynamic: map[*unit]bool{}, tokens: map[string][]token{}}
	for _, path := range c.src.Paths() {
		if !strings.HasSuffix(path, ".lua") {
			continue
		}
		full, text := c.src.full(path), c.src.Files[path]
		tree, err := parseLua(full, text)
		if err != nil || c.checkers[path] == nil {
			r.whole = false
			continue
		}
		u := newUnit(path, full, text, tree, c.host.known)
		r.files[path] = u
		r.order = append(r.order, u)
	}
	for _, u := range r.order {
		for _, s := range u.starts() {
			if f := r.files.function(u, s.run); f != nil {
				r.startedBy(f, s)
			}
		}
	}
	return r
}

// startedBy notes what starts a function, and so those that it uses.
func (r *review) startedBy(f *function, s start) {
	for _, known := range r.started[f] {
		if known.kind == s.kind && known.event == s.event && known.unit == s.unit {
			return
		}
	}
	r.started[f] = append(r.started[f], s)
	for _, inner := range f.inner {
		if inner.name == "" {
			r.startedBy(inner, s)
		}
	}
	for _, name := range f.names {
		if next := r.files.function(f.unit, name); next != nil {
			r.startedBy(next, s)
		}
	}
	for _, call := range f.calls {
		if next := r.files.function(f.unit, call.Func); next != nil {
			r.startedBy(next, s)
		}
		if _, plain := literal(call, 0); f.unit.word(call) == "move" && !plain {
			r.dynamic[s.unit] = true
		}
	}
}

func (r *review) run() {
	for _, u := range r.order {
		r.afterMoves(u)
		r.openings(u)
		for _, f := range u.order {
			for _, call := range f.calls {
				if word := u.word(call); word != "" {
					r.arguments(u, f, call, word)
					r.inPlace(f, call, word)
				}
			}
		}
		r.fields(u)
		r.statements(u)
		r.idleFunctions(u)
	}
	if r.c.plan != nil && r.whole && !r.failedIn(r.c.src.full(journeyFile)) {
		r.moves()
		r.stages()
	}
	if r.whole && !r.failedIn("") {
		r.unmoved()
		r.messages()
		r.unusedShared()
	}
}

// failedIn tells whether a Lua file has errors; with "" any. What is worked out from a broken script is mostly wrong.
func (r *review) failedIn(file string) bool {
	return slices.ContainsFunc(r.found, func(p Problem) bool {
		return p.Severity == Bad && strings.HasSuffix(p.File, ".lua") && (file == "" || p.File == file)
	})
}

// say notes a problem. What it is about is a name or text of that line, "" the line as a whole.
func (r *review) say(file string, line int, about string, severity Severity, hint, message string) {
	p := Problem{File: file, Line: line, Severity: severity, Message: message, Hint: hint}
	text, ok := r.c.Source(file)
	if !ok {
		r.found = append(r.found, p)
		return
	}
	p.SourceLine = sourceLine(text, line)
	if strings.HasSuffix(file, ".lua") {
		p.Column, p.EndColumn = place(r.tokensOf(file, text), line, about)
	} else if p.Column, p.EndColumn = placeInText(p.SourceLine, about); p.Column == 0 && line == 1 {
		p.SourceLine = "" // it is about the file
	}
	r.found = append(r.found, p)
}

func (r *review) tokensOf(file string, text []byte) []token {
	if r.tokens[file] == nil {
		r.tokens[file] = tokens(text)
	}
	return r.tokens[file]
}

func (r *review) bad(u *unit, line int, about, hint, message string) {
	r.say(u.full, line, about, Bad, hint, message)
}

func (r *review) warn(u *unit, line int, about, hint, message string) {
	r.say(u.full, line, about, Warning, hint, message)
}

// sourceLine returns a line of a text.
func sourceLine(text []byte, line int) string {
	for i, l := range strings.Split(string(text), "\n") {
		if i+1 == line {
			return strings.TrimRight(cut(strings.ToValidUTF8(l, "?"), 300), "\r")
		}
	}
	return ""
}

// placeInText finds a name in the line of a message file.
func placeInText(line, about string) (column, end int) {
	i := -1
	if about != "" {
		i = strings.Index(line, about)
	}
	if i < 0 {
		return 0, 0
	}
	column = len([]rune(line[:i])) + 1
	return column, column + len([]rune(about))
}

// said returns the calls of a word.
func (f *function) said(word string) []*ast.FuncCallExpr {
	var calls []*ast.FuncCallExpr
	for _, call := range f.calls {
		if f.unit.word(call) == word {
			calls = append(calls, call)
		}
	}
	return calls
}
