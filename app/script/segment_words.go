package script

import (
	"math"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words of segments. They only look, and each says when its answer would change by the passing of time alone: there
// is no clock, no chance and no raw score, and what looks back needs to know how far.

func (m *machine) segmentWords() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"segment": m.wordSegment, "member": m.wordMember,
		"count": m.askCount, "sum": m.askSum, "last": m.askLast,
		"stage": m.askStage, "in_stage_for": m.askStayed,
		"sent": m.askMessages(AskSent), "opened": m.askMessages(AskOpened), "clicked": m.askMessages(AskClicked),
		"score_at_least": m.askScore, "rfm": m.askRFM, "in_segment": m.askMember,
	}
}

// segmentTable is what segment { … } says.
type segmentTable struct {
	title, note string
	line        int
}

// wordSegment is segment { title = "Dormant big spenders" }.
func (m *machine) wordSegment(L *lua.LState) int {
	m.declaring(L, "segment")
	const form = `as in segment { title = "Dormant big spenders" }`
	if m.load == nil {
		return 0
	}
	table, ok := L.Get(1).(*lua.LTable)
	if !ok {
		m.report(L, form, "segment needs a table, not %s", kindOf(L, 1))
		return 0
	}
	if m.load.segment != nil {
		m.report(L, "keep one of them", "segment is called twice")
		return 0
	}
	said := &segmentTable{}
	_, said.line = m.where(L)
	for key, value := table.Next(lua.LNil); key != lua.LNil; key, value = table.Next(key) {
		text, isText := value.(lua.LString)
		name := m.display(L, key)
		switch {
		case name != "title" && name != "note":
			m.report(L, didYouMean(name, []string{"title", "note"}, "segment knows: title, note"), "a segment has no %q", cut(name, 80))
		case !isText || len(text) > maxLogBytes:
			m.report(L, form, "%s of segment must be a text of at most %d bytes", name, maxLogBytes)
		case name == "title":
			said.title = string(text)
		default:
			said.note = string(text)
		}
	}
	m.load.segment = said
	return 0
}

// wordMember is member(function(customer) return … end).
func (m *machine) wordMember(L *lua.LState) int {
	m.declaring(L, "member")
	fn, isFunction := L.Get(1).(*lua.LFunction)
	isFunction = isFunction && !fn.IsG
	if m.count++; m.load == nil {
		if m.count == m.want && isFunction {
			m.found = fn
		}
		return 0
	}
	switch {
	case !isFunction:
		m.report(L, "write member(function(customer) return … end)", "member needs a function, not %s", kindOf(L, 1))
	case m.count > 1:
		m.report(L, "join the conditions with and, or with or", "member is called twice")
	}
	return 0
}

// question asks for what a word wants to know.
func (m *machine) question(L *lua.LState, read Question) any {
	m.looking(L, string(read.Op))
	m.charge(L, costSeen)
	answer, err := m.asking.ask(read)
	if err != nil {
		m.fatal(L, &lifecycle.Error{Code: lifecycle.ScriptFailed, Message: "the customer's past cannot be read", Cause: err})
	}
	return answer
}

// truth gives a yes or a no.
func (m *machine) truth(L *lua.LState, read Question) int {
	yes, _ := m.question(L, read).(bool)
	L.Push(lua.LBool(yes))
	return 1
}

// within reads the window that a word needs.
func (m *machine) within(L *lua.LState, n int, word string) time.Duration {
	if L.Get(n) == lua.LNil {
		m.fail(L, `say how far back to look, as in "90 days": nobody would know otherwise when the answer changes`, "%s needs a duration", word)
	}
	return m.duration(L, m.string(L, n, word, `a duration, such as "90 days",`), word)
}

// askCount is count("Order Completed", "90 days").
func (m *machine) askCount(L *lua.LState) int {
	name := m.eventName(L, 1, "count")
	found, _ := number(m.question(L, Question{Op: AskCount, Name: name, Window: m.within(L, 2, "count")}))
	L.Push(lua.LNumber(found))
	return 1
}

// askSum is sum("Order Completed", "total", "365 days").
func (m *machine) askSum(L *lua.LState) int {
	name := m.eventName(L, 1, "sum")
	property := m.string(L, 2, "sum", `the name of a property, such as "total",`)
	total, _ := number(m.question(L, Question{Op: AskSum, Name: name, Property: property, Window: m.within(L, 3, "sum")}))
	L.Push(lua.LNumber(total))
	return 1
}

// askLast is last("Order Completed", "90 days"): the newest such event, or nil.
func (m *machine) askLast(L *lua.LState) int {
	name := m.eventName(L, 1, "last")
	event, _ := m.question(L, Question{Op: AskLast, Name: name, Window: m.within(L, 2, "last")}).(*lifecycle.Event)
	if event == nil {
		L.Push(lua.LNil)
		return 1
	}
	m.charge(L, len(event.Properties)/costBytes)
	L.Push(m.keptEvent(keep(event)))
	return 1
}

