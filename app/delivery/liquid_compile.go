package delivery

import (
	"errors"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// maxPartialDepth is how deep partials may render each other.
const maxPartialDepth = 8

// compiledTemplate is a template ready to run.
type compiledTemplate struct {
	subject, preheader, body *templatePart   // the first two may be nil
	layouts                  []*templatePart // around the body, the innermost first
	data                     []dataPart      // for the connector, in the order of their names
	html                     bool            // the body or a layout contains a tag
	partials                 []*templatePart // all that are rendered
	texts                    *textPatterns   // of the mails made of it
	hosts                    []string        // that links may lead to; none: all
}

// templateCompiler compiles the parts of one template. A partial is compiled once, however often it is rendered.
type templateCompiler struct {
	filters  map[string]templateFilter
	files    map[string]*lifecycle.Template // partials, by name
	partials map[string]*templatePart       // compiled; nil: broken, or being compiled
	open     []string                       // those being compiled, each rendered by the one before
	problems []*lifecycle.Error
}

// compileTemplate compiles all parts of a template, or returns what is wrong with them.
func compileTemplate(t *lifecycle.Template, filters map[string]templateFilter) (*compiledTemplate, []*lifecycle.Error) {
	c := &templateCompiler{filters: filters, files: t.Partials, partials: map[string]*templatePart{}}
	compiled := &compiledTemplate{texts: &textPatterns{}, hosts: hostsOf(t)}
	front := func(field, source string) *templatePart {
		if source == "" {
			return nil
		}
		return c.part(&templatePart{kind: messagePart, title: "message " + t.Name, file: t.File, line: max(t.Lines[field], 1), field: field, link: t.Data[field] != "" && isLink(field)}, source, maxTagBytes)
	}
	compiled.subject, compiled.preheader = front("subject", t.Front["subject"]), front("preheader", t.Front["preheader"])
	for _, name := range keysOf(t.Data) {
		compiled.data = append(compiled.data, dataPart{name: name, url: isLink(name), part: front(name, t.Data[name])})
	}
	compiled.body = c.part(&templatePart{kind: messagePart, title: "message " + t.Name, file: t.File, line: max(t.Line, 1)}, t.Body, MaxTemplateBytes)
	for _, layout := range t.Layouts {
		part := &templatePart{kind: layoutPart, title: "layout " + layout.Name, file: layout.File, line: max(layout.Line, 1)}
		compiled.layouts = append(compiled.layouts, c.part(part, layout.Body, MaxTemplateBytes))
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	compiled.html = compiled.body.html || slices.ContainsFunc(compiled.layouts, func(p *templatePart) bool { return p.html })
	for _, name := range keysOf(c.partials) {
		compiled.partials = append(compiled.partials, c.partials[name])
	}
	return compiled, nil
}

// written are the parts of the message itself, some of them nil: all but the partials.
func (c *compiledTemplate) written() []*templatePart {
	parts := append([]*templatePart{c.subject, c.preheader, c.body}, c.layouts...)
	for _, d := range c.data {
		parts = append(parts, d.part)
	}
	return parts
}

// part compiles a part, of which is known where it stands. It is nil if something is wrong, which problems then says.
func (c *templateCompiler) part(part *templatePart, source string, limit int) (compiled *templatePart) {
	report := func(p templateProblem) {
		at := p.line
		if part.field != "" {
			at = part.line
		}
		c.problems = append(c.problems, templateError(part, at, &templateFault{p.message, p.hint, lifecycle.ScriptFailed}))
	}
	defer func() {
		if failure := recover(); failure != nil {
			compiled = nil
			report(templateProblem{part.line, "its Liquid cannot be read", "simplify it"})
		}
	}()
	p := &templateParser{filters: c.filters, part: part, partial: c.partial}
	found := p.parse(source, limit)
	for _, problem := range found {
		report(problem)
	}
	if len(found) > 0 {
		return nil
	}
	return part
}

// partial compiles a partial, or says what is wrong with rendering it. One whose own text is broken is nil without a word:
// that is reported where it stands.
func (c *templateCompiler) partial(name string) (part *templatePart, problem, hint string) {
	file := c.files[name]
	switch known, done := c.partials[name]; {
	case file == nil:
		if len(c.files) == 0 {
			return nil, "there is no " + shorten(name), "add messages/" + shorten(name) + ".liquid"
		}
		return nil, "there is no " + shorten(name), suggest(name, keysOf(c.files), "partials")
	case slices.Contains(c.open, name):
		return nil, name + " renders itself", "a partial cannot contain itself"
	case done:
		return known, "", ""
	}
	c.partials[name] = nil
	c.open = append(c.open, name)
	part = c.part(&templatePart{kind: partialPart, title: name, file: file.File, line: max(file.Line, 1)}, file.Body, MaxTemplateBytes)
	c.open = c.open[:len(c.open)-1]
	if part != nil && part.depth > maxPartialDepth {
		return nil, "partials render each other more than 8 deep", "take one of them apart"
	}
	c.partials[name] = part
	return part, "", ""
}

// renderError makes an error of a rendering one for people.
func renderError(part *templatePart, line int, err error) *lifecycle.Error {
	if line < 1 || part.field != "" {
		line = part.line
	}
	var fault *templateFault
	if !errors.As(err, &fault) {
		fault = &templateFault{err.Error(), "", lifecycle.ScriptFailed}
	}
	return templateError(part, line, fault)
}

func templateError(part *templatePart, line int, fault *templateFault) *lifecycle.Error {
	sentence := part.title + ": "
	if part.field != "" {
		sentence += "in the " + part.field + ": "
	}
	return &lifecycle.Error{
		Code: fault.code, Message: strings.ToValidUTF8(sentence+fault.message, "\uFFFD"), Field: part.field,
		File: part.file, Line: line, Hint: fault.hint,
	}
}
