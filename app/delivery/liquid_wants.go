package delivery

import (
	"slices"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
)

// templateWant is a variable whose absence stops the message: it is printed without a default, and nothing around it asks
// whether it is there. Of a partial's parameters, a line of 0 says that it does very well without.
type templateWant struct {
	path string // canonical: customer.traits.plan is customer.plan
	line int
	by   string // the partial that prints it, if it is one that is rendered there
}

// CheckVariables finds what may stop a message for some customer: variables that are printed without a default where
// nothing asks whether they are there. Such a template can be published: a message without its variable shows as failed.
func CheckVariables(t lifecycle.Template) []*lifecycle.Error {
	return MissingVariables(t, func(string) bool { return false })
}

// MissingVariables is CheckVariables but for variables that are known to be there, by their names such as customer.plan.
func MissingVariables(t lifecycle.Template, there func(variable string) bool) []*lifecycle.Error {
	compiled, problems := compileTemplate(&t, templateFilters())
	if len(problems) > 0 {
		return nil // which CheckTemplate tells
	}
	for _, part := range append(compiled.written(), compiled.partials...) {
		if part == nil {
			continue
		}
		for _, want := range part.wants {
			if lifecycle.KindOf(t.Channel) == "email" && want.path == "customer.email" {
				continue // without one there is nowhere to send it
			}
			if there(want.path) || want.path == unsubscribeVariable || ownedByMessage(want.path) && part.kind == partialPart {
				continue
			}
			if want.path == referralVariable {
				problems = append(problems, want.error(part, "is there only with --referral-url, and a message without it is not sent", ""))
				continue
			}
			line := want.line
			if part.field != "" {
				line = part.line
			}
			problems = append(problems, templateError(part, line, &templateFault{
				"not everybody has " + want.path + ", and a message without it is not sent",
				"write {{ " + want.path + ` | default: "…" }}, or {% if ` + want.path + " %} around it", lifecycle.ScriptFailed,
			}))
		}
	}
	return problems[:min(len(problems), maxProblems)]
}

// Links that not every message has. Whether one misses them is told where it is asked for: a partial is asked for it by what
// renders it.
const (
	unsubscribeVariable = "unsubscribe_url"
	referralVariable    = "referral_url"
)

func ownedByMessage(path string) bool { return path == unsubscribeVariable || path == referralVariable }

// checkUnsubscribe refuses a transactional message that prints the link to unsubscribe where nothing asks for it: what
// somebody is owed has none, so that it would reach nobody.
func checkUnsubscribe(t *lifecycle.Template, compiled *compiledTemplate) (problems []*lifecycle.Error) {
	if t.Front["kind"] != string(lifecycle.Transactional) {
		return nil
	}
	for _, part := range compiled.written() {
		if part == nil {
			continue
		}
		for _, want := range part.wants {
			if want.path == unsubscribeVariable {
				problems = append(problems, want.error(part, "is there in marketing only, and message "+t.Name+" is transactional: it would never be sent",
					", or link to {{ preferences_url }}, which every message has"))
			}
		}
	}
	return problems[:min(len(problems), maxProblems)]
}

// error says why a link is missing that is printed.
func (w templateWant) error(part *templatePart, why, besides string) *lifecycle.Error {
	line, what := w.line, w.path
	if part.field != "" {
		line = part.line
	}
	if w.by != "" {
		what += ", which " + w.by + " prints,"
	}
	return templateError(part, line, &templateFault{what + " " + why, "write {% if " + w.path + " %} around it" + besides, lifecycle.ScriptFailed})
}

// want notes a variable that is printed, unless a default or a question around it makes its absence harmless.
func (p *templateParser) want(words []templateWord, value *templateExpr, line int) {
	path, root := pathOf(words)
	if path == "" || value != nil && slices.ContainsFunc(value.filters, func(f templateFilterCall) bool { return f.name == "default" }) || p.asked(path) {
		return
	}
	if alias, is := p.aliases[path]; is {
		if path, root = alias, strings.SplitN(alias, ".", 2)[0]; p.asked(path) {
			return
		}
	}
	p.wants = append(p.wants, templateWant{path: path, line: line})
	p.wanted(root)
}

// wantOf notes the links that a partial prints, unless a question around its place makes their absence harmless.
func (p *templateParser) wantOf(part *templatePart, line int) {
	for _, want := range part.wants {
		if ownedByMessage(want.path) && !p.asked(want.path) {
			p.wants = append(p.wants, templateWant{want.path, line, part.title})
		}
	}
}

// wanted keeps the names without which a partial cannot be rendered.
func (p *templateParser) wanted(root string) {
	if !slices.Contains(p.needed, root) {
		p.needed = append(p.needed, root)
	}
}

// asked reports whether a condition around the present place names the variable, or what it is in.
func (p *templateParser) asked(path string) bool {
	return slices.ContainsFunc(p.guards, func(guard string) bool {
		rest, within := strings.CutPrefix(path, guard)
		if within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
		rest, within = strings.CutPrefix(guard, path)
		return within && (rest[0] == '.' || rest[0] == '[')
	})
}

// guard notes what a condition asks about, for as long as the block lasts. Which way it was asked is not looked at: whoever
// asks has thought of it.
func (p *templateParser) guard(source string) {
	words, err := wordsOf(source)
	if err != nil {
		return
	}
	for len(words) > 0 {
		n := pathWords(words)
		if path, _ := pathOf(words[:n]); path != "" {
			p.guards = append(p.guards, path)
			if alias, is := p.aliases[path]; is {
				p.guards = append(p.guards, alias)
			}
		}
		words = words[max(n, 1):]
	}
}

// pathWords returns how many words at the beginning are one variable with its properties.
func pathWords(words []templateWord) int {
	if len(words) == 0 || words[0].kind != identWord {
		return 0
	}
	n := 1
	for n < len(words) {
		switch {
		case words[n].kind == propertyWord:
			n++
		case words[n].is("[") && n+2 < len(words) && words[n+2].is("]"):
			n += 3
		default:
			return n
		}
	}
	return n
}

// pathOf writes a variable in one way only, and returns its first name. It is "" for what is no variable, or is looked up
// by another one.
func pathOf(words []templateWord) (path, root string) {
	if n := pathWords(words); n == 0 || n < len(words) && !words[n].is("|") {
		return "", ""
	} else {
		words = words[:n]
	}
	root = words[0].text
	path = root
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case word.is("["):
			switch key := words[i+1]; key.kind {
			case stringWord:
				if named, err := wordsOf(key.text); err == nil && len(named) == 1 && named[0].kind == identWord {
					path += "." + key.text
				} else {
					path += "[" + strconv.Quote(key.text) + "]"
				}
			case numberWord:
				path += "[" + key.text + "]"
			default:
				return "", ""
			}
			i += 2
		case root == "customer" && i == 1 && word.text == "traits" && len(words) > 2:
		default:
			path += "." + word.text
		}
	}
	return path, root
}

// certain reports whether a variable is there for everybody, or is a set of values, which is a fault of another kind.
func certain(path string) bool {
	return path == "customer" || path == "customer.id" || path == "customer.traits" ||
		!ownedByMessage(path) && !strings.HasPrefix(path, "customer.") && !strings.HasPrefix(path, "customer[") &&
			!strings.HasPrefix(path, "event.properties.") && !strings.HasPrefix(path, "event.properties[")
}
