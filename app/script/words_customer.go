package script

import (
	"math"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that change the customer. The engine applies them after the handler has ended or waits; until then they
// are laid over what the handler reads.

// writes is what a run has changed since it last waited.
type writes struct {
	traits map[string]any // nil: removed
	tags   map[string]bool
	points float64
}

// wordSet is set("plan", "pro"): a trait; nil removes it.
func (m *machine) wordSet(L *lua.LState) int {
	m.acting(L, "set")
	name := m.label(L, 1, "set", `the name of a trait, such as "plan",`)
	if hasField(customerFields, name) {
		hint := map[string]string{"stage": `use move "…"`, "score": "use score(10)", "tags": `use tag "…"`}[name]
		m.fail(L, hint, "%s is no trait and cannot be set", name)
	}
	if L.GetTop() < 2 {
		m.fail(L, `as in set("plan", "pro"); set("plan", nil) removes it`, "set needs a value")
	}
	value := m.fromLua(L, L.Get(2), "a trait")
	if _, live := m.step(L, "set", longArg(quoteArg(name)+" "+canonical(value)), nil); live {
		m.effect(L, Effect{Kind: Set, Name: name, Value: value})
	}
	if m.own.traits == nil {
		m.own.traits = map[string]any{}
	}
	m.own.traits[name] = value
	return 0
}

func (m *machine) wordTag(L *lua.LState) int   { return m.tagging(L, Tag, true) }
func (m *machine) wordUntag(L *lua.LState) int { return m.tagging(L, Untag, false) }

// tagging is tag "vip" and untag "vip".
func (m *machine) tagging(L *lua.LState, kind EffectKind, on bool) int {
	m.acting(L, string(kind))
	name := m.label(L, 1, string(kind), `a tag, such as "vip",`)
	if _, live := m.step(L, string(kind), quoteArg(name), nil); live {
		m.effect(L, Effect{Kind: kind, Name: name})
	}
	if m.own.tags == nil {
		m.own.tags = map[string]bool{}
	}
	m.own.tags[name] = on
	return 0
}

// label reads a name of the user's own: one line of at most 200 bytes.
func (m *machine) label(L *lua.LState, n int, word, what string) string {
	name := m.string(L, n, word, what)
	if strings.TrimSpace(name) == "" || len(name) > lifecycle.MaxNameBytes || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
		m.fail(L, "", "%s needs a name of one line, of at most %d bytes", word, lifecycle.MaxNameBytes)
	}
	return name
}

// tagged is customer.tags.name.
func (m *machine) tagged(L *lua.LState, name string) bool {
	if on, ok := m.own.tags[name]; ok {
		return on
	}
	on, _ := m.look(L, "customer", "tags."+name, func() any { return slices.Contains(m.call.Customer.Tags, name) }).(bool)
	return on
}

// wordScore is score(10) or score(10, { half_life = "30 days" }).
func (m *machine) wordScore(L *lua.LState) int {
	m.acting(L, "score")
	points, ok := L.Get(1).(lua.LNumber)
	if !ok || math.IsNaN(float64(points)) || math.Abs(float64(points)) > maxPoints {
		m.fail(L, `as in score(10) or score(10, { half_life = "30 days" })`, "score needs a number of points, not %s", m.shownShort(L, 1))
	}
	arg, halfLife := canonical(float64(points)), time.Duration(0)
	for _, option := range m.options(L, 2, "score", `as in score(10, { half_life = "30 days" })`, scoreOptions) {
		text, ok := option.(lua.LString)
		if !ok {
			m.fail(L, `as in { half_life = "30 days" }`, "half_life of score must be a duration, not %s", option.Type().String())
		}
		halfLife = m.duration(L, string(text), "half_life of score")
		arg += " { half_life = " + quoteArg(string(text)) + " }"
	}
	if _, live := m.step(L, "score", arg, nil); live {
		m.effect(L, Effect{Kind: Score, Points: float64(points), HalfLife: halfLife})
	}
	m.own.points += float64(points)
	return 0
}

// points is customer.score: what the record says as of now, and what this run has given since.
func (m *machine) points(L *lua.LState) float64 {
	score, _ := number(m.look(L, "customer", "score", func() any { return m.call.Customer.Score(m.call.Now) }))
	return score + m.own.points
}

func (m *machine) shownShort(L *lua.LState, n int) string {
	if v, ok := L.Get(n).(lua.LNumber); ok {
		return formatNumber(float64(v))
	}
	return kindOf(L, n)
}
