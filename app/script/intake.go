package script

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// intakeFolder is the folder of the sources inside the scripts folder.
const intakeFolder = "sources"

// Limits of what comes in by a source.
const (
	MaxIntakeBytes  = 500 << 10 // the body of a request
	maxIntakeEvents = 500       // that one request, or one row, becomes
	intakeSteps     = 2_000_000
	intakeWall      = 500 * time.Millisecond
)

// Intake is a compiled source: sources/NAME.lua, which turns what a provider posts, or the rows of a file that is
// fetched, into events. It never changes and is safe for concurrent use.
type Intake struct {
	Name    string
	Title   string
	Version string // names the content
	Open    bool   // whoever calls proves nothing, and what comes in counts like what comes from public pages
	Takes   bool   // it has a receive: requests come in
	Reads   bool   // it has a row: rows of Pull come in
	Secrets []string
	Pull    *Pull // nil: nothing is fetched

	program *Program
	path    string
	host    *Intakes
}

// Pull is what a source fetches by itself, and how often.
type Pull struct {
	URL     string            // http or https; {cursor} and {secret:NAME} stand for values
	Every   time.Duration     // at least a minute
	Items   string            // of JSON: the path to the list, with dots; empty: the document is the list, or lines of objects
	Cursor  string            // the column that grows; rows below the greatest that was seen are passed over
	Headers map[string]string // of the request; {secret:NAME} stands for a value
	Map     []string          // rules as of an import; empty: row makes the events
	Within  time.Duration     // events that happened longer ago are passed over
}

// Intakes compiles sources and runs them. It keeps a few prepared Lua states. It is safe for concurrent use.
type Intakes struct {
	limits Limits
	known  *vocabulary

	mu   sync.Mutex
	idle []*intakeMachine
}

// NewIntakes returns a host; zero limits stand for the defaults.
func NewIntakes(limits Limits) *Intakes {
	if limits.Steps <= 0 {
		limits.Steps = intakeSteps
	}
	if limits.Wall <= 0 {
		limits.Wall = intakeWall
	}
	if limits.Idle <= 0 {
		limits.Idle = 2
	}
	return &Intakes{limits: limits, known: intakeVocabulary()}
}

// Compile checks a source. The error is an Errors with everything that is wrong, by file and line.
func (h *Intakes) Compile(src Source) (*Intake, error) {
	path := src.Name + ".lua"
	full := Source{Name: intakeFolder, Files: src.Files}
	in := &Intake{Name: src.Name, Title: src.Name, Version: src.Version(), path: path, host: h,
		program: &Program{src: full, chunks: map[string]*lua.FunctionProto{}, lines: map[string]int{}}}
	var errs Errors
	if !validName(src.Name) || strings.Contains(src.Name, "_") {
		errs = append(errs, problem(full.full(path), 1, "use lower-case letters, digits and -, such as my-shop", "%q cannot name a source", cut(src.Name, 80)))
	}
	checkers := map[string]*checker{}
	defined := map[string]bool{}
	for _, file := range full.Paths() {
		if !strings.HasSuffix(file, ".lua") {
			continue
		}
		in.program.files = append(in.program.files, full.full(file))
		tree, err := parseLua(full.full(file), full.Files[file])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		check := newChecker(full.full(file), strings.HasPrefix(file, "lib/"), h.known)
		check.run(tree)
		checkers[file] = check
		for name := range check.globals {
			defined[name] = true
		}
		for text := range check.texts {
			in.program.longest = max(in.program.longest, len(text))
		}
		if len(check.errs) > 0 {
			continue
		}
		if in.program.chunks[file], err = compileLua(full.full(file), tree); err != nil {
			errs = append(errs, err)
		}
	}
	slices.SortStableFunc(in.program.files, func(a, b string) int { return len(b) - len(a) })
	for _, check := range checkers {
		check.unknown(defined)
		errs = append(errs, check.errs...)
	}
	if len(errs) == 0 {
		errs = in.load()
	}
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return in, nil
}

