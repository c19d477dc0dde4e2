package delivery

import (
	"slices"
	"strings"
)

// edit is a piece of a text, from one place to another, and what stands there instead.
type edit struct {
	from, to int
	text     string
}

// insertEdit adds an edit that puts something before a place of a source, or at its end if something else stands at that
// place. Edits are in the order of their places and do not overlap.
func insertEdit(edits []edit, source string, at int, text string) []edit {
	i := len(edits)
	for i > 0 && edits[i-1].from >= at {
		i--
	}
	if i > 0 && edits[i-1].to > at {
		i, at = len(edits), len(source)
	}
	return slices.Insert(edits, i, edit{at, at, text})
}

// edited returns a text with its edits made, in one piece of memory.
func edited(source string, edits []edit) string {
	if len(edits) == 0 {
		return source
	}
	size := len(source)
	for _, e := range edits {
		size += len(e.text) - (e.to - e.from)
	}
	var out strings.Builder
	out.Grow(size)
	done := 0
	for _, e := range edits {
		out.WriteString(source[done:e.from])
		out.WriteString(e.text)
		done = e.to
	}
	out.WriteString(source[done:])
	return out.String()
}
