package delivery

import (
	"strings"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/values"
)

// Prices come as numbers from one program and as texts from another: "19.90" is what many shops send. A text that is a number
// is compared with a number as a number, as calculations take it; two texts are compared as texts.

func equalValues(a, b any) bool { return values.Equal(alike(a, b)) }

func lessValues(a, b any) bool { return values.Less(alike(a, b)) }

// alike makes a number of a text that is to be compared with one.
func alike(a, b any) (any, any) {
	a, b = values.ToLiquid(a), values.ToLiquid(b)
	if text, is := a.(string); is {
		return numberBeside(text, b), b
	}
	if text, is := b.(string); is {
		return a, numberBeside(text, a)
	}
	return a, b
}

func numberBeside(text string, other any) any {
	switch other.(type) {
	case int, int64, float64:
		if number := templateNumber(strings.TrimSpace(text)); isJSONNumber(string(number)) {
			return number.ToLiquid()
		}
	}
	return text
}

// The library asks the number in {{ total > 100 }} whether it is less than total, and numbers that are written out in a
// template know nothing of ours. So those that are compared are variables of their own, whose name says which number it is.

const numberVariable = "_number_"

// comparedNumbers returns the source of an expression with variables for the numbers that are compared in it.
func comparedNumbers(source string, words []templateWord) string {
	text, from := "", words[0].start
	for i, word := range words {
		if word.kind == numberWord && (i > 0 && compares(words[i-1]) || i+1 < len(words) && compares(words[i+1])) {
			text += source[from:word.start] + numberVariable + strings.Replace(word.text, ".", "_", 1)
			from = word.end
		}
	}
	return text + source[from:words[len(words)-1].end]
}

func compares(word templateWord) bool {
	return word.is("<") || word.is(">") || word.is("<=") || word.is(">=") || word.is("==") || word.is("!=")
}

// templateContext gives expressions their variables, and the numbers that are compared.
type templateContext struct {
	expressions.Context
	run *templateRun
}

// Get is what the library asks for a variable.
func (c templateContext) Get(name string) any {
	if text, is := strings.CutPrefix(name, numberVariable); is {
		number := templateNumber(strings.Replace(text, "_", ".", 1))
		return &templateValue{run: c.run, name: string(number), kind: plainKind, plain: number.ToLiquid()}
	}
	return c.Context.Get(name)
}
