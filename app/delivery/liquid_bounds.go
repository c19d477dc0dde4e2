package delivery

import (
	"strconv"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/values"

	"stagecraft/app/lifecycle"
)

// Limits of one template and of one rendering. They bound what a slip in a template, or a surprise in a customer's
// data, can cost everyone else.
const (
	MaxTemplateBytes  = 256 << 10 // of a body; a subject or preheader may have 4 KB
	MaxTemplateOutput = 256 << 10 // bytes of one rendered part
	MaxRange          = 1000      // numbers in (1..n)
	MaxIterations     = 10_000    // rounds of all loops of a rendering together
	MaxTemplateDepth  = 32        // blocks inside blocks, brackets inside brackets

	maxTemplateSteps = 200_000 // pieces rendered plus data looked through, the budget in place of a clock
	maxTagBytes      = 4 << 10 // one {{ … }} or {% … %}
	maxTemplateList  = 10_000  // entries of a list that a filter takes or returns
	maxProblems      = 20      // what CheckTemplate reports of one template
	bytesPerStep     = 64      // looking through this much text or JSON costs one step
)

// templateFault is what stops a rendering: a sentence and what to write instead.
type templateFault struct {
	message string
	hint    string
	code    lifecycle.Code
}

func (f *templateFault) Error() string { return f.message }

func faultf(message, hint string) *templateFault {
	return &templateFault{message: message, hint: hint, code: lifecycle.ScriptFailed}
}

func tooLarge(message, hint string) *templateFault {
	return &templateFault{message: message, hint: hint, code: lifecycle.TooLarge}
}

// spend takes steps from the budget.
func (r *templateRun) spend(steps int) error {
	r.steps += steps
	if steps < 0 || r.steps > maxTemplateSteps {
		return tooLarge("the template takes too many steps", "use fewer or smaller loops and filters")
	}
	return nil
}

// mustSpend is spend for places that the library calls, where an error can only travel as its panic.
func (r *templateRun) mustSpend(steps int) {
	if err := r.spend(steps); err != nil {
		r.stop(err)
	}
}

// stop ends the evaluation of an expression. The library turns this kind of panic into an error; evaluate then finds
// the real reason in fault.
func (r *templateRun) stop(err error) {
	r.fault = err
	panic(expressions.InterpreterError(err.Error()))
}

// round counts one round of a loop.
func (r *templateRun) round() error {
	r.rounds++
	if r.rounds > MaxIterations {
		return tooLarge("the loops take more than "+strconv.Itoa(MaxIterations)+" rounds together", "give them a limit: {% for item in list limit: 20 %}")
	}
	return nil
}

// write appends text to the output, which is bounded.
func (r *templateRun) write(text string) error {
	if len(r.out)+len(text) > MaxTemplateOutput {
		return errOutputTooLarge()
	}
	r.out = append(r.out, text...)
	return nil
}

// writeEscaped appends text with the five characters that mean something in HTML written as entities.
func (r *templateRun) writeEscaped(text string) error {
	start := 0
	for i := 0; i < len(text); i++ {
		entity := htmlEntity(text[i])
		if entity == "" {
			continue
		}
		if err := r.write(text[start:i]); err != nil {
			return err
		}
		if err := r.write(entity); err != nil {
			return err
		}
		start = i + 1
	}
	return r.write(text[start:])
}

func errOutputTooLarge() error {
	return tooLarge("the message is longer than "+strconv.Itoa(MaxTemplateOutput>>10)+" KB", "shorten it, or give its loops a limit")
}

func htmlEntity(b byte) string {
	switch b {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '"':
		return "&#34;"
	case '\'':
		return "&#39;"
	}
	return ""
}

// rangeEntries returns the numbers of a range, or an error if there are too many.
func rangeEntries(r values.Range) ([]any, error) {
	if r.Len() > MaxRange {
		return nil, tooLarge("a range has more than "+strconv.Itoa(MaxRange)+" numbers", "make it smaller")
	}
	entries := make([]any, 0, max(r.Len(), 0))
	for i := range r.Len() {
		entries = append(entries, r.Index(i))
	}
	return entries, nil
}
