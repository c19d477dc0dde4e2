package script

import (
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// What tests do with segments and scores.

// award is c:award(40, { name = "fit" }): points as score gives them in a script.
func (t *tester) award(L *lua.LState) int {
	p := t.self(L, "award")
	L.Remove(1)
	points, ok := L.Get(1).(lua.LNumber)
	if !ok || math.IsNaN(float64(points)) || math.Abs(float64(points)) > maxPoints {
		t.wrong(L, `as in c:award(40) or c:award(40, { name = "fit" })`, "award needs a number of points, not %s", kindOf(L, 1))
	}
	award := lifecycle.Award{Points: float64(points)}
	t.scoreOptions(L, &award)
	t.charge(L, costEvent)
	t.changes++
	t.settle(L, t.enter(L).Award(t.ctx, p.who, award))
	return 0
}

// inSegment is c:in_segment "dormant".
func (t *tester) inSegment(L *lua.LState) int {
	p := t.self(L, "in_segment")
	L.Push(lua.LBool(t.isIn(L, p)))
	return 1
}

// matchInSegment is expect(c).to.be.in_segment "dormant".
func (t *tester) matchInSegment(L *lua.LState) int {
	p := t.customerOf(L, `be.in_segment("dormant")`)
	in := t.isIn(L, p)
	actual := "no segment at all"
	if list := p.life.Segments; len(list) > 0 {
		actual = oneOf(list)
	}
	return t.met(L, in, L.Get(2).String()+" among the segments", actual)
}

// isIn reports whether a customer is in the segment that the second argument names. One that there is not would hold nobody,
// and pass where it should not.
func (t *tester) isIn(L *lua.LState, p *person) bool {
	name, life := t.textArg(L, 2, "in_segment", "the name of a segment"), t.life(L, p)
	if !slices.Contains(life.Known, name) {
		t.wrong(L, didYouMean(name, life.Known, "there are: "+oneOf(life.Known)), "there is no segment %q", cut(name, 80))
	}
	return slices.Contains(life.Segments, name)
}