// askStage is stage "customer-lifecycle": the name of the stage, or nil.
func (m *machine) askStage(L *lua.LState) int {
	journey := m.label(L, 1, "stage", `the name of a journey, such as "customer-lifecycle",`)
	L.Push(m.toLua(L, m.question(L, Question{Op: AskStage, Name: journey}), 0))
	return 1
}

// askStayed is in_stage_for("customer-lifecycle", "30 days") or in_stage_for("customer-lifecycle", "30 days", "active").
func (m *machine) askStayed(L *lua.LState) int {
	read := Question{Op: AskStayed, Name: m.label(L, 1, "in_stage_for", `the name of a journey, such as "customer-lifecycle",`)}
	read.Window = m.within(L, 2, "in_stage_for")
	if L.Get(3) != lua.LNil {
		read.Property = m.label(L, 3, "in_stage_for", "the name of a stage")
	}
	return m.truth(L, read)
}

// askMessages is opened("thank-you", "30 days"), opened(nil, "30 days") or opened(nil, "30 days", 3), and so on.
func (m *machine) askMessages(op AskOp) lua.LGFunction {
	word := string(op)
	return func(L *lua.LState) int {
		read := Question{Op: op, Number: 1}
		if L.Get(1) != lua.LNil {
			read.Name = m.label(L, 1, word, "the name of a message, or nil for any,")
		}
		read.Window = m.within(L, 2, word)
		if L.Get(3) != lua.LNil {
			read.Number = m.threshold(L, 3, word)
		}
		if read.Number < 1 {
			m.fail(L, "as in "+word+`(nil, "30 days", 3)`, "%s needs a number of messages from 1 on", word)
		}
		return m.truth(L, read)
	}
}

// askScore is score_at_least(50) or score_at_least("fit", 50).
func (m *machine) askScore(L *lua.LState) int {
	read, at := Question{Op: AskScore}, 1
	if name, named := L.Get(1).(lua.LString); named {
		read.Name, at = string(name), 2
	}
	read.Number = m.threshold(L, at, "score_at_least")
	return m.truth(L, read)
}

func (m *machine) threshold(L *lua.LState, n int, word string) float64 {
	value, ok := L.Get(n).(lua.LNumber)
	if !ok || math.IsNaN(float64(value)) || math.IsInf(float64(value), 0) {
		m.fail(L, "", "%s needs a number, not %s", word, kindOf(L, n))
	}
	return float64(value)
}

// askRFM is rfm { recency = "90 days", frequency = 3, monetary = 500 }, or by rank among all customers rfm { r = 4, f = 5, m = 3 }:
// everything that is said holds.
func (m *machine) askRFM(L *lua.LState) int {
	const form = `as in rfm { recency = "90 days", frequency = 3, monetary = 500 } or rfm { r = 4, f = 5 }`
	table, ok := L.Get(1).(*lua.LTable)
	if !ok {
		m.fail(L, form, "rfm needs a table, not %s", kindOf(L, 1))
	}
	read, said := Question{Op: AskRFM}, 0
	var least [len(ranks)]float64
	for key, value := table.Next(lua.LNil); key != lua.LNil; key, value = table.Next(key) {
		said++
		name := m.display(L, key)
		n, isNumber := value.(lua.LNumber)
		text, isText := value.(lua.LString)
		rank := slices.Index(ranks[:], name)
		switch {
		case name == "recency" && isText:
			read.Window = m.duration(L, string(text), "recency of rfm")
		case name == "frequency" && isNumber && n > 0:
			read.Number = float64(n)
		case name == "monetary" && isNumber && n > 0:
			read.Amount = float64(n)
		case rank >= 0 && isNumber && n >= 1 && n <= 5 && n == lua.LNumber(int(n)):
			least[rank] = float64(n)
		case rank >= 0:
			m.fail(L, form, "%s of rfm is a rank from 1 to 5", name)
		default:
			m.fail(L, form, "rfm cannot use %s", cut(strings.TrimSpace(name), 80))
		}
	}
	if said == 0 {
		m.fail(L, form, "rfm needs at least one of recency, frequency and monetary, or of r, f and m")
	}
	for i, rank := range ranks {
		if least[i] == 0 {
			continue
		}
		if got, _ := number(m.question(L, Question{Op: AskRank, Name: rank})); got < least[i] {
			L.Push(lua.LFalse)
			return 1
		}
	}
	if read == (Question{Op: AskRFM}) {
		L.Push(lua.LTrue)
		return 1
	}
	return m.truth(L, read)
}

// ranks are those of recency, frequency and monetary value.
var ranks = [...]string{"r", "f", "m"}

// askMember is in_segment "big-spenders".
func (m *machine) askMember(L *lua.LState) int {
	return m.truth(L, Question{Op: AskMember, Name: m.string(L, 1, "in_segment", "the name of a segment")})
}
