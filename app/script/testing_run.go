package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Limits of tests. They only stop a loop without end: a test is its owner's own program.
const (
	testSteps  = 20_000_000 // of one case
	testWall   = time.Minute
	costEvent  = 1000   // steps of an event, or of time that passes: 20,000 of them in one case
	maxCases   = 10_000 // of one file
	maxNames   = 500    // bytes of a case's name
	maxTestSay = 200    // characters of a value in a failure
)

// testStart is when a case begins unless it says otherwise: a Monday morning, the same for ever.
func testStart() time.Time { return time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC) }

// tester runs one test file. It is loaded once; its cases run in their order, each in a world of its own.
type tester struct {
	*machine
	ctx    context.Context
	lab    Lab
	filter string
	tell   func(TestResult)
	path   string // of the file, relative to the scripts folder
	text   []byte
	source Source

	words      *lua.LTable
	personMeta *lua.LTable
	methods    *lua.LTable
	expectMeta *lua.LTable
	matchers   map[string]lua.LGFunction
	group      *testGroup // while the file is loaded
	cases      []testCase
	timesNamed map[string]int
	loaded     bool
	*testWorld // of the case under way
	failure    *TestFailure
	labFailed  error // not the test's fault
	again      bool
}

type testGroup struct {
	name   string
	parent *testGroup
	before []*lua.LFunction
}

type testCase struct {
	group *testGroup
	name  string
	same  int // how many cases before it have the same name
	line  int
	fn    *lua.LFunction
}

func newTester(ctx context.Context, h *Host, src Source, name string, text []byte, lab Lab, filter string) *tester {
	t := &tester{machine: newMachine(), ctx: ctx, lab: lab, filter: strings.ToLower(filter), source: src, text: text,
		path: src.full(name), timesNamed: map[string]int{}}
	files := []string{t.path}
	for path := range src.Files {
		files = append(files, src.full(path))
	}
	t.machine.begin(&Program{host: h, src: src, files: files}, Limits{Steps: testSteps, Wall: testWall}.withDefaults())
	t.machine.file = name
	t.prepareWords()
	return t
}

// file loads the file and runs its cases. What is wrong with the file itself is told as a case of its own.
func (t *tester) file() error {
	began := time.Now()
	proto, wrong := t.compile()
	if wrong == nil {
		t.group = &testGroup{}
		if failed := t.exec(t.chunk(proto)); failed != nil {
			wrong = t.failureOf(failed)
		}
	}
	t.loaded = true
	if wrong != nil {
		t.tell(TestResult{Journey: t.source.Name, Name: "the file itself", File: t.path, Line: max(wrong.Line, 1), Took: time.Since(began), Failure: wrong})
		return nil
	}
	for _, c := range t.cases {
		if name := t.fullName(c); t.filter != "" && !strings.Contains(strings.ToLower(t.path+" "+name), t.filter) {
			continue
		}
		if err := t.one(c); err != nil {
			return err
		}
	}
	return nil
}

func (t *tester) compile() (*lua.FunctionProto, *TestFailure) {
	tree, err := parseLua(t.path, t.text)
	if err == nil {
		err = bounded(t.path, tree)
	}
	if err == nil {
		var proto *lua.FunctionProto
		if proto, err = compileLua(t.path, tree); err == nil {
			return proto, nil
		}
	}
	return nil, t.failureAt(err.File, err.Line, err.Message, err.Hint)
}

func (t *tester) fullName(c testCase) string {
	name := c.name
	for g := c.group; g != nil; g = g.parent {
		if g.name != "" {
			name = g.name + " › " + name
		}
	}
	return name
}

// one runs a case and tells what became of it.
func (t *tester) one(c testCase) error {
	if err := t.ctx.Err(); err != nil {
		return lifecycle.Wrap(lifecycle.Unavailable, err, "the tests were interrupted")
	}
	began := time.Now()
	result := TestResult{Journey: t.source.Name, Name: t.fullName(c), File: t.path, Line: c.line}
	result.Failure = t.attempt(c)
	if t.again { // somebody else's customer was in the way
		result.Failure = t.attempt(c)
	}
	if t.labFailed != nil {
		return t.labFailed
	}
	if result.Failure != nil {
		result.Story = t.story()
	}
	result.Took = time.Since(began)
	t.tell(result)
	return t.labFailed
}

