package script

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that change the customer. The engine applies them after the handler has ended or waits; until then they
// are laid over what the handler reads.

// writes is what a run has changed since it last waited.
type writes struct {
	traits map[string]any // nil: removed
	tags   map[string]bool
	scored *lifecycle.Customer // the points, with what was given since; nil: nothing was
}

// wordSet is set("plan", "pro"): a trait; nil removes it.
func (m *machine) wordSet(L *lua.LState) int {
	m.acting(L, "set")
	name := m.label(L, 1, "set", `the name of a trait, such as "plan",`)
	if hasField(customerFields, name) {
		hint := map[string]string{"stage": `use move "…"`, "score": "use score(10)", "scores": `use score(10, { name = "fit" })`, "tags": `use tag "…"`}[name]
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

func (m *machine) shownShort(L *lua.LState, n int) string {
	if v, ok := L.Get(n).(lua.LNumber); ok {
		return formatNumber(float64(v))
	}
	return kindOf(L, n)
}
