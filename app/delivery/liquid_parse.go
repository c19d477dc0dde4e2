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
	known := []string{"customer", "event", "journey", "stage", "title", "public_url", "unsubscribe_url", "preferences_url", "referral_url", "blank", "empty", "forloop"}
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
			p.problem(root.line, fmt.Sprintf("there is no variable %q", root.name),
				fmt.Sprintf("a trait is written customer.traits.%s, a property of the event event.properties.%s", root.name, root.name))
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

// templateTags are the tags there are, for suggestions.
func templateTags() []string {
	return []string{"if", "unless", "case", "for", "assign", "capture", "cycle", "break", "continue", "comment", "raw", "render"}
}

func (p *templateParser) tag(piece *templatePiece) templateNode {
	switch piece.name {
	case "if", "unless":
		return p.ifTag(piece)
	case "case":
		return p.caseTag(piece)
	case "for":
		return p.forTag(piece)
	case "assign":
		return p.assignTag(piece)
	case "capture":
		return p.captureTag(piece)
	case "cycle":
		return p.cycleTag(piece)
	case "break", "continue":
		if p.loops == 0 {
			p.problem(piece.line, "{% "+piece.name+" %} stands outside a loop", "it works inside {% for %}")
			return nil
		}
		return jumpNode(piece.name)
	case "render":
		return p.renderTag(piece)
	case "include":
		p.problem(piece.line, "there is no tag include", "write {% render 'partials/footer' %} for messages/partials/footer.liquid")
	case "else", "elsif", "when", "endif", "endunless", "endcase", "endfor", "endcapture", "endraw", "endcomment":
		p.problem(piece.line, "{% "+piece.name+" %} has nothing to belong to", "look for the opening tag, or for one that is closed too early")
	case "":
		p.problem(piece.line, "{% %} is empty", "")
	default:
		if !strings.HasPrefix(piece.name, "#") { // an inline comment
			p.problem(piece.line, fmt.Sprintf("there is no tag %q", shorten(piece.name)), suggest(piece.name, templateTags(), "tags"))
		}
	}
	return nil
}

func (p *templateParser) ifTag(start *templatePiece) templateNode {
	node := &ifNode{line: start.line}
	defer func(n int) { p.guards = p.guards[:n] }(len(p.guards))
	p.guard(start.text)
	condition, negate := p.read(start.text, start.line), start.name == "unless"
	closing := "end" + start.name
	before, behind, otherwise := p.markup, []markup(nil), false
	defer func() { p.markup = joined(before, behind, otherwise) }()
	for head := start; ; {
		clauses := []string{closing, "else", "elsif"}
		if head.name == "else" {
			clauses = []string{closing}
		}
		otherwise = head.name == "else"
		p.markup = before
		nodes, end := p.body(start, clauses...)
		behind = append(behind, p.markup)
		node.branches = append(node.branches, ifBranch{condition, negate, nodes})
		if end == nil || end.name == closing {
			return node
		}
		condition, negate = nil, false
		if end.name == "elsif" {
			p.guard(end.text)
			condition = p.read(end.text, end.line)
		} else if end.text != "" {
			p.problem(end.line, "else takes no condition", "write elsif")
		}
		head = end
	}
}

func (p *templateParser) caseTag(start *templatePiece) templateNode {
	node := &caseNode{value: p.read(start.text, start.line), line: start.line}
	defer func(n int) { p.guards = p.guards[:n] }(len(p.guards))
	p.guard(start.text)
	_, end := p.body(start, "when", "else", "endcase")
	before, behind, otherwise := p.markup, []markup(nil), false
	defer func() { p.markup = joined(before, behind, otherwise) }()
	for end != nil && end.name != "endcase" {
		branch, clauses := caseBranch{}, []string{"when", "else", "endcase"}
		if end.name == "when" {
			words, ok := p.words(end.text, end.line)
			for _, part := range cutOr(words) {
				if value := p.value(end.text, part, end.line); ok && value != nil {
					branch.values = append(branch.values, value)
				}
			}
		} else {
			branch.otherwise, clauses, otherwise = true, []string{"endcase"}, true
		}
		p.markup = before
		branch.nodes, end = p.body(start, clauses...)
		behind = append(behind, p.markup)
		node.branches = append(node.branches, branch)
	}
	return node
}

// cutOr splits at commas and at the word or.
func cutOr(words []templateWord) [][]templateWord {
	var parts [][]templateWord
	for _, part := range cut(words, ",") {
		start := 0
		for i, word := range part {
			if word.kind == identWord && word.text == "or" {
				parts = append(parts, part[start:i])
				start = i + 1
			}
		}
		parts = append(parts, part[start:])
	}
	return parts
}

func (p *templateParser) forTag(start *templatePiece) templateNode {
	node := &forNode{line: start.line}
	defer func(n int) { p.guards = p.guards[:n] }(len(p.guards))
	p.guard(start.text)
	words, ok := p.words(start.text, start.line)
	switch {
	case !ok:
	case len(words) < 3 || words[0].kind != identWord || words[1].kind != identWord || words[1].text != "in":
		p.problem(start.line, p.quote("for "+start.text)+" cannot be read", "write {% for item in event.properties.items limit: 20 %}")
	default:
		node.name = words[0].text
		p.local(node.name)
		words = words[2:]
		list := len(words)
		for i, word := range words {
			option := word.kind == identWord && i > 0 && (words[i-1].kind != signWord || words[i-1].is(")") || words[i-1].is("]")) &&
				(word.text == "reversed" || i+1 < len(words) && words[i+1].is(":") && (word.text == "limit" || word.text == "offset"))
			if option {
				list = i
				break
			}
		}
		node.list = p.expression(start.text, words[:list], start.line)
		p.forOptions(node, start, words[list:])
	}
	p.loops++
	before := p.markup
	nodes, end := p.body(start, "else", "endfor")
	p.loops--
	node.nodes = nodes
	behind := p.markup
	p.markup = before
	if end != nil && end.name == "else" {
		node.otherwise, _ = p.body(start, "endfor")
	}
	p.markup = p.markup.join(behind)
	return node
}

