package script

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"stagecraft/app/lifecycle"
)

const journeyFile = "journey.lua"

// Compile checks a journey and makes a program of it. The error is an Errors with everything that is wrong, by file
// and line.
func (h *Host) Compile(src Source) (*Program, error) {
	c := h.newCompiler(src)
	c.compile()
	if len(c.errs) > 0 {
		return nil, c.errs.sorted()
	}
	return c.Program, nil
}

func (h *Host) newCompiler(src Source) *compiler {
	return &compiler{
		Program: &Program{
			host: h, src: src, chunks: map[string]*lua.FunctionProto{}, handlers: map[string]handlerRef{},
			lines: map[string]int{}, messages: map[string]map[string]map[string]*lifecycle.Template{},
		},
		checkers: map[string]*checker{}, trees: map[string][]ast.Stmt{},
	}
}

type compiler struct {
	*Program
	errs     Errors
	checkers map[string]*checker   // of the Lua files that could be parsed
	trees    map[string][]ast.Stmt // of the same
	plan     *journeyTable
	shared   shared // what messages share
}

func (c *compiler) report(path string, line int, hint, format string, args ...any) {
	c.errs = append(c.errs, problem(c.src.full(path), line, hint, format, args...))
}

func (c *compiler) compile() {
	c.Journey.Name, c.Journey.Version, c.Journey.Moves = c.src.Name, c.src.Version(), map[string][]string{}
	if !validName(strings.TrimPrefix(c.src.Name, lifecycle.BroadcastPrefix)) || c.src.Name == "lib" {
		c.report(journeyFile, 1, nameRule, "%q cannot name a journey", cut(c.src.Name, 80))
	}
	if len(c.src.Files) > MaxFiles {
		c.report(journeyFile, 1, "split it into two journeys", "a journey may have %d files, this one has %d", MaxFiles, len(c.src.Files))
		return
	}
	if _, ok := c.src.Files[journeyFile]; !ok {
		c.report(journeyFile, 1, "add it, with journey { title = …, stages = { … }, moves = { … } }", "the journey has no journey.lua")
	}
	c.readShared()
	for _, path := range c.src.Paths() {
		c.files = append(c.files, c.src.full(path))
		if _, is := isShared(path); is {
			continue
		}
		switch {
		case strings.HasPrefix(path, "messages/"):
			c.readTemplate(path)
		case strings.HasSuffix(path, ".lua"):
			c.parse(path)
		}
	}
	slices.SortStableFunc(c.files, func(a, b string) int { return len(b) - len(a) })
	c.findMentions()
	c.checkTemplates()
	c.checkNames()
	c.load()
}

func (c *compiler) readTemplate(path string) {
	t, errs := readMessage(c.src.full(path), path, c.src.Files[path])
	c.errs = append(c.errs, errs...)
	if t.Name == "" || t.Channel == "" {
		return
	}
	if c.messages[t.Name] == nil {
		c.messages[t.Name] = map[string]map[string]*lifecycle.Template{}
	}
	if c.messages[t.Name][t.Channel] == nil {
		c.messages[t.Name][t.Channel] = map[string]*lifecycle.Template{}
	}
	locale := strings.ToLower(t.Locale)
	if other := c.messages[t.Name][t.Channel][locale]; other != nil {
		c.report(path, 1, "keep one of them", "%s is the same message, channel and locale", other.File)
		return
	}
	c.dress(t)
	c.messages[t.Name][t.Channel][locale] = t
	c.Templates = append(c.Templates, *t)
}

// checkTemplates wants a default text for every message and channel, and no other kind or topic in another language: policy
// asks about the message once, whatever language it leaves in. A text that does not say its kind gets it from there.
func (c *compiler) checkTemplates() {
	for i := range c.Templates {
		t := &c.Templates[i]
		if locales := c.messages[t.Name][t.Channel]; locales[""] == nil {
			name := "messages/" + t.Name + "." + t.Channel + ".liquid"
			c.errs = append(c.errs, problem(t.File, 1, "add "+name+" for everybody else", "message %s has no default text for %s", t.Name, t.Channel))
			continue
		}
		ruling := c.messages[t.Name][t.Channel][""]
		if kind := ruling.Front["kind"]; kind != "" && t.Front["kind"] == "" {
			t.Front["kind"] = kind
		}
		for _, key := range []string{"kind", "topic"} {
			if own := t.Front[key]; own != "" && own != ruling.Front[key] && !(key == "kind" && own == string(lifecycle.Marketing) && ruling.Front[key] == "") {
				c.errs = append(c.errs, problem(t.File, max(t.Lines[key], 1), "say the same in both, or only there",
					"%s %s is not that of %s, which holds in every language", key, cut(own, 80), ruling.File))
			}
		}
	}
}

