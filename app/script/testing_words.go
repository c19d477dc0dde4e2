package script

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words of tests: describe, it, before_each, customer, advance, at, now, expect. Everything else is Lua's, as
// scripts have it.

// testWorld is the world of the case under way. It is made when something is first done in it.
type testWorld struct {
	begins  time.Time
	now     time.Time
	seed    string // makes the IDs of the case: the same in every run
	world   Case
	people  []*person
	events  int
	changes int // grows with everything that is done
	pending *expectation
}

// person is what a test holds of a customer.
type person struct {
	who   lifecycle.Identity
	label string
	life  *Life
	at    int // the change at which life was read
}

func (t *tester) prepareWords() {
	L := t.L
	t.words = L.CreateTable(0, 32)
	for name, fn := range map[string]lua.LGFunction{
		"describe": t.wordDescribe, "it": t.wordIt, "before_each": t.wordBeforeEach, "customer": t.wordCustomer,
		"advance": t.wordAdvance, "at": t.wordAt, "now": t.wordNow, "expect": t.wordExpect,
	} {
		t.words.RawSetString(name, L.NewFunction(fn))
	}
	base := t.envMeta.RawGetString("__index").(*lua.LTable)
	for name := range t.baseLib() {
		t.words.RawSetString(name, base.RawGetString(name))
	}
	for _, name := range []string{"string", "table", "math", wordSet, wordTable, wordKey, wordConcat} {
		t.words.RawSetString(name, base.RawGetString(name))
	}
	meta := L.CreateTable(0, 1)
	meta.RawSetString("__index", L.NewFunction(t.unknown))
	t.env.Metatable = meta
	t.prepareExpect()
	t.methods = L.CreateTable(0, 16)
	for name, fn := range map[string]lua.LGFunction{
		"track": t.track, "identify": t.identify, "received": t.received, "inbox": t.inbox, "messages": t.messagesOf, "has_tag": t.hasTag, "in_segment": t.inSegment, "award": t.award,
		"open": t.answer("Opened"), "click": t.answer("Clicked"), "reply": t.answer("Replied"), "dismiss": t.answer("Dismissed"), "bounce": t.answer("Bounced"),
		"complain": t.answer("Complained"), "deliver": t.answer("Delivered"),
	} {
		t.methods.RawSetString(name, L.NewFunction(fn))
	}
	t.personMeta = L.CreateTable(0, 2)
	t.personMeta.RawSetString("__index", L.NewFunction(t.personField))
	t.personMeta.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		t.wrong(L, `customers change by what happens to them: c:identify { plan = "pro" }`, "a customer's fields cannot be set")
		return 0
	}))
}

// unknown is a global that the file has not defined: a word, or a mistake.
func (t *tester) unknown(L *lua.LState) int {
	name, ok := L.Get(2).(lua.LString)
	if !ok {
		return 0
	}
	if value := t.words.RawGetString(string(name)); value != lua.LNil {
		L.Push(value)
		return 1
	}
	if _, stage := t.stageWords()[string(name)]; stage {
		t.wrong(L, "a test looks from outside: it lets things happen with c:track, and expects what follows", "%s is a word of stage scripts; tests do not have it", name)
	}
	t.wrong(L, didYouMean(string(name), append(t.wordNames(), "local"), "define it with local first"), "there is no %q", cut(string(name), 80))
	return 0
}

func (t *tester) wordNames() (names []string) {
	t.words.ForEach(func(key, _ lua.LValue) {
		if name := key.String(); isWord(name) {
			names = append(names, name)
		}
	})
	return names
}

func (t *tester) textArg(L *lua.LState, n int, word, what string) string {
	text, ok := L.Get(n).(lua.LString)
	if !ok {
		t.wrong(L, "", "%s needs %s, not %s", word, what, kindOf(L, n))
	}
	return string(text)
}

func (t *tester) functionArg(L *lua.LState, n int, form string) *lua.LFunction {
	fn, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		t.wrong(L, "write "+form, "a function is missing")
	}
	return fn
}

func (t *tester) whileLoading(L *lua.LState, word string) {
	if t.loaded {
		t.wrong(L, "put it beside the other cases", "%s stands inside a case", word)
	}
}

func (t *tester) wordDescribe(L *lua.LState) int {
	t.whileLoading(L, "describe")
	name := t.textArg(L, 1, "describe", "a name")
	fn := t.functionArg(L, 2, `describe("the stage", function() … end)`)
	t.group = &testGroup{name: cut(name, maxNames), parent: t.group}
	L.Push(fn)
	L.Call(0, 0)
	t.group = t.group.parent
	return 0
}

func (t *tester) wordIt(L *lua.LState) int {
	t.whileLoading(L, "it")
	c := testCase{group: t.group, name: cut(t.textArg(L, 1, "it", "a sentence"), maxNames), fn: t.functionArg(L, 2, `it("says thank you", function() … end)`)}
	if len(t.cases) >= maxCases {
		t.wrong(L, "split the file", "a file may have %d cases", maxCases)
	}
	_, c.line = t.where(L)
	name := t.fullName(c)
	c.same = t.timesNamed[name]
	t.timesNamed[name]++
	t.cases = append(t.cases, c)
	return 0
}

func (t *tester) wordBeforeEach(L *lua.LState) int {
	t.whileLoading(L, "before_each")
	t.group.before = append(t.group.before, t.functionArg(L, 1, "before_each(function() … end)"))
	return 0
}