func (p *templateParser) forOptions(node *forNode, start *templatePiece, words []templateWord) {
	for len(words) > 0 {
		word := words[0]
		if word.is(",") {
			words = words[1:]
			continue
		}
		if word.kind == identWord && word.text == "reversed" {
			node.reversed, words = true, words[1:]
			continue
		}
		if word.kind != identWord || word.text != "limit" && word.text != "offset" || len(words) < 3 || !words[1].is(":") {
			p.problem(start.line, fmt.Sprintf("a loop does not know %q", shorten(word.text)), "it knows reversed, limit: 20 and offset: 3")
			return
		}
		end := 3
		for end < len(words) && (words[end].kind == propertyWord || words[end].is("[") || words[end-1].is("[") || words[end].is("]")) {
			end++
		}
		value := p.value(start.text, words[2:end], start.line)
		if word.text == "limit" {
			node.limit = value
		} else {
			node.offset = value
		}
		words = words[end:]
	}
}

func (p *templateParser) assignTag(piece *templatePiece) templateNode {
	name, source, found := strings.Cut(piece.text, "=")
	name = strings.TrimSpace(name)
	if words, err := wordsOf(name); !found || err != nil || len(words) != 1 || words[0].kind != identWord || reserved(name) {
		p.problem(piece.line, p.quote("assign "+piece.text)+" cannot be read", "write {% assign name = value %}; the name is one word that is not taken")
		return nil
	}
	p.local(name)
	words, ok := p.words(source, piece.line)
	if !ok {
		return nil
	}
	value := p.expression(source, words, piece.line)
	if value == nil {
		return nil
	}
	if path, _ := pathOf(words); path != "" && !slices.ContainsFunc(value.filters, func(f templateFilterCall) bool { return f.name == "default" }) {
		if p.aliases == nil {
			p.aliases = map[string]string{}
		}
		p.aliases[name] = path
	} else {
		delete(p.aliases, name)
	}
	p.noteAddress(name, len(words) > 0 && words[0].kind == stringWord && startsAddress(words[0].text))
	if slices.ContainsFunc(value.filters, func(f templateFilterCall) bool { return f.name == "url_encode" }) {
		p.encoded = append(p.encoded, name)
	}
	return &assignNode{name, value, piece.line}
}

func (p *templateParser) captureTag(start *templatePiece) templateNode {
	name := strings.Trim(start.text, `"'`)
	if words, err := wordsOf(name); err != nil || len(words) != 1 || words[0].kind != identWord || reserved(name) {
		p.problem(start.line, p.quote("capture "+start.text)+" cannot be read", "write {% capture name %}; the name is one word that is not taken")
	}
	p.local(name)
	link := p.at < len(p.pieces) && p.pieces[p.at].kind == textPiece && startsAddress(p.pieces[p.at].text)
	p.noteAddress(name, link)
	outer := p.markup
	if p.markup = (markup{}); link {
		p.markup = markup{state: inValue, alone: true, mode: linkPlace}
	}
	nodes, _ := p.body(start, "endcapture")
	p.markup = outer
	return &captureNode{name, nodes, link}
}

// reserved are words that cannot name a variable of the template's own.
func reserved(name string) bool {
	return slices.Contains([]string{"customer", "event", "forloop", "blank", "empty", "true", "false", "nil", "and", "or", "in", "contains"}, name)
}

func (p *templateParser) cycleTag(piece *templatePiece) templateNode {
	words, ok := p.words(piece.text, piece.line)
	if !ok {
		return nil
	}
	node := &cycleNode{group: piece.text}
	if len(words) > 2 && words[0].kind == stringWord && words[1].is(":") {
		node.group, words = words[0].text, words[2:]
	}
	for _, part := range cut(words, ",") {
		if len(part) != 1 || part[0].kind != stringWord {
			p.problem(piece.line, p.quote("cycle "+piece.text)+" cannot be read", `write {% cycle "odd", "even" %}`)
			return nil
		}
		node.texts = append(node.texts, part[0].text)
	}
	if p.loops == 0 {
		p.problem(piece.line, "{% cycle %} stands outside a loop", "it works inside {% for %}")
	}
	return node
}

// containsMarkup reports whether text has an HTML tag, a comment or a doctype.
func containsMarkup(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		if c := text[i+1]; text[i] == '<' && (c|0x20 >= 'a' && c|0x20 <= 'z' || c == '/' || c == '!') {
			return true
		}
	}
	return false
}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// suggest names the nearest of the known words, or all of them.
func suggest(word string, known []string, what string) string {
	for _, candidate := range known {
		if nearlySame(strings.ToLower(word), candidate) {
			return "did you mean " + candidate + "?"
		}
	}
	return "the " + what + " are " + strings.Join(known, ", ")
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
