package delivery

import (
	"errors"

	"stagecraft/app/lifecycle"
)

// withOptions puts the subject and the preheader that a send names itself into a template. They are not cached: a
// script may word them anew for every customer.
func (r *Renderer) withOptions(t *lifecycle.Template, compiled *compiledTemplate, options map[string]string) (*compiledTemplate, []*lifecycle.Error) {
	if len(options) == 0 {
		return compiled, nil
	}
	changed := *compiled
	var problems []*lifecycle.Error
	for _, field := range []struct {
		name string
		part **templatePart
	}{{"subject", &changed.subject}, {"preheader", &changed.preheader}} {
		if text, ok := options[field.name]; ok {
			c := &templateCompiler{filters: r.filters, files: t.Partials, partials: map[string]*templatePart{}}
			*field.part = c.part(&templatePart{title: "message " + t.Name, file: t.File, line: 1, field: field.name}, text, maxTagBytes)
			problems = append(problems, c.problems...)
		}
	}
	return &changed, problems
}

// atSend lets an error in a subject or preheader that the send names itself say where the send stands.
func atSend(m *lifecycle.Message, err error) error {
	var found *lifecycle.Error
	if !errors.As(err, &found) || m.Options[found.Field] == "" {
		return err
	}
	moved := *found // a template's own errors are kept for the next time
	moved.File, moved.Line = m.File, m.Line
	return &moved
}
