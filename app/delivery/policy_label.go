package delivery

import (
	"strings"

	"stagecraft/app/lifecycle"
)

// label puts what the law wants in front of a message that advertises: before the subject of a mail, before the text
// elsewhere. One that its author has put there already is not put there twice.
func (p *Policy) label(rendered *lifecycle.Rendered, m *lifecycle.Message) {
	kind := lifecycle.KindOf(m.Channel)
	label := p.Labels[kind]
	if label == "" || m.Kind != lifecycle.Marketing {
		return
	}
	text := &rendered.Text
	if kind == "email" {
		text = &rendered.Subject
	}
	if start := strings.TrimSpace(*text); len(start) < len(label) || !strings.EqualFold(start[:len(label)], label) {
		*text = label + " " + *text
	}
}
