package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/osteele/liquid/expressions"
)

// renderTag reads {% render 'partials/button', label: "Buy", url: customer.cart_url %}. The name is plain text, so that
// everything that a message contains is known before it runs.
func (p *templateParser) renderTag(piece *templatePiece) templateNode {
	words, ok := p.words(piece.text, piece.line)
	if !ok {
		return nil
	}
	if len(words) == 0 || words[0].kind != stringWord || !strings.HasPrefix(words[0].text, "partials/") {
		p.problem(piece.line, "render needs the name of a partial as plain text", "write {% render 'partials/footer' %} for messages/partials/footer.liquid")
		return nil
	}
	node, name := &renderNode{line: piece.line}, words[0].text
	var given []string
	values := map[string][]templateWord{}
	if words = words[1:]; len(words) > 0 && words[0].is(",") {
		words = words[1:]
	}
	for _, part := range cut(words, ",") {
		if len(words) == 0 {
			break
		}
		if len(part) < 3 || part[0].kind != identWord || !part[1].is(":") || reserved(part[0].text) {
			p.problem(piece.line, p.quote("render "+piece.text)+" cannot be read", "write {% render '"+shorten(name)+"', label: value, url: value %}; the names are single words that are not taken")
			return nil
		}
		value := p.value(piece.text, part[2:], piece.line)
		if value == nil {
			return nil
		}
		given, values[part[0].text] = append(given, part[0].text), part[2:]
		node.args = append(node.args, renderArg{part[0].text, value})
	}
	part, problem, hint := p.partial(name)
	if problem != "" {
		p.problem(piece.line, problem, hint)
	}
	if part == nil {
		return nil
	}
	for _, want := range part.params {
		switch words, is := values[want.path]; {
		case is && want.line > 0:
			p.want(words, nil, piece.line)
		case !is && want.line > 0:
			p.problem(piece.line, fmt.Sprintf("%s wants a variable %q", name, want.path),
				fmt.Sprintf("write {%% render '%s', %s %%}", name, strings.Join(append(slices.Clone(given), want.path+": …"), ", ")))
		}
	}
	p.wantOf(part, piece.line)
	for _, inner := range part.starts {
		if words, is := values[inner.root]; is && !p.known(words) {
			root, _, _ := strings.Cut(words[0].text, ".")
			p.starts = append(p.starts, templateStart{inner.source, root, piece.line})
		}
	}
	p.markup.output()
	node.part = part
	p.html = p.html || part.html
	p.part.depth = max(p.part.depth, part.depth+1)
	return node
}

// renderNode puts a partial in its place. It sees customer, event and the like, what it is given, and nothing else.
type renderNode struct {
	part *templatePart
	args []renderArg
	line int
}

type renderArg struct {
	name  string
	value expressions.Expression
}

func (n *renderNode) render(r *templateRun) error {
	r.line = n.line
	values := make([]any, len(n.args))
	for i, arg := range n.args {
		value, err := r.value(arg.value)
		if err != nil {
			return err
		}
		values[i] = value
	}
	if err := r.spend(8 + len(r.vars)); err != nil {
		return err
	}
	outer, caller := maps.Clone(r.vars), r.part
	clear(r.vars)
	r.bindRoots()
	r.bindMissing(n.part)
	for i, arg := range n.args {
		r.bind(arg.name, values[i])
	}
	r.part = n.part
	place, from := r.place, r.placeFrom // where it stands, its outputs stand
	if err := r.all(n.part.nodes); err != nil {
		return err // which names the place: nothing is rendered after it
	}
	clear(r.vars)
	maps.Copy(r.vars, outer)
	r.part, r.line, r.place, r.placeFrom = caller, n.line, place, from
	return nil
}
