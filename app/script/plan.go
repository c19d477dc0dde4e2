package script

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The two tables that describe a journey: journey { … } and stage { … }.

// wantGoal asks for the goal function of a file instead of the n-th handler.
const wantGoal = -1

type stageTable struct {
	title, next string
	goals       []string
	goal        *lua.LFunction
	line        int
	common
}

type journeyTable struct {
	title  string
	stages []string
	moves  map[string][]string
	phases []lifecycle.Phase
	line   int
	policies
	common
}

// common is what a stage may say, and a journey for all of its stages.
type common struct {
	holdout    float64
	hasHoldout bool
	exit       []string
	reenter    lifecycle.Reenter
}

// wordStage is stage { title = …, goal = …, next = … }.
func (m *machine) wordStage(L *lua.LState) int {
	m.declaring(L, "stage")
	table, ok := L.Get(1).(*lua.LTable)
	if m.load == nil {
		if ok && m.want == wantGoal {
			m.found, _ = table.RawGetString("goal").(*lua.LFunction)
		}
		return 0
	}
	if m.file == journeyFile {
		m.report(L, "put it into the stage's own file", "journey.lua has no stage { … }")
		return 0
	}
	if !ok {
		m.report(L, `write stage { title = "Member", goal = "Order Completed", next = "active" }`, "stage needs a table, not %s", kindOf(L, 1))
		return 0
	}
	if m.load.stage != nil {
		m.report(L, "a file is one stage", "stage is called twice")
		return 0
	}
	s := &stageTable{}
	m.load.stage = s
	_, s.line = m.where(L)
	known := fieldNames(stageFields)
	for key, value := range m.each(table) {
		switch name := m.display(L, key); name {
		case "title", "next":
			text, ok := value.(lua.LString)
			if !ok || strings.TrimSpace(string(text)) == "" {
				m.report(L, "", "%s of a stage must be a text, not %s", name, kindOfText(value))
			} else if name == "title" {
				s.title = string(text)
			} else {
				s.next = string(text)
			}
		case "goal":
			m.goal(L, s, value)
		default:
			if !m.commonField(L, &s.common, name, value, slices.Contains(known, name)) {
				m.report(L, didYouMean(name, known, "a stage knows: "+oneOf(known)), "a stage has no %q", cut(name, 80))
			}
		}
	}
	return 0
}

// goal is the name of an event, a list of names, or a function.
func (m *machine) goal(L *lua.LState, s *stageTable, value lua.LValue) {
	if fn, ok := value.(*lua.LFunction); ok && !fn.IsG {
		s.goal = fn
		m.load.handlers = append(m.load.handlers, lifecycle.Handler{
			ID: m.file + "#goal", Kind: lifecycle.OnGoal, File: m.program.src.full(m.file), Line: max(fn.Proto.LineDefined, 1),
		})
		return
	}
	s.goals = m.eventNames(L, value, "goal", `goal = "Order Completed", a list of such names, or a function(customer, event)`)
}

// commonField reads a field that stages and journeys share, and reports whether it is one.
func (m *machine) commonField(L *lua.LState, c *common, name string, value lua.LValue, allowed bool) bool {
	if !allowed {
		return false
	}
	switch name {
	case "holdout":
		share, ok := percentage(value)
		if !ok {
			m.report(L, `as in holdout = "10%"`, "holdout is a share of the customers from 0%% to 100%%, not %s", cut(shownValue(value), 80))
			return true
		}
		c.holdout, c.hasHoldout = share, true
	case "exit":
		c.exit = m.eventNames(L, value, "exit", `exit = { "Unsubscribed" }`)
	case "reenter":
		text, ok := value.(lua.LString)
		reenter, err := parseReenter(string(text))
		if !ok || err != "" {
			m.report(L, `as in reenter = "30 days", "never" or "always"`, "reenter cannot be %s%s", cut(shownValue(value), 80), err)
			return true
		}
		c.reenter = reenter
	default:
		return false
	}
	return true
}

func shownValue(value lua.LValue) string {
	if text, ok := value.(lua.LString); ok {
		return strconv.Quote(string(text))
	}
	return value.String()
}

// kindOfText says what stands where a text should.
func kindOfText(value lua.LValue) string {
	if _, ok := value.(lua.LString); ok {
		return "an empty one"
	}
	return value.Type().String()
}

// percentage reads "10%" or "2.5 %".
func percentage(value lua.LValue) (float64, bool) {
	text, ok := value.(lua.LString)
	if !ok {
		return 0, false
	}
	number, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	if !ok {
		return 0, false
	}
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	return share / 100, err == nil && share >= 0 && share <= 100 && !math.Signbit(share)
}

func parseReenter(text string) (lifecycle.Reenter, string) {
	switch text {
	case "never":
		return lifecycle.Reenter{Never: true, Set: true}, ""
	case "always":
		return lifecycle.Reenter{Set: true}, ""
	}
	after, err := lifecycle.ParseDuration(text)
	if err != nil {
		return lifecycle.Reenter{}, ": " + cut(err.Error(), 300)
	}
	return lifecycle.Reenter{After: after, Set: true}, ""
}