// inCase refuses a word that does something while the file is still being loaded.
func (t *tester) inCase(L *lua.LState, word string) {
	if !t.loaded {
		t.wrong(L, "put it into it(…) or before_each(…)", "%s is called outside of a case", word)
	}
}

// enter makes the world if there is none yet.
func (t *tester) enter(L *lua.LState) Case {
	if t.world == nil {
		world, err := t.lab.NewCase(t.begins)
		t.settle(L, err)
		t.world, t.now = world, t.begins
	}
	return t.world
}

func (t *tester) wordAdvance(L *lua.LState) int {
	t.inCase(L, "advance")
	duration, err := lifecycle.ParseDuration(t.textArg(L, 1, "advance", `a duration, such as "31 days",`))
	if err != nil {
		t.wrong(L, "", "%s", err)
	}
	t.enter(L)
	t.goTo(L, t.now.Add(duration))
	return 0
}

// timeForms are how at takes a moment; without a zone it is UTC.
var timeForms = []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"}

func (t *tester) wordAt(L *lua.LState) int {
	t.inCase(L, "at")
	text := t.textArg(L, 1, "at", `a moment, such as "2026-03-01 09:00",`)
	for _, form := range timeForms {
		moment, err := time.Parse(form, text)
		switch {
		case err != nil:
			continue
		case t.world == nil:
			t.begins = moment.UTC()
			t.enter(L)
		case moment.Before(t.now):
			t.wrong(L, "begin the case with at, before its first customer", "it is %s already; time does not go back", t.now.Format(timeForms[1]))
		default:
			t.goTo(L, moment.UTC())
		}
		return 0
	}
	t.wrong(L, `write it like "2026-03-01 09:00" (UTC) or "2026-03-01T09:00:00+07:00"`, "%q is not a moment", cut(text, 80))
	return 0
}

func (t *tester) goTo(L *lua.LState, moment time.Time) {
	t.charge(L, costEvent)
	t.now = moment
	t.changes++
	t.settle(L, t.world.Advance(t.ctx, moment))
}

func (t *tester) wordNow(L *lua.LState) int {
	t.inCase(L, "now")
	t.enter(L)
	L.Push(lua.LNumber(float64(t.now.UnixNano()) / 1e9))
	return 1
}

// wordCustomer is customer { email = "a@b.vn" }: somebody new, who has just told us that.
func (t *tester) wordCustomer(L *lua.LState) int {
	t.inCase(L, "customer")
	t.enter(L)
	fields := t.tableArg(L, 1, "customer", `as in customer { email = "a@b.vn" }`)
	event := lifecycle.Event{Type: lifecycle.Identify}
	event.UserID = t.take(L, fields, "user_id")
	event.AnonymousID = t.take(L, fields, "anonymous_id")
	if event.UserID == "" && event.AnonymousID == "" {
		event.UserID = fmt.Sprintf("test-%s-%d", t.seed, len(t.people)+1)
	}
	p := &person{who: event.Identity(), label: event.Identity().Value, at: -1}
	if email, ok := fields["email"].(string); ok {
		p.label = email
	}
	t.people = append(t.people, p)
	event.Traits = t.traits(L, fields)
	t.receive(L, event)
	L.Push(&lua.LUserData{Value: p, Metatable: t.personMeta})
	return 1
}

// take removes a text from a table's fields.
func (t *tester) take(L *lua.LState, fields map[string]any, name string) string {
	value, there := fields[name]
	text, ok := value.(string)
	if there && (!ok || text == "") {
		t.wrong(L, "IDs are texts, to the letter", "%s must be a text", name)
	}
	delete(fields, name)
	return text
}

// traits are the fields that are left, and those of the field traits.
func (t *tester) traits(L *lua.LState, fields map[string]any) json.RawMessage {
	if inner, ok := fields["traits"].(map[string]any); ok {
		delete(fields, "traits")
		for name, value := range inner {
			fields[name] = value
		}
	}
	return t.encode(L, fields)
}

func (t *tester) encode(L *lua.LState, fields map[string]any) json.RawMessage {
	if len(fields) == 0 {
		return nil
	}
	data, err := json.Marshal(fields)
	if err != nil {
		t.wrong(L, "numbers must be finite", "this cannot be written as JSON: %s", err)
	}
	return data
}

func (t *tester) receive(L *lua.LState, event lifecycle.Event) {
	t.charge(L, costEvent)
	t.events++
	event.MessageID = fmt.Sprintf("test-%s-%d", t.seed, t.events)
	event.Timestamp, event.Received = t.now, t.now
	t.changes++
	t.settle(L, event.Validate())
	t.settle(L, t.enter(L).Receive(t.ctx, event))
}

// life reads what is known about a customer, once after each change.
func (t *tester) life(L *lua.LState, p *person) *Life {
	if p.at != t.changes {
		life, err := t.enter(L).Look(t.ctx, p.who)
		t.settle(L, err)
		p.life, p.at = life, t.changes
	}
	return p.life
}

// story tells the lives of a failed case's customers.
func (t *tester) story() (lines []string) {
	for _, p := range t.people {
		life, err := t.world.Look(context.WithoutCancel(t.ctx), p.who)
		if err != nil {
			continue // they were never seen: the first event failed
		}
		if len(t.people) > 1 {
			lines = append(lines, p.label)
		}
		lines = append(lines, life.Story()...)
	}
	return lines
}
