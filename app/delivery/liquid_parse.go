package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

type partKind uint8

const (
	messagePart partKind = iota
	layoutPart
	partialPart
)

// templatePart is a compiled subject, preheader, body, value for a connector, layout or partial. It is never changed and may
// run many times at once.
type templatePart struct {
	kind  partKind
	title string // what it is, for people
	file  string
	line  int    // of the file, on which it begins
	field string // of the front matter, that it is; empty: a body

	nodes  []templateNode
	locals []string       // names that the template itself assigns
	params []templateWant // of a partial: names that it must be given, or may, with a line of 0
	wants  []templateWant
	link   bool            // it is an address for the connector
	starts []templateStart // outputs with which an address may begin
	html   bool            // its own text, or that of a partial, contains a tag
	size   int             // of its source
	depth  int             // how deep partials render each other in it
}

// templateParser builds the tree of one part.
type templateParser struct {
	pieces   []templatePiece
	at       int
	depth    int
	loops    int // how many loops the present place is in
	filters  map[string]templateFilter
	problems []templateProblem
	locals   []string
	roots    []templateRoot
	html     bool
	tooDeep  bool // reading stopped there

	part    *templatePart // that it makes
	partial func(name string) (part *templatePart, problem, hint string)
	guards  []string          // what conditions around the present place ask about
	aliases map[string]string // names that stand for a variable
	wants   []templateWant
	needed  []string // names that wants begin with
	free    []string // of a partial: names that it is given

	markup    markup          // at the present place
	starts    []templateStart // outputs with which an address may begin
	encoded   []string        // names that stand for what url_encode made
	addresses []string        // names that stand for an address whose beginning is written out
}

// templateRoot is a variable that an expression names, with the first property asked of it.
type templateRoot struct {
	name, property string
	line           int
}

// parse compiles the part. All problems that can be told apart are returned.
func (p *templateParser) parse(source string, limit int) []templateProblem {
	line := p.part.line
	if len(source) > limit {
		return []templateProblem{{line, fmt.Sprintf("it has %d bytes; the limit is %d", len(source), limit), "shorten it"}}
	}
	pieces, problems := scanTemplate(source, line)
	if len(problems) > 0 {
		return problems
	}
	p.pieces = pieces
	if p.part.link {
		p.markup = markup{state: inValue, quote: '\n', mode: linkPlace}
	}
	nodes, _ := p.block(nil)
	p.checkRoots()
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b templateProblem) int { return a.line - b.line })
		return p.problems[:min(len(p.problems), maxProblems)]
	}
	p.part.nodes, p.part.locals, p.part.html, p.part.size, p.part.starts = nodes, p.locals, p.html, len(source), p.starts
	for _, name := range p.free {
		want := templateWant{path: name}
		if slices.Contains(p.needed, name) {
			want.line = line
		}
		p.part.params = append(p.part.params, want)
	}
	p.part.wants = slices.DeleteFunc(p.wants, func(w templateWant) bool { return certain(w.path) })
	return nil
}

func (p *templateParser) problem(line int, message, hint string) {
	p.problems = append(p.problems, templateProblem{line, message, hint})
}

func (p *templateParser) quote(source string) string { return "“" + shorten(source) + "”" }

func (p *templateParser) local(name string) {
	if !slices.Contains(p.locals, name) {
		p.locals = append(p.locals, name)
	}
}

// checkRoots refuses variables that can never have a value.
func (p *templateParser) checkRoots() {
	known := []string{"customer", "event", "journey", "stage", "title", "public_url", "unsubscribe_url", "preferences_url", "referral_url", "start_code", "blank", "empty", "forloop"}
	shown := p.part.kind != layoutPart
	if !shown {
		known = append(known, "content", "subject")
	}
	for _, root := range p.roots {
		shown = shown || root.name == "content"
		switch {
		case slices.Contains(p.locals, root.name):
		case p.part.kind == partialPart && !slices.Contains(known, root.name):
			if !slices.Contains(p.free, root.name) {
				p.free = append(p.free, root.name)
			}
		case !slices.Contains(known, root.name):
			hint, begin := near(root.name, known), "a"
			if hint != "" {
				hint, begin = hint+" ", "A"
			}
			p.problem(root.line, fmt.Sprintf("there is no variable %q", root.name),
				hint+begin+fmt.Sprintf(" trait is written customer.traits.%s, a property of the event event.properties.%s", root.name, root.name))
		case root.name == "event" && root.property != "" && root.property != "name" && root.property != "properties" && root.property != "timestamp":
			p.problem(root.line, "an event has no "+root.property, fmt.Sprintf("write event.properties.%s, event.name or event.timestamp", root.property))
		}
	}
	if !shown {
		p.problem(p.part.line, "the layout has no place for the message", "write {{ content }} where it belongs")
	}
}

// block reads nodes up to one of the tags in until, which it returns; at the end of the template it returns nil.
func (p *templateParser) block(until []string) ([]templateNode, *templatePiece) {
	var nodes []templateNode
	for p.at < len(p.pieces) {
		piece := &p.pieces[p.at]
		p.at++
		switch piece.kind {
		case textPiece:
			p.html = p.html || containsMarkup(piece.text)
			nodes = p.texts(nodes, piece.text)
		case outputPiece:
			words, ok := p.words(piece.text, piece.line)
			if !ok {
				continue
			}
			if value := p.expression(piece.text, words, piece.line); value != nil {
				p.want(words, value, piece.line)
				node := &outputNode{value: value, line: piece.line}
				p.place(node, words)
				nodes = append(nodes, node)
			}
		case tagPiece:
			if slices.Contains(until, piece.name) {
				return nodes, piece
			}
			if node := p.tag(piece); node != nil {
				nodes = append(nodes, node)
			}
		}
	}
	return nodes, nil
}

// read compiles an expression that stands alone.
func (p *templateParser) read(source string, line int) *templateExpr {
	words, ok := p.words(source, line)
	if !ok {
		return nil
	}
	return p.expression(source, words, line)
}

func (p *templateParser) words(source string, line int) ([]templateWord, bool) {
	words, err := wordsOf(source)
	if err != nil {
		p.problem(line, p.quote(source)+" cannot be read: "+err.Error(), "")
		return nil, false
	}
	return words, true
}

// body reads a block's content up to its end tag or a clause. An unclosed block is reported at its start.
func (p *templateParser) body(start *templatePiece, until ...string) ([]templateNode, *templatePiece) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > MaxTemplateDepth {
		p.problem(start.line, fmt.Sprintf("blocks lie more than %d deep in each other", MaxTemplateDepth), "flatten them")
		p.at, p.tooDeep = len(p.pieces), true
		return nil, nil
	}
	nodes, end := p.block(until)
	if end == nil && !p.tooDeep {
		p.problem(start.line, "{% "+start.name+" %} is never closed", "write {% end"+start.name+" %} behind it")
	}
	return nodes, end
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// suggest names the nearest of the known words, or all of them.
func suggest(word string, known []string, what string) string {
	if hint := near(word, known); hint != "" {
		return hint
	}
	return "the " + what + " are " + strings.Join(known, ", ")
}

// near names the nearest of the known words; "" if none is near.
func near(word string, known []string) string {
	for _, candidate := range known {
		if nearlySame(strings.ToLower(word), candidate) {
			return "did you mean " + candidate + "?"
		}
	}
	return ""
}

// nearlySame reports whether two words differ by one letter added, dropped, changed or swapped with its neighbour.
func nearlySame(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || len(a) < 2 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	return i == len(a) || a[i+1:] == b[i+1:] ||
		i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
