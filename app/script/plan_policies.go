package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// policies is what journey.lua may say about moves, entry and former stages in few words.
type policies struct {
	forward string // next, forward or any; "": the moves are listed
	back    string // previous or any; "": none
	entry   []string
	byHand  bool
	renamed map[string]string
	retired map[string]string
}

var (
	forwardPolicies = []string{"next", "forward", "any"}
	backPolicies    = []string{"previous", "any"}
)

// policy reads one field of journey { … }.
func (m *machine) policy(L *lua.LState, j *journeyTable, name string, value lua.LValue) {
	switch name {
	case "step_back":
		text, _ := value.(lua.LString)
		if j.back = string(text); !slices.Contains(backPolicies, j.back) {
			m.report(L, `as in step_back = "previous", or "any"`, "step_back cannot be %s", cut(shownValue(value), 80))
		}
	case "entry":
		if value == lua.LFalse {
			j.byHand = true
			return
		}
		const form = `entry = "Signed Up", a list of such names, or false for nobody`
		if j.entry = m.eventNames(L, value, "entry", form); len(j.entry) == 0 {
			m.report(L, "as in "+form, "entry names no event")
		}
	case "renamed":
		j.renamed = m.heirs(L, value, name, `renamed = { ["old"] = "new" }`, false)
	case "retired":
		j.retired = m.heirs(L, value, name, `retired = { ["old"] = "another" }, or false for out of the journey`, true)
	}
}

// heirs reads a table from former stages to stages. false stands for none, where that is allowed.
func (m *machine) heirs(L *lua.LState, value lua.LValue, what, form string, orNone bool) map[string]string {
	table, ok := value.(*lua.LTable)
	if !ok {
		m.report(L, "as in "+form, "%s must be a table, not %s", what, value.Type().String())
		return nil
	}
	heirs := map[string]string{}
	for key, value := range m.each(table) {
		from, named := key.(lua.LString)
		to, ok := value.(lua.LString)
		if none := value == lua.LFalse && orNone; !named || !ok && !none || ok && to == "" {
			m.report(L, "as in "+form, "%s goes from the name of a former stage to that of a stage", what)
			continue
		}
		heirs[string(from)] = string(to)
	}
	return heirs
}

// buildPolicies writes the moves of a policy out, so that nothing else has to know of policies, and takes over the rest.
func (c *compiler) buildPolicies() {
	p, stages := &c.plan.policies, c.Journey.Stages
	allow := func(from, to int) {
		name := stages[from].Name
		if !c.Journey.MayMove(name, stages[to].Name) {
			c.Journey.Moves[name] = append(slices.Clone(c.Journey.Moves[name]), stages[to].Name)
		}
	}
	for i := range stages {
		for k := range stages {
			switch {
			case k == i+1 && p.forward != "", k > i && p.forward != "next" && p.forward != "", k != i && p.forward == "any":
				allow(i, k)
			case k == i-1 && p.back != "", k < i && p.back == "any":
				allow(i, k)
			}
		}
	}
	c.Journey.Entry, c.Journey.ByHand = p.entry, p.byHand
	c.Journey.Renamed = c.formerStages(p.renamed, "renamed")
	c.Journey.Retired = c.formerStages(p.retired, "retired")
	for _, name := range slices.Sorted(maps.Keys(p.renamed)) {
		if _, both := p.retired[name]; both {
			c.report(journeyFile, c.lineOf(name), "keep it in one of them", "%q is both renamed and retired", cut(name, 80))
		}
	}
}

// formerStages checks that former stages are none any more, and that their heirs are. An heir may be a former stage itself: then
// its own is meant.
func (c *compiler) formerStages(heirs map[string]string, what string) map[string]string {
	for _, from := range slices.Sorted(maps.Keys(heirs)) {
		to := heirs[from]
		for n := 0; n < len(heirs) && to != "" && c.Journey.Index(to) < 0; n++ {
			next, former := heirs[to]
			if !former {
				next, former = c.Journey.Renamed[to]
			}
			if !former {
				break
			}
			to = next
		}
		heirs[from] = to
		switch {
		case c.Journey.Index(from) >= 0:
			c.report(journeyFile, c.lineOf(from), "take it out of stages, or out of "+what, "%s names %q, which is a stage still", what, cut(from, 80))
		case !validName(from):
			c.report(journeyFile, c.lineOf(from), nameRule, "%q cannot have been the name of a stage", cut(from, 80))
		case to != "" && c.Journey.Index(to) < 0:
			c.report(journeyFile, c.lineOf(to), didYouMean(to, c.plan.stages, "stages are: "+strings.Join(quoted(c.plan.stages), ", ")), "%s names %q, which is not a stage", what, cut(to, 80))
		}
	}
	return heirs
}
