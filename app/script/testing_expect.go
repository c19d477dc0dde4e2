package script

import (
	"fmt"
	"math"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// expect(value).to.… : words that only read well, words that turn the meaning round, and matchers.

// expectation is what expect returns.
type expectation struct {
	value   lua.LValue
	negated bool
	file    string
	line    int
}

// fillers only read well; turners ask for the opposite. not is a word of Lua and has to be written ["not"].
var (
	fillers = []string{"to", "be", "been", "have", "has", "a", "an", "and", "is"}
	turners = []string{"never", "to_not", "not"}
)

func (t *tester) prepareExpect() {
	t.matchers = map[string]lua.LGFunction{
		"equal": t.matchEqual, "exist": t.matchExist, "truthy": t.matchTruthy, "falsy": t.matchFalsy, "empty": t.matchEmpty,
		"above": t.matchNumber("above", func(a, b float64) bool { return a > b }), "below": t.matchNumber("below", func(a, b float64) bool { return a < b }),
		"at_least": t.matchNumber("at least", func(a, b float64) bool { return a >= b }), "at_most": t.matchNumber("at most", func(a, b float64) bool { return a <= b }),
		"near": t.matchNear, "length": t.matchLength, "contain": t.matchContain, "match": t.matchPattern, "fail": t.matchFail,
		"in": t.matchIn, "in_stage": t.matchIn, "been_in": t.matchBeenIn, "received": t.matchReceived, "tag": t.matchTag, "in_segment": t.matchInSegment,
	}
	functions := t.L.CreateTable(0, len(t.matchers))
	for name, fn := range t.matchers {
		functions.RawSetString(name, t.L.NewFunction(fn))
	}
	t.expectMeta = t.L.CreateTable(0, 1)
	t.expectMeta.RawSetString("__index", t.L.NewFunction(func(L *lua.LState) int {
		data := L.Get(1).(*lua.LUserData)
		e := data.Value.(*expectation)
		name := t.textArg(L, 2, "expect", "a word")
		switch matcher := functions.RawGetString(name); {
		case matcher != lua.LNil:
			// The matcher is called without the expectation before it: expect(x).to.equal(y).
			L.Push(L.NewFunction(func(L *lua.LState) int {
				L.Insert(data, 1)
				return t.matchers[name](L)
			}))
		case slices.Contains(fillers, name):
			L.Push(data)
		case slices.Contains(turners, name):
			e.negated = !e.negated
			L.Push(data)
		default:
			t.pending = nil
			names := append(append(sortedKeys(t.matchers), fillers...), turners...)
			t.wrong(L, didYouMean(name, names, "matchers are: "+strings.Join(sortedKeys(t.matchers), ", ")), "expect has no %q", cut(name, 80))
		}
		return 1
	}))
}

func (t *tester) wordExpect(L *lua.LState) int {
	t.inCase(L, "expect")
	if failure := t.unspoken(); failure != nil {
		t.fault(L, *failure)
	}
	if L.GetTop() == 0 {
		t.wrong(L, "as in expect(c.stage).to.equal(\"active\")", "expect needs a value")
	}
	e := &expectation{value: L.Get(1)}
	e.file, e.line = t.where(L)
	t.pending = e
	L.Push(&lua.LUserData{Value: e, Metatable: t.expectMeta})
	return 1
}

// unspoken is an expect that was never told what to expect: it would pass whatever the value is.
func (t *tester) unspoken() *TestFailure {
	if e := t.pending; e != nil {
		t.pending = nil
		return t.failureAt(e.file, e.line, "this expect says nothing", "add what is expected, as in .to.equal(…) or .to.be.truthy()")
	}
	return nil
}

// met ends the case unless what was found is what was asked for.
func (t *tester) met(L *lua.LState, found bool, expected, actual string) int {
	e := t.matched(L)
	if found == e.negated {
		if e.negated {
			expected = "not " + expected
		}
		t.fault(L, TestFailure{Message: "expected " + expected + ", but it is " + actual, Expected: expected, Actual: actual})
	}
	return 0
}

// matched is the expectation of the matcher that is being called.
func (t *tester) matched(L *lua.LState) *expectation {
	t.pending = nil
	return L.Get(1).(*lua.LUserData).Value.(*expectation)
}

func (t *tester) matchEqual(L *lua.LState) int {
	e := t.matched(L)
	return t.met(L, same(e.value, L.Get(2), 0), t.show(L.Get(2)), t.show(e.value))
}

func (t *tester) matchExist(L *lua.LState) int {
	e := t.matched(L)
	return t.met(L, e.value != lua.LNil, "something", t.show(e.value))
}

func (t *tester) matchTruthy(L *lua.LState) int {
	e := t.matched(L)
	return t.met(L, lua.LVAsBool(e.value), "a true value", t.show(e.value))
}

func (t *tester) matchFalsy(L *lua.LState) int {
	e := t.matched(L)
	return t.met(L, !lua.LVAsBool(e.value), "false or nil", t.show(e.value))
}

func (t *tester) matchEmpty(L *lua.LState) int {
	e := t.matched(L)
	return t.met(L, t.size(L, e.value) == 0, "nothing in it", t.show(e.value))
}

func (t *tester) matchLength(L *lua.LState) int {
	e, n := t.matched(L), t.numberOf(L, L.Get(2), "have.length")
	size := t.size(L, e.value)
	return t.met(L, float64(size) == n, formatNumber(n)+" entries", fmt.Sprintf("%d: %s", size, t.show(e.value)))
}

// size counts the entries of a table or the bytes of a text.
func (t *tester) size(L *lua.LState, value lua.LValue) int {
	switch v := value.(type) {
	case lua.LString:
		return len(v)
	case *lua.LTable:
		n := 0
		v.ForEach(func(lua.LValue, lua.LValue) { n++ })
		return n
	}
	t.wrong(L, "", "a %s has no length", value.Type().String())
	return 0
}

func (t *tester) numberOf(L *lua.LState, value lua.LValue, word string) float64 {
	n, ok := value.(lua.LNumber)
	if !ok {
		t.wrong(L, "", "%s needs numbers, not a %s value", word, value.Type().String())
	}
	return float64(n)
}

func (t *tester) matchNumber(word string, holds func(a, b float64) bool) lua.LGFunction {
	return func(L *lua.LState) int {
		e, b := t.matched(L), t.numberOf(L, L.Get(2), word)
		a := t.numberOf(L, e.value, word)
		return t.met(L, holds(a, b), word+" "+formatNumber(b), formatNumber(a))
	}
}

// matchNear is to.be.near(10, 0.5): for scores that fade.
func (t *tester) matchNear(L *lua.LState) int {
	e, b, within := t.matched(L), t.numberOf(L, L.Get(2), "near"), 0.01
	if L.Get(3) != lua.LNil {
		within = t.numberOf(L, L.Get(3), "near")
	}
	a := t.numberOf(L, e.value, "near")
	return t.met(L, math.Abs(a-b) <= within, formatNumber(b)+" ± "+formatNumber(within), formatNumber(a))
}

// matchContain looks for a part of a text, or for an entry of a table.
func (t *tester) matchContain(L *lua.LState) int {
	e, part := t.matched(L), L.Get(2)
	found := false
	switch v := e.value.(type) {
	case lua.LString:
		text, ok := part.(lua.LString)
		if !ok {
			t.wrong(L, "", "a text can only contain a text, not a %s value", part.Type().String())
		}
		found = strings.Contains(string(v), string(text))
	case *lua.LTable:
		v.ForEach(func(_, value lua.LValue) { found = found || same(value, part, 0) })
	default:
		t.wrong(L, "give expect a text or a table", "a %s value contains nothing", e.value.Type().String())
	}
	return t.met(L, found, t.show(part)+" in it", t.show(e.value))
}

// matchPattern is to.match("%d+ days"), with Lua's patterns.
func (t *tester) matchPattern(L *lua.LState) int {
	e := t.matched(L)
	text, ok := e.value.(lua.LString)
	if !ok {
		t.wrong(L, "", "only a text can match a pattern, not a %s value", e.value.Type().String())
	}
	pattern := t.textArg(L, 2, "match", "a pattern")
	L.Push(t.words.RawGetString("string").(*lua.LTable).Metatable.(*lua.LTable).RawGetString("__index").(*lua.LTable).RawGetString("find"))
	L.Push(text)
	L.Push(lua.LString(pattern))
	L.Call(2, 1)
	found := L.Get(-1) != lua.LNil
	L.Pop(1)
	return t.met(L, found, "something that matches "+quoteArg(pattern), t.show(text))
}

// matchFail is expect(function() … end).to.fail("part of the message"): also for a script that is meant to fail.
func (t *tester) matchFail(L *lua.LState) int {
	e := t.matched(L)
	fn, ok := e.value.(*lua.LFunction)
	if !ok {
		t.wrong(L, `as in expect(function() c:track("Order") end).to.fail("…")`, "fail needs a function, not a %s value", e.value.Type().String())
	}
	part := ""
	if L.Get(2) != lua.LNil {
		part = t.textArg(L, 2, "fail", "a part of the message")
	}
	before := t.failure
	L.Push(fn)
	err := L.PCall(0, 0, nil)
	if t.labFailed != nil || t.again || t.budget.over != nil {
		L.Error(lua.LString("the case cannot go on"), 0)
	}
	actual := "nothing failed"
	if err != nil {
		actual = err.Error()
		if t.failure != nil && t.failure != before {
			actual = t.failure.Message
		}
	}
	t.failure, t.pending = before, nil
	expected := "a failure"
	if part != "" {
		expected += " that says " + quoteArg(part)
	}
	return t.met(L, err != nil && strings.Contains(actual, part), expected, cut(actual, 4*maxTestSay))
}

// customerOf is the customer that an expectation is about.
func (t *tester) customerOf(L *lua.LState, matcher string) *person {
	e := t.matched(L)
	if data, ok := e.value.(*lua.LUserData); ok {
		if p, ok := data.Value.(*person); ok {
			return p
		}
	}
	t.wrong(L, "as in expect(c).to."+matcher, "this is about a customer, not a %s value", e.value.Type().String())
	return nil
}

// stageName is the name of a stage that there is.
func (t *tester) stageName(L *lua.LState, n int, word string) string {
	name := t.textArg(L, n, word, "the name of a stage")
	if t.source.Files[name+".lua"] == nil || name+".lua" == journeyFile {
		var known []string
		for path := range t.source.Files {
			if stage, ok := strings.CutSuffix(path, ".lua"); ok && path != journeyFile && !strings.Contains(path, "/") {
				known = append(known, stage)
			}
		}
		t.wrong(L, didYouMean(name, known, "there are: "+oneOf(known)), "there is no stage %q", cut(name, 80))
	}
	return name
}

func (t *tester) matchIn(L *lua.LState) int {
	p, stage := t.customerOf(L, `be.in_stage("active")`), t.stageName(L, 2, "in_stage")
	actual := "in no stage"
	visit := t.life(L, p).Customer.Visit(t.source.Name)
	if visit != nil && visit.Stage != "" {
		actual = "in stage " + visit.Stage
	}
	return t.met(L, actual == "in stage "+stage, "in stage "+stage, actual)
}

func (t *tester) matchBeenIn(L *lua.LState) int {
	p, stage := t.customerOf(L, `have.been_in("active")`), t.stageName(L, 2, "been_in")
	stages := t.facts(t.life(L, p), lifecycle.FactEntered, func(f lifecycle.Fact) string { return f.To })
	return t.met(L, slices.Contains(stages, any(stage)), stage+" among the stages", t.show(fromGo(L, stages)))
}

// matchReceived is to.have.received("name") or, exactly so often, to.have.received("name", 2).
func (t *tester) matchReceived(L *lua.LState) int {
	p, name := t.customerOf(L, `have.received("thank-you")`), t.messageName(L, 2, "received")
	messages := t.life(L, p).Messages
	n := countOf(receivedNames(messages), name)
	found, expected := n > 0, name+" among the messages received"
	if L.Get(3) != lua.LNil {
		times := t.numberOf(L, L.Get(3), "received")
		found, expected = float64(n) == times, fmt.Sprintf("%s received %s times", name, formatNumber(times))
	}
	return t.met(L, found, expected, receivedText(messages))
}

func (t *tester) matchTag(L *lua.LState) int {
	p, tag := t.customerOf(L, `have.tag("vip")`), t.textArg(L, 2, "tag", "the name of a tag")
	tags := t.life(L, p).Customer.Tags
	actual := "no tag at all"
	if len(tags) > 0 {
		actual = strings.Join(tags, ", ")
	}
	return t.met(L, slices.Contains(tags, tag), tag+" among the tags", actual)
}