// load runs the top level of the file once, and takes what it says of itself.
func (in *Intake) load() Errors {
	file := in.program.src.full(in.path)
	m := in.host.take()
	m.begin(in.program, in.host.limits)
	m.file, m.toplevel = in.path, true
	m.intakeRun = intakeRun{loading: in}
	failed := m.exec(m.chunk(in.program.chunks[in.path]))
	var errs Errors
	if failed != nil {
		errs = append(errs, m.failure(failed))
	}
	in.Takes, in.Reads = m.receive != nil, m.row != nil
	declared := m.declared
	in.host.give(m, failed == nil)
	switch {
	case failed != nil:
	case !declared:
		errs = append(errs, problem(file, 1, `begin it with source { title = "…" }`, "the file does not call source"))
	case !in.Takes && in.Pull == nil:
		errs = append(errs, problem(file, 1, "add receive(function(request) … end), or pull = { … } to source", "nothing comes in by this source"))
	case in.Reads && in.Pull == nil:
		errs = append(errs, problem(file, 1, "add pull = { url = …, every = … } to source", "row is there, but nothing is fetched"))
	case in.Pull != nil && in.Reads == (len(in.Pull.Map) > 0):
		errs = append(errs, problem(file, 1, "map its columns with map = { … }, or add row(function(row) … end), and not both", "it has to be said once what becomes of a row"))
	}
	return errs
}

// Request is what a provider sent.
type Request struct {
	Method  string
	Query   map[string]string
	Headers map[string]string // names in lower case
	Body    []byte
	Now     time.Time
	// Secret returns the values of one of the source's secrets, any of which is good; the error says that there is none.
	Secret func(name string) ([]string, error)
	Trust  bool // it was verified before, or nothing comes of it: signatures are not looked at
}

// Taken is what came of a request or a row.
type Taken struct {
	Events   []lifecycle.Event // complete but for the time of receipt
	Unfit    []error           // why further events that the script wanted to make are none: their values are not such as they can have
	Answer   string            // what the provider wants to read; empty: nothing special
	Verified bool              // the sender proved to be who it is, also when there is an error
	Steps    int
}

// Refusal is the error of a request that the script refused; the provider should not send it again.
type Refusal struct{ Reason string }

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// Receive turns a request into events. The error is a *Refusal if the script said so, else a *lifecycle.Error:
// Unauthorized for a signature that does not match, Unavailable where a secret is missing, ScriptFailed for what is wrong
// with the script.
func (in *Intake) Receive(request Request) (Taken, error) {
	return in.run(intakeRun{request: &request, raw: request.Body, trust: request.Trust || in.Open, now: request.Now},
		func(m *intakeMachine) (*lua.LFunction, lua.LValue) { return m.receive, m.requestTable() })
}

// Row turns one row of what was fetched into events. Values are decoded JSON; text is the row as it stands in the file, by
// which it is recognised when it comes again.
func (in *Intake) Row(values map[string]any, text []byte, now time.Time) (Taken, error) {
	return in.run(intakeRun{raw: text, trust: true, now: now},
		func(m *intakeMachine) (*lua.LFunction, lua.LValue) { return m.row, m.toLua(m.L, values, 0) })
}

func (in *Intake) run(run intakeRun, start func(*intakeMachine) (*lua.LFunction, lua.LValue)) (taken Taken, err error) {
	file := in.program.src.full(in.path)
	m := in.host.take()
	sound := false
	defer func() {
		if r := recover(); r != nil {
			taken, sound = Taken{}, false
			err = problem(file, 1, "please report it", "the Lua machine failed: %s", cut(fmt.Sprint(r), 200))
		}
		in.host.give(m, sound)
	}()
	m.begin(in.program, in.host.limits)
	run.intake = in
	m.file, m.toplevel, m.intakeRun = in.path, true, run
	failed := m.exec(m.chunk(in.program.chunks[in.path]))
	if failed == nil {
		m.toplevel = false
		fn, argument := start(m)
		if fn == nil {
			return taken, problem(file, 1, "add it, or do not send anything here", "the source takes nothing of this kind")
		}
		failed = m.exec(fn, argument)
	}
	taken = Taken{Events: m.events, Unfit: m.unfitEvents, Answer: m.answer, Verified: m.verified, Steps: m.budget.steps()}
	switch {
	case m.refused != nil:
		sound = true
		return taken, m.refused
	case failed != nil:
		return taken, m.failure(failed)
	}
	sound = true
	return taken, nil
}

func (h *Intakes) take() *intakeMachine {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.idle); n > 0 {
		m := h.idle[n-1]
		h.idle = h.idle[:n-1]
		return m
	}
	return newIntakeMachine()
}

func (h *Intakes) give(m *intakeMachine, sound bool) {
	m.end()
	m.intakeRun = intakeRun{}
	if !sound {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.idle) < h.limits.Idle {
		h.idle = append(h.idle, m)
	}
}