func (c *compiler) parse(path string) {
	full, lib := c.src.full(path), strings.HasPrefix(path, "lib/")
	name := strings.TrimSuffix(strings.TrimPrefix(path, "lib/"), ".lua")
	if !validName(name) {
		c.report(path, 1, nameRule, "%q cannot name a Lua file", cut(name, 80))
	}
	tree, err := parseLua(full, c.src.Files[path])
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	check := newChecker(full, lib, c.host.known)
	check.run(tree)
	c.checkers[path], c.trees[path] = check, tree
	for text := range check.texts {
		c.longest = max(c.longest, len(text))
	}
}

// checkNames compares the names in all files with what there is.
func (c *compiler) checkNames() {
	shared := map[string]bool{} // what helpers define, everybody sees
	complete := true
	for path := range c.src.Files {
		if !strings.HasPrefix(path, "lib/") || !strings.HasSuffix(path, ".lua") {
			continue
		}
		if check := c.checkers[path]; check != nil {
			maps.Copy(shared, check.globals)
		} else {
			complete = false
		}
	}
	names := slices.Collect(maps.Keys(c.messages))
	helpers := c.helpers()
	for _, check := range c.checkers {
		defined := maps.Clone(shared)
		maps.Copy(defined, check.globals)
		if complete {
			check.unknown(defined)
		}
		for _, send := range check.sends {
			if c.messages[send.name] == nil && !check.full() {
				check.report(send.line, didYouMean(send.name, names, "add messages/"+cut(send.name, 40)+".email.liquid"), "there is no message %q", cut(send.name, 80))
			}
		}
		for _, use := range check.uses {
			if !check.full() && !slices.Contains(helpers, use.name) {
				check.report(use.line, didYouMean(use.name, helpers, "put it into the folder lib, beside the journeys"), "there is no helper %q", cut(use.name, 80))
			}
		}
	}
}

// load runs the top level of the files, journey.lua first, and builds the journey from what they register.
func (c *compiler) load() {
	for _, path := range slices.Sorted(maps.Keys(c.checkers)) {
		if check := c.checkers[path]; len(check.errs) > 0 {
			continue
		}
		proto, err := compileLua(c.src.full(path), c.trees[path])
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		c.chunks[path] = proto
	}
	if l := c.loadFile(journeyFile); l != nil {
		c.plan = l.journey
		c.Journey.Handlers = l.handlers
		if c.plan == nil {
			c.report(journeyFile, 1, `begin it with journey { title = "…", stages = { … }, moves = { … } }`, "journey.lua does not call journey")
		}
	}
	c.buildPlan()
	for _, path := range c.src.Paths() {
		if name, ok := strings.CutSuffix(path, ".lua"); ok && path != journeyFile && !strings.Contains(path, "/") {
			c.buildStage(path, name)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.checkers)) {
		check := c.checkers[path]
		if c.plan != nil {
			for _, move := range check.moves {
				if c.Journey.Index(move.name) < 0 && !check.full() {
					names := c.stageNames()
					hint := "name it in stages of journey.lua"
					if len(names) > 0 {
						hint = didYouMean(move.name, names, "there are: "+oneOf(names))
					}
					check.report(move.line, hint, "there is no stage %q", cut(move.name, 80))
				}
			}
		}
		c.errs = append(c.errs, check.errs...)
	}
}

// loadFile runs a file's top level; nil if it could not be compiled.
func (c *compiler) loadFile(path string) *loader {
	proto := c.chunks[path]
	if proto == nil {
		return nil
	}
	l := &loader{}
	m := c.host.take()
	m.begin(c.Program, c.host.limits)
	m.file, m.toplevel, m.load = path, true, l
	failed := m.exec(m.chunk(proto))
	l.errs = l.errs[:min(len(l.errs), maxErrors)]
	if failed != nil && !m.broken {
		l.errs = append(l.errs, m.failure(failed))
	}
	c.host.give(m, failed == nil)
	c.errs = append(c.errs, l.errs...)
	for _, h := range l.handlers {
		n := wantGoal
		if h.Kind != lifecycle.OnGoal {
			n, _ = strconv.Atoi(h.ID[strings.LastIndexByte(h.ID, '#')+1:])
		}
		c.handlers[h.ID] = handlerRef{file: path, n: n, kind: h.Kind}
		c.lines[h.ID] = h.Line
	}
	return l
}

