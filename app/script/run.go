package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Run runs a handler, or resumes it if the call has a journal. The error is a *lifecycle.Error of code ScriptFailed,
// with file and line; then nothing of the result may be used. Run never panics. The same call always has the same
// result.
func (p *Program) Run(call Call) (result Result, err error) {
	ref, ok := p.handlers[call.Handler]
	if !ok {
		return Result{}, problem(p.src.full(journeyFile), 1, "a run keeps the version it began with",
			"journey %s has no handler %q in version %s", p.src.Name, call.Handler, p.Journey.Version)
	}
	if call.Customer == nil {
		return Result{}, problem(p.src.full(ref.file), p.lines[call.Handler], "", "handler %s was called without a customer", call.Handler)
	}
	m := p.host.take()
	sound := false
	defer func() {
		if r := recover(); r != nil {
			result, sound = Result{}, false
			err = problem(p.src.full(ref.file), p.lines[call.Handler], "please report it", "the Lua machine failed: %s", cut(fmt.Sprint(r), 200))
		}
		p.host.give(m, sound)
	}()
	m.begin(p, p.host.limits)
	m.file, m.want, m.toplevel = ref.file, ref.n, true
	m.call, m.kind = call, ref.kind
	m.journal = append(make([]Entry, 0, len(call.Journal)+4), call.Journal...)
	if failed := m.exec(m.chunk(p.chunks[ref.file])); failed != nil {
		return Result{}, m.failure(failed)
	}
	if m.found == nil {
		return Result{}, problem(p.src.full(ref.file), p.lines[call.Handler], "register handlers in the same order every time", "the file did not register handler %s", call.Handler)
	}
	m.toplevel = false
	event := lua.LNil
	if call.Event != nil {
		event = m.event
	}
	failed := m.exec(m.found, m.customer, event)
	if failed != nil && m.halt != haltWait && m.halt != haltMove {
		return Result{}, m.failure(failed)
	}
	if failed == nil && m.halt == haltNone {
		if err := m.unfinished(); err != nil {
			return Result{}, err
		}
	}
	sound = true
	result = Result{Effects: m.effects, Journal: m.journal, Steps: m.budget.steps()}
	switch m.halt {
	case haltWait:
		result.Waiting, result.Wait = true, m.outcome.wait
	case haltMove:
		result.Move, result.MoveAt = m.outcome.move, m.outcome.line
	}
	return result, nil
}
