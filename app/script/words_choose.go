package script

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// wordSplit is split("name", "a", "b", …) with { weights = { 70, 30 } } as a last argument. The answer depends on the
// customer and the name alone: the same customer always gets the same one.
func (m *machine) wordSplit(L *lua.LState) int {
	m.looking(L, "split") // a goal may ask for it: the answer is the customer's for ever
	const form = `as in split("greeting", "short", "long", { weights = { 70, 30 } })`
	name := m.label(L, 1, "split", `a name, such as "greeting",`)
	top := L.GetTop()
	var weights *lua.LTable
	if _, ok := L.Get(top).(*lua.LTable); ok && top > 1 {
		for _, w := range m.options(L, top, "split", form, splitOptions) {
			if weights, ok = w.(*lua.LTable); !ok {
				m.fail(L, form, "weights of split must be a list of numbers, not %s", w.Type().String())
			}
		}
		top--
	}
	values := make([]any, 0, max(top-1, 0))
	for i := 2; i <= top; i++ {
		values = append(values, m.choice(L, L.Get(i), "split", form))
	}
	m.enough(L, values, "split", form)
	odds := m.weights(L, weights, len(values), form)
	arg := quoteArg(name) + " " + canonical(values)
	if weights != nil {
		arg += " " + canonical(anyList(odds))
	}
	var given any
	at := 0
	if m.pos >= m.recorded {
		at = SplitOf(m.call.Customer.ID, name, odds)
		given = values[at]
	}
	given, live := m.step(L, "split", longArg(arg), given)
	if live && m.kind != lifecycle.OnGoal {
		m.effect(L, Effect{Kind: Split, Name: name, Value: given, Odds: odds[at]})
	}
	L.Push(m.toLua(L, given, 0))
	return 1
}

// SplitOf returns which value a split of a name gives a customer. The odds add up to 1.
func SplitOf(customer lifecycle.ID, name string, odds []float64) int {
	id := lifecycle.HashID("split", customer.Part(), name)
	return pickOne(binary.BigEndian.Uint64(id[:8]), odds)
}

// wordChoose is choose("name", { "a", "b" }, { goal = "Order Completed" }): one of the values, drawn by the run with even
// odds.
func (m *machine) wordChoose(L *lua.LState) int {
	m.acting(L, "choose")
	const form = `as in choose("subject", { "short", "long" }, { goal = "Order Completed" })`
	name := m.label(L, 1, "choose", `a name, such as "subject",`)
	table, ok := L.Get(2).(*lua.LTable)
	if !ok {
		m.fail(L, form, "choose needs a list of values, not %s", kindOf(L, 2))
	}
	values := make([]any, 0, 8)
	for i := 1; i <= min(table.Len(), maxValues+1); i++ {
		values = append(values, m.choice(L, table.RawGetInt(i), "choose", form))
	}
	m.enough(L, values, "choose", form)
	goal := ""
	if stage := m.program.Journey.Stage(m.call.Stage); stage != nil && len(stage.Goals) > 0 {
		goal = stage.Goals[0]
	}
	arg := quoteArg(name) + " " + canonical(values)
	for _, option := range m.options(L, 3, "choose", form, chooseOptions) {
		text, ok := option.(lua.LString)
		if goal = string(text); !ok || goal == "" || len(goal) > lifecycle.MaxNameBytes {
			m.fail(L, form, "goal of choose must be the name of an event")
		}
		arg += " " + quoteArg(goal)
	}
	odds := m.weights(L, nil, len(values), form)
	var given any
	if m.pos >= m.recorded {
		given = values[pickOne(m.draw(), odds)]
	}
	given, live := m.step(L, "choose", longArg(arg), given)
	if live {
		m.effect(L, Effect{Kind: Choose, Name: name, Value: given, Odds: odds[0], Text: goal})
	}
	L.Push(m.toLua(L, given, 0))
	return 1
}

// choice takes one value that may be given to a customer.
func (m *machine) choice(L *lua.LState, value lua.LValue, word, form string) any {
	m.charge(L, 1)
	switch value.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		return m.fromLua(L, value, "a value of "+word)
	}
	m.fail(L, form, "%s gives texts, numbers, true or false, not a %s", word, value.Type().String())
	return nil
}

func (m *machine) enough(L *lua.LState, values []any, word, form string) {
	if len(values) < 2 || len(values) > maxValues {
		m.fail(L, form, "%s needs 2 to %d values, not %d", word, maxValues, len(values))
	}
}

// weights returns the share of each of n values; without weights they are even.
func (m *machine) weights(L *lua.LState, list *lua.LTable, n int, form string) []float64 {
	odds := make([]float64, n)
	for i := range odds {
		odds[i] = 1 / float64(n)
	}
	if list == nil {
		return odds
	}
	sum := 0.0
	for i := range odds {
		w, ok := list.RawGetInt(i + 1).(lua.LNumber)
		if !ok || !(w >= 0) || math.IsInf(float64(w), 0) || list.Len() != n {
			m.fail(L, form, "split needs one weight per value, each a number from 0")
		}
		odds[i] = float64(w)
		sum += odds[i]
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		m.fail(L, form, "the weights of split add up to %s", formatNumber(sum))
	}
	for i := range odds {
		odds[i] /= sum
	}
	return odds
}

// pickOne finds the value in whose share of [0, 1) a random number falls.
func pickOne(drawn uint64, odds []float64) int {
	at := float64(drawn>>11) / (1 << 53)
	last := 0
	for i, share := range odds {
		if share <= 0 {
			continue
		}
		if at < share {
			return i
		}
		at -= share
		last = i
	}
	return last // what rounding has left over
}

func anyList(numbers []float64) []any {
	list := make([]any, len(numbers))
	for i, n := range numbers {
		list[i] = n
	}
	return list
}
