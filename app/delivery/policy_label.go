package delivery

import (
	"strings"

	"stagecraft/app/lifecycle"
)

// label puts what the law wants in front of a message that advertises: before the subject of a mail, before the text
// elsewhere. One that its author has put there already is not put there twice, nor beside the other that says the same.
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
	start := strings.ToUpper(strings.TrimSpace(*text))
	for _, put := range append(sameLabels[label], label) {
		if strings.HasPrefix(start, strings.ToUpper(put)) {
			return
		}
	}
	*text = label + " " + *text
}

// sameLabels are the labels that the law takes in place of another one: Decree 91/2020 names [QC], quảng cáo, and [AD].
var sameLabels = map[string][]string{"[QC]": {"[AD]"}}
