package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Run runs a handler, or resumes it if the call has a journal. The error is a *lifecycle.Error of code ScriptFailed,
// with file and line; then nothing of the result may be used but the Steps. Run never panics. The same call always has
// the same result. A run that took too long is run once more: it was the machine that was busy, unless it takes too long
// again.
func (p *Program) Run(call Call) (Result, error) {
	result, late, err := p.run(call)
	if late {
		if call.Trace != nil {
			*call.Trace = Trace{}
		}
		result, _, err = p.run(call)
	}
	return result, err
}

// run is Run, once. late: it had steps left, and no time.
func (p *Program) run(call Call) (result Result, late bool, err error) {
	ref, ok := p.handlers[call.Handler]
	if !ok {
		return Result{}, false, problem(p.src.full(journeyFile), 1, "a run keeps the version it began with",
			"journey %s has no handler %q in version %s", p.src.Name, call.Handler, p.Journey.Version)
	}
	if call.Customer == nil {
		return Result{}, false, problem(p.src.full(ref.file), p.lines[call.Handler], "", "handler %s was called without a customer", call.Handler)
	}
	m := p.host.take()
	sound := false
	defer func() {
		if r := recover(); r != nil {
			result, sound = Result{}, false
			err = problem(p.src.full(ref.file), p.lines[call.Handler], "please report it", "the Lua machine failed: %s", cut(fmt.Sprint(r), 200))
		}
		late = err != nil && m.budget.over == errWall
		p.host.give(m, sound)
	}()
	m.begin(p, p.host.limits)
	m.file, m.want, m.toplevel = ref.file, ref.n, true
	m.call, m.kind, m.recorded = call, ref.kind, len(call.Journal)
	m.trigger = happened{event: call.Event, parts: m.parts}
	m.journal = append(make([]Entry, 0, len(call.Journal)+4), call.Journal...)
	if err := m.woken(); err != nil {
		return Result{}, false, err
	}
	if failed := m.exec(m.chunk(p.chunks[ref.file])); failed != nil {
		return Result{Steps: m.budget.steps()}, false, m.failure(failed)
	}
	if m.found == nil {
		return Result{}, false, problem(p.src.full(ref.file), p.lines[call.Handler], "register handlers in the same order every time", "the file did not register handler %s", call.Handler)
	}
	m.toplevel = false
	if call.Trace != nil {
		m.follow(call.Trace)
		defer func() { call.Trace.Ended, call.Trace.Err = result, err }()
	}
	event := lua.LNil
	if call.Event != nil {
		event = m.event
	}
	failed := m.exec(m.found, m.customer, event)
	if failed != nil && m.halt != haltWait && m.halt != haltMove {
		return Result{Steps: m.budget.steps()}, false, m.failure(failed)
	}
	if failed == nil && m.halt == haltNone {
		if err := m.unfinished(); err != nil {
			return Result{}, false, err
		}
	}
	sound = true
	result = Result{
		Effects: m.effects, Journal: m.journal, Steps: m.budget.steps(), File: m.outcome.file, Line: m.outcome.line,
		Reached: ref.kind == lifecycle.OnGoal && m.outcome.yes,
	}
	switch m.halt {
	case haltWait:
		result.Waiting, result.Until, result.For = true, m.outcome.until, m.outcome.awaited
	case haltMove:
		result.Move = m.outcome.move
	}
	return result, false, nil
}

// woken writes what a wait_for brought into the journal, as what that call returns.
func (m *machine) woken() *lifecycle.Error {
	last := len(m.journal) - 1
	if last >= 0 && m.journal[last].Op == "wait_for" {
		m.journal[last].Value = keep(m.call.Woken)
		return nil
	}
	if m.call.Woken != nil {
		return problem(m.program.src.full(m.file), m.program.lines[m.call.Handler], "resume a run with the journal it was put away with",
			"an event %q is given to a run that waits for none", cut(m.call.Woken.Name, 80))
	}
	return nil
}
