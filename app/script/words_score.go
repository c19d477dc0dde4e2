package script

import (
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// wordScore is score(10) or score(10, { name = "fit", half_life = "30 days", cap = 100, once = "newsletter" }).
func (m *machine) wordScore(L *lua.LState) int {
	m.acting(L, "score")
	points, ok := L.Get(1).(lua.LNumber)
	if !ok || math.IsNaN(float64(points)) || math.Abs(float64(points)) > maxPoints {
		m.fail(L, `as in score(10) or score(10, { half_life = "30 days" })`, "score needs a number of points, not %s", m.shownShort(L, 1))
	}
	award := lifecycle.Award{Points: float64(points)}
	said := m.scoreOptions(L, &award)
	arg := canonical(float64(points))
	for _, field := range scoreOptions { // in one order
		if text, is := said[field.bare()]; is {
			arg += " { " + field.bare() + " = " + text + " }"
		}
	}
	if _, live := m.step(L, "score", longArg(arg), nil); live {
		m.effect(L, Effect{Kind: Score, Award: award})
		if m.own.scored == nil {
			c := m.call.Customer
			m.own.scored = &lifecycle.Customer{Points: c.Points, Scores: c.Scores} // Give copies what it changes
		}
		m.own.scored.Give(m.call.Scores.Bind(award), m.call.Now)
	}
	m.seen = slices.DeleteFunc(m.seen, func(s seen) bool { return s.op == "customer" && s.arg == scorePath(award.Name) })
	return 0
}

// scoreOptions reads the options into the award, and returns them as they stand in a journal.
func (m *machine) scoreOptions(L *lua.LState, award *lifecycle.Award) map[string]string {
	const form = `as in score(10, { name = "fit", half_life = "30 days", cap = 100, once = "newsletter" })`
	var said map[string]string
	for name, option := range m.options(L, 2, "score", form, scoreOptions) {
		if said == nil {
			said = map[string]string{}
		}
		text, isText := option.(lua.LString)
		n, isNumber := option.(lua.LNumber)
		switch {
		case name == "half_life" && isText:
			award.HalfLife = m.duration(L, string(text), "half_life of score")
		case name == "half_life":
			m.fail(L, `as in { half_life = "30 days" }`, "half_life of score must be a duration, not %s", option.Type().String())
		case (name == "cap" || name == "floor") && (!isNumber || math.IsNaN(float64(n)) || math.IsInf(float64(n), 0)):
			m.fail(L, form, "%s of score must be a number, not %s", name, option.Type().String())
		case name == "cap":
			limit := float64(n)
			award.Cap = &limit
		case name == "floor":
			limit := float64(n)
			award.Floor = &limit
		case !isText || text == "" || len(text) > lifecycle.MaxNameBytes:
			m.fail(L, form, "%s of score must be a text of at most %d bytes", name, lifecycle.MaxNameBytes)
		case name == "name":
			award.Name = string(text)
		case name == "once":
			award.Once = string(text)
		}
		if isText {
			said[name] = quoteArg(string(text))
		} else {
			said[name] = canonical(float64(n))
		}
	}
	return said
}

// scorePath is how scripts write that they read a score.
func scorePath(name string) string {
	if name == "" {
		return "score"
	}
	return "scores." + name
}

// points is customer.score or customer.scores.name: what the record says as of now, with what this run has given since.
func (m *machine) points(L *lua.LState, name string) float64 {
	score, _ := number(m.look(L, "customer", scorePath(name), func() any { return m.scored().ScoreNamed(name, m.call.Now) }))
	return score
}

func (m *machine) scored() *lifecycle.Customer {
	if m.own.scored != nil {
		return m.own.scored
	}
	return m.call.Customer
}

// allScores is what pairs lists: those that have a name.
func (m *machine) allScores(L *lua.LState) map[string]any {
	names, _ := m.look(L, "customer", "scores", func() any {
		names := []any{}
		for _, name := range m.call.Customer.ScoreNames() {
			if name != "" {
				names = append(names, name)
			}
		}
		return names
	}).([]any)
	all := map[string]any{}
	for _, name := range names {
		if name, ok := name.(string); ok {
			all[name] = m.points(L, name)
		}
	}
	return all
}
