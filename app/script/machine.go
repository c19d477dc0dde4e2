package script

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// haltKind says why a run is being unwound although no error of the script's own happened.
type haltKind uint8

const (
	haltNone haltKind = iota
	haltWait
	haltMove
	haltFatal
)

// machine is a Lua state with the sandbox in it, prepared once and used for one run after another. The words are
// registered once; they find the present run in the fields below. What a run defines lives in a fresh environment
// table and is gone with it.
type machine struct {
	L        *lua.LState
	budget   budget
	patterns map[patternKey]*pattern

	envMeta               *lua.LTable // of every environment: reads what is not there from the words
	segmentMeta           *lua.LTable // the same, of segments
	refuseSet             *lua.LFunction
	ipairsNext, pairsNext *lua.LFunction
	customer, traits      *lua.LUserData
	scores                *lua.LUserData
	tags, event           *lua.LUserData
	parts                 [3]*lua.LUserData // of the event: properties, traits, context
	dataMeta, handleMeta  *lua.LTable
	haltValue             *lua.LUserData
	haltPanic             func(*lua.LState)

	run // the present one; zeroed afterwards
}

// run is everything that belongs to one run, or to one loading of a file.
type run struct {
	program *Program
	env     *lua.LTable
	used    map[string]lua.LValue // what use returned, by helper

	// while a file is loaded
	file     string // the file whose registrations count
	count    int    // registrations seen
	want     int    // the registration to keep, or wantGoal; 0: all are reported to load
	found    *lua.LFunction
	load     *loader // the compiler that listens, or nil
	broken   bool    // the file uses a helper that could not be compiled
	toplevel bool    // true until the handler itself begins

	asking *questions // of a segment; nil in a handler

	// while a handler runs
	call     Call
	kind     lifecycle.HandlerKind
	pos      int // the next journal entry
	recorded int // how many entries came with the call; they are repeated
	journal  []Entry
	effects  []Effect
	seen     []seen
	own      writes
	gone     int      // keys that were taken out of tables
	trigger  happened // the event that the handler was started by

	halt    haltKind
	outcome outcome
	fatally *lifecycle.Error
	failed  *lifecycle.Error // the last error that a word raised, with its hint

	catching bool // a word of a source reads values, and hears what is wrong with them
}

// outcome is with what a handler suspended or ended itself, and where.
type outcome struct {
	yes     bool // the function returned a true value
	until   time.Time
	awaited *Awaited
	move    string
	file    string
	line    int
}

var luaOnce sync.Once

// newMachine builds a state. The first call in a process lowers the machine's one global bound: the index up to which
// it keeps a table's entries in an array, and fills the gaps (64 million by default). It has to happen before any
// table exists; this package is the only one that uses the machine, and every state is made here.
func newMachine() *machine {
	luaOnce.Do(func() { lua.MaxArrayIndex = maxArrayIndex })
	L := lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: callStackSize,
		RegistrySize: registrySize, RegistryMaxSize: registryMaxSize, RegistryGrowStep: registrySize,
	})
	m := &machine{L: L, patterns: map[patternKey]*pattern{}}
	L.SetContext(&m.budget)
	m.haltPanic = func(L *lua.LState) {
		panic(&lua.ApiError{Type: lua.ApiErrorRun, Object: L.Get(-1), StackTrace: "-"}) // a trace would only cost time
	}
	m.haltValue = &lua.LUserData{Value: named("end of run"), Metatable: lua.LNil}
	m.refuseSet = L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("%s", frozenMessage)
		return 0
	})
	m.ipairsNext, m.pairsNext = L.NewFunction(m.nextIndex), L.NewFunction(m.next)

	words := L.CreateTable(0, 64)
	fill := func(t *lua.LTable, functions map[string]lua.LGFunction) {
		names := make([]string, 0, len(functions))
		for name := range functions {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			t.RawSetString(name, L.NewFunction(functions[name]))
		}
	}
	lib := func(name string, functions map[string]lua.LGFunction) *lua.LTable {
		t := L.CreateTable(0, len(functions)+2)
		fill(t, functions)
		words.RawSetString(name, m.frozen(t))
		return t
	}
	fill(words, m.baseLib())
	fill(words, m.stageWords())
	fill(words, map[string]lua.LGFunction{
		wordSet: m.assign, wordTable: m.newTable, wordKey: m.constructorKey, wordConcat: m.concat,
	})
	stringLib := lib("string", m.stringLib())
	lib("table", m.tableLib())
	maths := lib("math", m.mathLib())
	maths.RawSetString("pi", lua.LNumber(math.Pi))
	maths.RawSetString("huge", lua.LNumber(math.Inf(1)))

	stringMeta := L.CreateTable(0, 2)
	stringMeta.RawSetString("__index", stringLib)
	L.SetMetatable(lua.LString(""), stringMeta)
	m.envMeta = L.CreateTable(0, 1)
	m.envMeta.RawSetString("__index", words)
	m.prepareData()
	m.prepareSegments(words)
	return m
}

