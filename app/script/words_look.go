package script

import (
	"encoding/json"
	"math/bits"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that look: at the customer's past, the time and chance. What they return is in the journal.

// wordCount is count("Order Completed", "30 days").
func (m *machine) wordCount(L *lua.LState) int {
	m.looking(L, "count")
	name := m.eventName(L, 1, "count")
	window, arg := m.window(L, 2, "count")
	found, _ := number(m.look(L, "count", quoteArg(name)+arg, func() any {
		n := 0.0
		m.past(L, name, window, func(time.Time, *lifecycle.Event) bool { n++; return true })
		return n
	}))
	L.Push(lua.LNumber(found))
	return 1
}

// wordSum is sum("Order Completed", "revenue", "90 days").
func (m *machine) wordSum(L *lua.LState) int {
	m.looking(L, "sum")
	name := m.eventName(L, 1, "sum")
	property := m.string(L, 2, "sum", `the name of a property, such as "revenue",`)
	window, arg := m.window(L, 3, "sum")
	total, _ := number(m.look(L, "sum", longArg(quoteArg(name)+" "+quoteArg(property)+arg), func() any {
		total := 0.0
		m.past(L, name, window, func(_ time.Time, event *lifecycle.Event) bool {
			m.charge(L, len(event.Properties)/costBytes)
			total += Amount(event.Properties, property)
			return true
		})
		return total
	}))
	L.Push(lua.LNumber(total))
	return 1
}

// Amount is a property as a number: numbers and texts that are one count, everything else is 0.
func Amount(properties json.RawMessage, name string) float64 {
	n, _ := AmountOf(lifecycle.Property(properties, name))
	return n
}

// AmountOf is the value of a property as a number; false, and 0, if it is none, or beyond lifecycle.MaxAmount.
func AmountOf(value json.RawMessage) (float64, bool) {
	text := string(value)
	if strings.HasPrefix(text, `"`) && json.Unmarshal(value, &text) != nil {
		return 0, false
	}
	if strings.ContainsAny(text, "xX") {
		return 0, false // Lua's numbers may be hexadecimal, an amount of money is not
	}
	n, ok := parseNumber(text)
	if !ok || !lifecycle.IsAmount(n) {
		return 0, false
	}
	return n, true
}

// wordLast is last("Order Completed"): the newest such event, or nil.
func (m *machine) wordLast(L *lua.LState) int {
	m.looking(L, "last")
	name := m.eventName(L, 1, "last")
	L.Push(m.keptEvent(m.look(L, "last", quoteArg(name), func() any {
		var newest any
		m.past(L, name, 0, func(at time.Time, event *lifecycle.Event) bool {
			m.charge(L, len(event.Properties)/costBytes)
			found := *event
			found.Timestamp = at
			newest = keep(&found)
			return false
		})
		return newest
	})))
	return 1
}

// past visits the customer's events of a name in (now - window, now], newest first; without a window all of them. Every
// entry that has to be looked at costs a step.
func (m *machine) past(L *lua.LState, name string, window time.Duration, visit func(time.Time, *lifecycle.Event) bool) {
	if m.call.History == nil {
		return
	}
	var since time.Time
	if window > 0 {
		since = m.call.Now.Add(-window + 1)
	}
	visited := 0
	m.budget.read = true
	looked, err := m.call.History.Events(name, since, func(at time.Time, event *lifecycle.Event) bool {
		visited++
		m.charge(L, 1)
		more := visit(at, event)
		m.budget.read = true
		return more
	})
	if err != nil {
		m.fatal(L, &lifecycle.Error{Code: lifecycle.ScriptFailed, Message: "the customer's past cannot be read", Cause: err})
	}
	m.charge(L, max(looked-visited, 0))
}

// wordNow is now(): seconds since 1970.
func (m *machine) wordNow(L *lua.LState) int {
	m.looking(L, "now")
	at, _ := number(m.look(L, "now", "", func() any { return float64(m.call.Now.UnixNano()/1e3) / 1e6 }))
	L.Push(lua.LNumber(at))
	return 1
}

// wordRandom is random(), random(n) or random(m, n).
func (m *machine) wordRandom(L *lua.LState) int {
	m.looking(L, "random")
	arg, from, to := "", int64(1), int64(0)
	switch L.GetTop() {
	case 0:
	case 1:
		to = m.whole(L, 1)
		arg = formatNumber(float64(to))
	default:
		from, to = m.whole(L, 1), m.whole(L, 2)
		arg = formatNumber(float64(from)) + " " + formatNumber(float64(to))
	}
	if arg != "" && from > to {
		m.fail(L, "as in random(), random(6) or random(10, 20)", "random finds no whole number from %d to %d", from, to)
	}
	var drawn any
	if m.pos >= m.recorded {
		if seed := m.draw(); arg == "" {
			drawn = float64(seed>>11) / (1 << 53)
		} else {
			above, _ := bits.Mul64(seed, uint64(to-from)+1)
			drawn = float64(from + int64(above))
		}
	}
	drawn, _ = m.step(L, "random", arg, drawn)
	L.Push(m.toLua(L, drawn, 0))
	return 1
}

// draw is a random number that belongs to the run and the step: splitmix64 (Steele, Lea, Flood 2014) of seed and step.
func (m *machine) draw() uint64 { return mixed(m.call.Seed + uint64(m.pos+1)*0x9e3779b97f4a7c15) }

func mixed(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
