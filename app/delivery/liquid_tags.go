package delivery

import (
	"fmt"
	"slices"
	"strings"
)

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