const frozenMessage = "this belongs to the language and cannot be changed; put it into a table or a local of your own"

// frozen returns an empty table that reads like t and refuses every assignment.
func (m *machine) frozen(t *lua.LTable) *lua.LTable {
	meta := m.L.CreateTable(0, 3)
	meta.RawSetString("__index", t)
	meta.RawSetString("__newindex", m.refuseSet)
	meta.RawSetString("__metatable", lua.LFalse)
	proxy := m.L.CreateTable(0, 0)
	proxy.Metatable = meta
	return proxy
}

// begin prepares a fresh environment for a program's code.
func (m *machine) begin(p *Program, limits Limits) {
	m.budget.reset(limits)
	m.budget.hold(p.longest)
	env := m.L.CreateTable(0, 0)
	env.Metatable = m.envMeta
	m.run = run{program: p, env: env}
}

// end forgets the run.
func (m *machine) end() { m.run = run{} }

// exec calls a function of the script and returns what stopped it, nil if nothing did. It recovers what the machine's own
// protected call does not: that one can panic again while it writes its stack trace.
func (m *machine) exec(fn *lua.LFunction, args ...lua.LValue) (failure *lua.ApiError) {
	defer func() {
		if r := recover(); r != nil {
			failure = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(r))}
		}
	}()
	m.L.Push(fn)
	for _, arg := range args {
		m.L.Push(arg)
	}
	err := m.L.PCall(len(args), 1, nil)
	if err == nil {
		m.outcome.yes = lua.LVAsBool(m.L.Get(-1))
		m.L.Pop(1)
		return nil
	}
	if errors.As(err, &failure) {
		return failure
	}
	return &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(err.Error())}
}

func (m *machine) chunk(proto *lua.FunctionProto) *lua.LFunction {
	return &lua.LFunction{Env: m.env, Proto: proto}
}

// charge counts n steps and ends the run if they are more than are left.
func (m *machine) charge(L *lua.LState, n int) {
	if !m.budget.spend(n) {
		L.RaiseError("%s", m.budget.over.Error())
	}
}

// unwind ends the run through every pcall.
func (m *machine) unwind(L *lua.LState, object lua.LValue) {
	L.Panic = m.haltPanic // the pcall below, or the outermost one, puts the usual one back
	L.Error(object, 0)
}

func (m *machine) stop(L *lua.LState, why haltKind) {
	m.halt = why
	m.unwind(L, m.haltValue)
}

// fatal ends the run with an error that no pcall catches.
func (m *machine) fatal(L *lua.LState, err *lifecycle.Error) {
	if err.File == "" {
		err.File, err.Line = m.where(L)
	}
	m.fatally = err
	m.stop(L, haltFatal)
}

// fail raises an error of the script's, at the line that called the word.
func (m *machine) fail(L *lua.LState, hint, format string, args ...any) {
	err := problem("", 0, hint, format, args...)
	err.File, err.Line = m.where(L)
	m.failed = err
	text := err.Message
	if hint != "" {
		text += " (" + hint + ")"
	}
	L.Error(lua.LString(text), 1)
}

