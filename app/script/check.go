package script

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stagecraft/app/lifecycle"
)

// Severity says how bad a Problem is.
type Severity string

const (
	Bad     Severity = "error"   // it cannot be published, or does not do what it says
	Warning Severity = "warning" // it works, and is probably not what was meant
)

// Problem is one thing that Check found in a journey.
type Problem struct {
	File       string   `json:"file"`                  // relative to the scripts folder
	Line       int      `json:"line"`                  // 1-based
	Column     int      `json:"column,omitempty"`      // of the first letter it is about, 1-based, in characters; 0: the whole line
	EndColumn  int      `json:"end_column,omitempty"`  // behind the last one
	Severity   Severity `json:"severity"`              //
	Message    string   `json:"message"`               // what is wrong
	Hint       string   `json:"hint,omitempty"`        // what to write instead
	SourceLine string   `json:"source_line,omitempty"` // the line itself
}

// String shows a problem as a compiler does: the place and the sentence, the line, what it is about, the hint. Every part
// is a line of its own.
func (p Problem) String() string {
	place := p.File + ":" + strconv.Itoa(p.Line)
	if p.Column > 0 {
		place += ":" + strconv.Itoa(p.Column)
	}
	text := fmt.Sprintf("%s: %s: %s", place, p.Severity, p.Message)
	if p.SourceLine != "" {
		number := fmt.Sprintf("%5d", p.Line)
		text += "\n" + number + " | " + p.SourceLine
		if p.Column > 0 {
			text += "\n" + strings.Repeat(" ", len(number)) + " | " + indent(p.SourceLine, p.Column-1) + strings.Repeat("^", max(1, p.EndColumn-p.Column))
		}
	}
	if p.Hint != "" {
		text += "\n      = " + p.Hint
	}
	return text
}

// indent returns as much white space as the first characters of a line take, its tabs kept.
func indent(line string, characters int) string {
	var space strings.Builder
	for _, r := range line {
		if characters == 0 {
			break
		}
		if characters--; r == '\t' {
			space.WriteByte('\t')
		} else {
			space.WriteByte(' ')
		}
	}
	return space.String()
}

// Check says everything that can be known about a journey without running it, sorted by file, line and column: what
// keeps it from being published, what will not work, and what is probably not meant. The templates of messages are
// given to each of the functions, which know more about them.
func (h *Host) Check(src Source, templates ...func(lifecycle.Template) []*lifecycle.Error) []Problem {
	c := h.newCompiler(src)
	c.compile()
	review := newReview(c)
	for _, err := range c.errs {
		review.failed(err)
	}
	for _, template := range c.Templates {
		for _, look := range templates {
			for _, err := range look(template) {
				review.failed(err)
			}
		}
	}
	review.run()
	return review.sorted()
}

// sorted returns what was found, each thing once.
func (r *review) sorted() []Problem {
	slices.SortStableFunc(r.found, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		if c := strings.Compare(string(a.Severity), string(b.Severity)); c != 0 {
			return c
		}
		return cmp.Compare(min(len(b.Hint), 1), min(len(a.Hint), 1)) // those that say more come first
	})
	return slices.CompactFunc(r.found, func(a, b Problem) bool {
		return a.File == b.File && a.Line == b.Line && (a.Message == b.Message || a.Column == b.Column && a.Column > 0 && a.Severity == Bad && b.Severity == Bad)
	})
}