func (t *tester) attempt(c testCase) *TestFailure {
	t.testWorld = &testWorld{begins: testStart(), seed: lifecycle.HashID("test", t.path, t.fullName(c), fmt.Sprint(c.same)).String()[:12]}
	t.failure, t.labFailed, t.again = nil, nil, false
	t.budget.reset(Limits{Steps: testSteps, Wall: testWall})
	t.budget.outer = t.ctx
	var before []*lua.LFunction
	for g := c.group; g != nil; g = g.parent {
		before = append(g.before[:len(g.before):len(g.before)], before...)
	}
	for _, fn := range append(before, c.fn) {
		failed := t.exec(fn)
		if err := t.ctx.Err(); failed != nil && err != nil {
			t.labFailed = lifecycle.Wrap(lifecycle.Unavailable, err, "the tests were interrupted")
		}
		if t.labFailed != nil {
			return nil
		}
		if failed != nil {
			t.L.SetTop(0)
			return t.failureOf(failed)
		}
	}
	return t.unspoken()
}

// failureOf is what stopped a case: an expectation, a script of the journey, or the test itself.
func (t *tester) failureOf(stopped *lua.ApiError) *TestFailure {
	if text, ok := stopped.Object.(lua.LString); ok && t.failure != nil && string(text) == t.failure.text() {
		return t.failure // and not one that the test has caught
	}
	if t.budget.over != nil {
		return t.failureAt(t.path, 1, t.budget.over.Error(), "")
	}
	err := t.machine.failure(stopped)
	return t.failureAt(err.File, err.Line, err.Message, err.Hint)
}

func (t *tester) failureAt(file string, line int, message, hint string) *TestFailure {
	return &TestFailure{File: file, Line: line, Source: t.sourceLine(file, line), Message: message, Hint: hint}
}

func (t *tester) sourceLine(file string, line int) string {
	text := t.text
	if file != t.path {
		text = t.source.Files[strings.TrimPrefix(file, t.source.Name+"/")]
	}
	lines := strings.SplitN(string(text), "\n", line+1)
	if line < 1 || line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[line-1], " \t\r")
}

// fault ends the case with a failure at the line of the test that is being run. A pcall in the test may catch it.
func (t *tester) fault(L *lua.LState, failure TestFailure) {
	if failure.File == "" {
		failure.File, failure.Line = t.where(L)
	}
	failure.Source = t.sourceLine(failure.File, failure.Line)
	t.failure = &failure
	L.Error(lua.LString(failure.text()), 0)
}

// text is the failure as an error of Lua's.
func (f *TestFailure) text() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message) }

func (t *tester) wrong(L *lua.LState, hint, format string, args ...any) {
	t.fault(L, TestFailure{Message: fmt.Sprintf(format, args...), Hint: hint})
}

// settle looks at what the world answered.
func (t *tester) settle(L *lua.LState, err error) {
	if err == nil {
		return
	}
	var known *lifecycle.Error
	if errors.As(err, &known) && t.ctx.Err() == nil {
		switch known.Code {
		case lifecycle.ScriptFailed:
			file, line := t.where(L)
			t.fault(L, TestFailure{File: known.File, Line: known.Line, Message: "the script failed: " + known.Message, Hint: known.Hint,
				During: fmt.Sprintf("%s:%d", file, line)})
		case lifecycle.Invalid, lifecycle.TooLarge:
			t.wrong(L, known.Hint, "%s", known.Message)
		case ErrTaken:
			t.again = true
			L.Error(lua.LString(known.Message), 0)
		}
	}
	t.labFailed = err
	L.Error(lua.LString(err.Error()), 0)
}