// unfit is fail for a value that may well have come from outside. Where a source reads such values, the word hears of it and
// the script goes on.
func (m *machine) unfit(L *lua.LState, hint, format string, args ...any) {
	if m.catching {
		err := problem("", 0, hint, format, args...)
		err.File, err.Line = m.where(L)
		panic(caught{err})
	}
	m.fail(L, hint, format, args...)
}

// caught is the panic by which an error reaches the word that reads values, without the Lua machine between.
type caught struct{ err *lifecycle.Error }

// where returns the file and line of the innermost function of the script.
func (m *machine) where(L *lua.LState) (string, int) {
	for level := 0; level < callStackSize; level++ {
		frame, ok := L.GetStack(level)
		if !ok {
			break
		}
		if _, err := L.GetInfo("Sl", frame, lua.LNil); err == nil && frame.CurrentLine > 0 {
			return frame.Source, frame.CurrentLine
		}
	}
	return m.program.src.full(m.file), 1
}

// failure turns what stopped a run into the error that people see.
func (m *machine) failure(stopped *lua.ApiError) *lifecycle.Error {
	if m.fatally != nil {
		return m.fatally
	}
	if stopped.Type == lua.ApiErrorPanic {
		return m.broke(stopped)
	}
	var text string
	switch v := stopped.Object.(type) {
	case lua.LString:
		text = withoutAddresses(string(v))
	case lua.LNumber:
		text = formatNumber(float64(v))
	case *lua.LTable:
		text = "the script raised an error that is a table"
		if message, ok := v.RawGetString("message").(lua.LString); ok {
			text = string(message)
		}
	default:
		text = "the script raised an error that is a " + v.Type().String()
	}
	file, line, message := m.program.position(text)
	if file == "" {
		file, line = m.traced(stopped.StackTrace)
	}
	if m.failed != nil && m.failed.File == file && m.failed.Line == line && strings.HasPrefix(message, m.failed.Message) {
		return m.failed
	}
	if strings.TrimSpace(message) == "" {
		message = "the script raised an error without a text"
	}
	message, hint := plainer(message)
	return problem(file, line, hint, "%s", cut(message, 2000))
}

// broke is a panic inside the Lua machine. The one that scripts can cause is a tail call that runs out of registers,
// which it notices before it knows the line.
func (m *machine) broke(stopped *lua.ApiError) *lifecycle.Error {
	file, line := m.program.src.full(m.file), max(m.program.lines[m.call.Handler], 1)
	if text := stopped.Object.String(); !strings.Contains(text, "index out of range [-1]") {
		return problem(file, line, "please report it", "the Lua machine failed: %s", cut(text, 200))
	}
	return problem(file, line, "at most 64 calls may be open at once", "stack overflow: too many values are in use at once")
}

// traced finds the innermost line of the script in a stack trace.
func (m *machine) traced(trace string) (string, int) {
	for _, line := range strings.Split(trace, "\n") {
		if file, number, _ := m.program.position(strings.TrimSpace(line)); file != "" {
			return file, number
		}
	}
	return m.program.src.full(m.file), 1
}

// plainer says in other words what the Lua machine says in its own.
func plainer(message string) (text, hint string) {
	if rest, ok := strings.CutPrefix(message, "attempt to index a non-table object("); ok {
		if kind, key, ok := strings.Cut(rest, ") with key "); ok {
			return "cannot read or set " + key + " of a " + kind + " value", "check that it is there first, as in: if x then … end"
		}
	}
	switch {
	case message == "attempt to call a non-function object":
		return "this calls something that is not a function", "check the name before the bracket"
	case message == "stack overflow":
		return "stack overflow: functions call each other too deeply", "at most 64 calls may be open at once"
	case message == "registry overflow":
		return "stack overflow: too many values are in use at once", "at most 64 calls may be open at once"
	}
	return message, ""
}

// named is a value that shows itself by a fixed text.
type named string

func (n named) display() string { return string(n) }
