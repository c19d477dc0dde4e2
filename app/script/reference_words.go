package script

import "strings"

// Word is one entry of the language's reference, as editors complete it.
type Word struct {
	Name      string `json:"name"`      // "send"; of a field "customer.score"
	Kind      string `json:"kind"`      // word or field
	Signature string `json:"signature"` // as people write it; of a field its type
	Doc       string `json:"doc"`       // what it does, then the other ways to write it
}

// Reference lists every word that scripts know, and the fields of a handler's customer and event.
func Reference() []Word {
	var list []Word
	for _, w := range words {
		doc := sentence(strings.ReplaceAll(w.doc, "`", ""))
		if len(w.forms) > 1 {
			doc += "\n" + strings.Join(w.forms[1:], "\n")
		}
		list = append(list, Word{w.name, "word", w.forms[0], doc})
	}
	for _, of := range []struct {
		name   string
		fields []field
	}{{"customer", customerFields}, {"event", eventFields}} {
		for _, f := range of.fields {
			list = append(list, Word{of.name + "." + f.bare(), "field", f.kind, sentence(strings.ReplaceAll(f.doc, "`", ""))})
		}
	}
	return list
}
