package delivery

import (
	"strings"
	"unicode"

	"stagecraft/app/lifecycle"
)

const maxDataBytes = 4 << 10 // of one rendered value for a connector; longer ones are cut

// dataPart is a value for the connector.
type dataPart struct {
	name string
	url  bool // it is a link: outputs in it are escaped as such
	part *templatePart
}

// isLink reports whether a value for the connector is a link, by its name.
func isLink(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return name == "url" || name == "icon" || name == "image"
}

// renderData renders what the connector gets besides text. A value that comes out empty is left out.
func (r *templateRun) renderData(compiled *compiledTemplate) (map[string]string, error) {
	if len(compiled.data) == 0 {
		return nil, nil
	}
	data := make(map[string]string, len(compiled.data))
	for _, d := range compiled.data {
		if d.part == nil {
			continue
		}
		r.link = d.url
		text, err := r.render(d.part, false)
		r.link = false
		if err != nil {
			return nil, err
		}
		if text = oneLine(text, maxDataBytes); text != "" {
			data[d.name] = text
		}
	}
	return data, nil
}

// renderBody renders the body and the layouts around it. Of a mail that has a tag anywhere the result is HTML, of a letter it is
// Markdown.
func (r *templateRun) renderBody(t *lifecycle.Template, compiled *compiledTemplate, subject string) (text string, markup bool, err error) {
	mail := lifecycle.KindOf(t.Channel) == "email"
	markup = mail && compiled.html
	inner := mail && compiled.body.html // else the body is plain text, whatever lies around it
	r.marking, r.letter = inner, lifecycle.KindOf(t.Channel) == "letter"
	defer func() { r.letter = false }()
	if text, err = r.render(compiled.body, inner); err != nil {
		return "", false, err
	}
	for i, layout := range compiled.layouts {
		if i == 0 && markup && !inner {
			text = textToHTML(tidyText(text))
		}
		text = r.trim(text)
		r.content, r.subject = text, subject
		if markup || r.letter {
			r.content = templateSafe(text)
		}
		text, err = r.render(layout, markup)
		r.content = nil
		if err != nil {
			return "", false, err
		}
	}
	return text, markup, nil
}

// trim takes the line break off with which a file ends, which nobody means, and keeps where the outputs stand.
func (r *templateRun) trim(text string) string {
	start := len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
	r.inner = r.inner[:0]
	for _, h := range r.holes {
		r.inner = append(r.inner, hole{h.from - start, h.to - start})
	}
	return strings.TrimSpace(text)
}