// buildPlan takes the stages and moves of journey.lua.
func (c *compiler) buildPlan() {
	if c.plan == nil {
		return
	}
	c.Journey.Title = c.plan.title
	if c.Journey.Title == "" {
		c.Journey.Title = c.src.Name
	}
	if len(c.plan.stages) == 0 {
		c.report(journeyFile, c.plan.line, `as in stages = { "member", "active" }`, "the journey names no stages")
	}
	for _, name := range c.plan.stages {
		line := c.lineOf(name)
		switch {
		case !validName(name) || name == "journey":
			c.report(journeyFile, line, nameRule, "%q cannot name a stage", cut(name, 80))
		case isTest(name + ".lua"):
			c.report(journeyFile, line, "give it another name", "%q cannot name a stage: files that end in %s are tests", cut(name, 80), testSuffix)
		case c.src.Files[name+".lua"] == nil:
			files := c.stageFiles()
			c.report(journeyFile, line, didYouMean(name, files, "add "+name+".lua"), "stage %q has no file %s.lua", name, name)
		}
		c.Journey.Stages = append(c.Journey.Stages, lifecycle.Stage{Name: name, Title: name, File: c.src.full(name + ".lua")})
	}
	for _, from := range slices.Sorted(maps.Keys(c.plan.moves)) {
		for _, name := range append([]string{from}, c.plan.moves[from]...) {
			if c.Journey.Index(name) < 0 {
				c.report(journeyFile, c.lineOf(name), didYouMean(name, c.plan.stages, "stages are: "+oneOf(c.plan.stages)), "moves names %q, which is not a stage", cut(name, 80))
			}
		}
		c.Journey.Moves[from] = c.plan.moves[from]
	}
	c.buildPolicies()
	c.buildPhases()
}

// buildPhases takes the phases of journey.lua; a stage belongs to one of them, or to none.
func (c *compiler) buildPhases() {
	covered := map[string]bool{}
	for _, phase := range c.plan.phases {
		for _, name := range phase.Stages {
			switch {
			case c.Journey.Index(name) < 0:
				c.report(journeyFile, c.lineOf(name), didYouMean(name, c.plan.stages, "a phase is a title and its stages; stages are: "+oneOf(c.plan.stages)), "phases names %q, which is not a stage", cut(name, 80))
			case covered[name]:
				c.report(journeyFile, c.lineOf(name), "keep it in one of them", "%s is in two phases", name)
			}
			covered[name] = true
		}
	}
	c.Journey.Phases = c.plan.phases
}

// lineOf finds the line of journey.lua on which a name stands.
func (c *compiler) lineOf(name string) int {
	if line, ok := c.checkers[journeyFile].texts[name]; ok && line > 0 {
		return line
	}
	return c.plan.line
}

func (c *compiler) stageFiles() []string {
	var names []string
	for _, path := range c.src.Paths() {
		if name, ok := strings.CutSuffix(path, ".lua"); ok && path != journeyFile && !strings.Contains(path, "/") && c.Journey.Index(name) < 0 {
			names = append(names, name)
		}
	}
	return names
}

func (c *compiler) buildStage(path, name string) {
	l := c.loadFile(path)
	if c.plan == nil {
		return
	}
	stage := c.Journey.Stage(name)
	if stage == nil {
		c.report(path, 1, didYouMean(name, c.plan.stages, "add it to stages in journey.lua, or move the file to lib/"), "%s is not a stage of journey.lua", name)
		return
	}
	if l == nil {
		return
	}
	stage.Handlers = l.handlers
	stage.Holdout, stage.Exit = c.plan.holdout, slices.Clone(c.plan.exit)
	if l.stage == nil {
		return
	}
	if l.stage.title != "" {
		stage.Title = l.stage.title
	}
	stage.Goals, stage.Next = l.stage.goals, l.stage.next
	if l.stage.goal != nil {
		stage.GoalFunc = path + "#goal"
	}
	stage.Reenter = l.stage.reenter
	if l.stage.hasHoldout {
		stage.Holdout = l.stage.holdout
	}
	stage.Exit = l.stage.exit
	for _, event := range c.plan.exit {
		if !slices.Contains(stage.Exit, event) {
			stage.Exit = append(stage.Exit, event)
		}
	}
	switch {
	case stage.Next == "":
	case c.Journey.Index(stage.Next) < 0:
		c.report(path, l.stage.line, didYouMean(stage.Next, c.plan.stages, "stages are: "+oneOf(c.plan.stages)), "next names %q, which is not a stage", cut(stage.Next, 80))
	case len(stage.Goals) == 0 && stage.GoalFunc == "":
		c.report(path, l.stage.line, `as in goal = "Order Completed"`, "next needs a goal: it is where the goal moves the customer")
	case !c.Journey.MayMove(name, stage.Next):
		c.report(path, l.stage.line, "add it to moves in journey.lua", "next is %q, but the journey does not allow the move %s -> %s", stage.Next, name, stage.Next)
	}
}