// eventNames reads the name of an event, or a list of such names.
func (m *machine) eventNames(L *lua.LState, value lua.LValue, what, form string) []string {
	var names []string
	switch v := value.(type) {
	case lua.LString:
		names = []string{string(v)}
	case *lua.LTable:
		names = m.names(L, value, what, form)
	default:
		m.report(L, "as in "+form, "%s must be the name of an event or a list of names, not %s", what, value.Type().String())
		return nil
	}
	for _, name := range names {
		if strings.TrimSpace(name) == "" || len(name) > lifecycle.MaxNameBytes {
			m.report(L, "as in "+form, "%s has a name that no event can have: it is empty or longer than %d bytes", what, lifecycle.MaxNameBytes)
		}
	}
	return names
}

// wordJourney is journey { title = …, stages = { … }, moves = { … } }.
func (m *machine) wordJourney(L *lua.LState) int {
	m.declaring(L, "journey")
	if m.load == nil {
		return 0
	}
	if m.file != journeyFile {
		m.report(L, "use stage { … } here", "journey { … } belongs in journey.lua")
		return 0
	}
	table, ok := L.Get(1).(*lua.LTable)
	if !ok {
		m.report(L, `write journey { title = "…", stages = { "member", … }, moves = { … } }`, "journey needs a table, not %s", kindOf(L, 1))
		return 0
	}
	if m.load.journey != nil {
		m.report(L, "a folder is one journey", "journey is called twice")
		return 0
	}
	j := &journeyTable{moves: map[string][]string{}}
	m.load.journey = j
	_, j.line = m.where(L)
	known := fieldNames(journeyFields)
	for key, value := range m.each(table) {
		switch name := m.display(L, key); name {
		case "title":
			text, ok := value.(lua.LString)
			if !ok || strings.TrimSpace(string(text)) == "" {
				m.report(L, "", "title of a journey must be a text, not %s", kindOfText(value))
			}
			j.title = string(text)
		case "stages":
			j.stages = m.names(L, value, "stages", `stages = { "member", "active" }`)
		case "moves":
			m.moves(L, j, value)
		case "step_back", "entry", "renamed", "retired":
			m.policy(L, j, name, value)
		case "phases":
			m.phases(L, j, value)
		default:
			if !m.commonField(L, &j.common, name, value, slices.Contains(known, name)) {
				m.report(L, didYouMean(name, known, "a journey knows: "+oneOf(known)), "a journey has no %q", cut(name, 80))
			}
		}
	}
	return 0
}

// each visits a table's entries in their order.
func (m *machine) each(table *lua.LTable) iter.Seq2[lua.LValue, lua.LValue] {
	return func(yield func(lua.LValue, lua.LValue) bool) {
		for key, value := table.Next(lua.LNil); key != lua.LNil; key, value = table.Next(key) {
			if !yield(key, value) {
				return
			}
		}
	}
}

// phases reads { { "Attract", "target", "interest" }, … }: a title, then the stages of the phase.
func (m *machine) phases(L *lua.LState, j *journeyTable, value lua.LValue) {
	const form = `phases = { { "Attract", "target", "interest" }, { "Sell", "offer" } }`
	table, ok := value.(*lua.LTable)
	if !ok {
		m.report(L, "as in "+form, "phases must be a list, not %s", value.Type().String())
		return
	}
	for _, value := range m.each(table) {
		phase, ok := value.(*lua.LTable)
		title, titled := lua.LString(""), false
		if ok {
			title, titled = phase.RawGetInt(1).(lua.LString)
			phase.RawSetInt(1, lua.LNil) // a stage may have the same name
		}
		names := m.names(L, value, "a phase", form)
		if !titled || strings.TrimSpace(string(title)) == "" || len(names) < 1 {
			m.report(L, "as in "+form, "a phase is a title and at least one stage")
			continue
		}
		j.phases = append(j.phases, lifecycle.Phase{Title: string(title), Stages: names})
	}
}

func (m *machine) moves(L *lua.LState, j *journeyTable, value lua.LValue) {
	const form = `moves = { ["member"] = { "active" } }, or "next", "forward" or "any"`
	if text, ok := value.(lua.LString); ok {
		if j.forward = string(text); !slices.Contains(forwardPolicies, j.forward) {
			m.report(L, "as in "+form, "moves cannot be %q", cut(j.forward, 80))
		}
		return
	}
	table, ok := value.(*lua.LTable)
	if !ok {
		m.report(L, "as in "+form, "moves must be a table or the name of a policy, not %s", value.Type().String())
		return
	}
	for key, value := range m.each(table) {
		from, ok := key.(lua.LString)
		if !ok {
			m.report(L, "as in "+form, "moves goes from the name of a stage to a list of stages")
			continue
		}
		j.moves[string(from)] = m.names(L, value, "the moves from "+string(from), form)
	}
}

// names reads a list of names, each once.
func (m *machine) names(L *lua.LState, value lua.LValue, what, form string) []string {
	table, ok := value.(*lua.LTable)
	if !ok {
		m.report(L, "as in "+form, "%s must be a list of names, not %s", what, value.Type().String())
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for key, value := range m.each(table) {
		name, ok := value.(lua.LString)
		if _, number := key.(lua.LNumber); !number || !ok {
			m.report(L, "as in "+form, "%s must be a list of names", what)
			return names
		}
		if seen[string(name)] {
			m.report(L, "", "%s names %q twice", what, cut(string(name), 80))
			continue
		}
		seen[string(name)] = true
		names = append(names, string(name))
	}
	return names
}
