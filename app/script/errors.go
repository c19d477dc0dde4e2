package script

import (
	"fmt"
	"slices"
	"strings"

	"stagecraft/app/lifecycle"
)

// Errors is everything that is wrong with a journey, by file and line.
type Errors []*lifecycle.Error

// Error returns one problem per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single problems.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, err := range e {
		list[i] = err
	}
	return list
}

func problem(file string, line int, hint, format string, args ...any) *lifecycle.Error {
	return &lifecycle.Error{Code: lifecycle.ScriptFailed, File: file, Line: line, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// sorted returns the problems by file and line, each once.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *lifecycle.Error) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return slices.CompactFunc(e, func(a, b *lifecycle.Error) bool {
		return a.File == b.File && a.Line == b.Line && a.Message == b.Message
	})
}
