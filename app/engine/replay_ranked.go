package engine

import (
	"bytes"
	"strings"

	"stagecraft/app/script"
)

// ranked reports whether a segment may ask for a rank, itself or by a helper.
func ranked(source script.Source, segment *script.Segment) bool {
	own := source.Files[segment.Name+".lua"]
	if asksRank(own) {
		return true
	}
	for path, text := range source.Files {
		if strings.Contains(path, "/") && asksRank(text) && bytes.Contains(own, []byte("use")) {
			return true
		}
	}
	return false
}

// asksRank reports whether a script may ask for a rank among all customers. What somebody has bought themselves is known from
// their events: that is what rfm is asked for if all that is written behind it are these names, each with a value.
func asksRank(text []byte) bool {
	for {
		_, behind, more := bytes.Cut(text, []byte(script.AskRFM))
		if !more {
			return false
		}
		text = behind
		open := bytes.IndexByte(behind, '{')
		if open < 0 || len(bytes.Trim(behind[:open], " \t\r\n(")) > 0 {
			return true
		}
		table := behind[open+1:]
		end := bytes.IndexAny(table, "{}[-") // a table within, a name that is worked out, a comment
		if end < 0 || table[end] != '}' {
			return true
		}
		for _, part := range bytes.FieldsFunc(table[:end], func(r rune) bool { return r == ',' || r == ';' }) {
			name, _, said := bytes.Cut(part, []byte("="))
			switch name := string(bytes.TrimSpace(name)); {
			case said && (name == "recency" || name == "frequency" || name == "monetary"):
			case name != "": // also a value with a comma in it
				return true
			}
		}
	}
}
