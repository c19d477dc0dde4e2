package script

import (
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The part of the base library that scripts may use.

func (m *machine) baseLib() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"assert": m.assert, "error": m.raise, "ipairs": m.ipairs, "pairs": m.pairs, "next": m.next, "pcall": m.pcall,
		"xpcall": m.xpcall, "select": m.pick, "tonumber": m.tonumber, "tostring": m.tostring, "type": m.typeOf,
		"unpack": m.unpack, "setmetatable": m.setmetatable, "getmetatable": m.getmetatable,
	}
}

func (m *machine) any(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		L.RaiseError("argument %d is missing", n)
	}
	return L.Get(n)
}

func (m *machine) assert(L *lua.LState) int {
	if lua.LVAsBool(m.any(L, 1)) {
		return L.GetTop()
	}
	message := L.Get(2)
	if message == lua.LNil {
		message = lua.LString("an assert does not hold")
	}
	L.Error(message, 1)
	return 0
}

func (m *machine) raise(L *lua.LState) int {
	level := m.optWhole(L, 2, 1)
	if text, ok := L.Get(1).(lua.LString); ok {
		m.charge(L, len(text)/costBytes)
	}
	L.Error(L.Get(1), int(max(0, min(level, callStackSize))))
	return 0
}

func (m *machine) ipairs(L *lua.LState) int {
	t := m.listing(L)
	L.Push(m.ipairsNext)
	L.Push(t)
	L.Push(lua.LNumber(0))
	return 3
}

func (m *machine) nextIndex(L *lua.LState) int {
	i := m.whole(L, 2) + 1
	v := m.table(L, 1).RawGet(lua.LNumber(i))
	if v == lua.LNil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(i))
	L.Push(v)
	return 2
}

// pairs visits the list part in order, then the other keys in the order in which they came into the table.
func (m *machine) pairs(L *lua.LState) int {
	t := m.listing(L)
	L.Push(m.pairsNext)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

// listing returns the first argument as a table; what belongs to a customer or an event is copied into one.
func (m *machine) listing(L *lua.LState) *lua.LTable {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if t := m.listed(L, data); t != nil {
			return t
		}
	}
	return m.table(L, 1)
}

func (m *machine) next(L *lua.LState) int {
	m.charge(L, m.gone/costGone)
	key, value := m.table(L, 1).Next(L.Get(2))
	if key == lua.LNil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(key)
	L.Push(value)
	return 2
}

// pcall catches errors of the script, and lets through what ends or suspends the run.
func (m *machine) pcall(L *lua.LState) int {
	m.any(L, 1)
	m.charge(L, costProtect)
	if err := L.PCall(L.GetTop()-1, lua.MultRet, nil); err != nil {
		L.Push(lua.LFalse)
		L.Push(m.caught(L, err))
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// xpcall calls its handler after the stack has unwound; there is no traceback for it to read anyway.
func (m *machine) xpcall(L *lua.LState) int {
	handler := m.any(L, 2)
	m.charge(L, costProtect)
	L.Push(L.Get(1))
	err := L.PCall(0, lua.MultRet, nil)
	if err == nil {
		L.Insert(lua.LTrue, 3)
		return L.GetTop() - 2
	}
	object := m.caught(L, err)
	L.Push(handler)
	L.Push(object)
	if err := L.PCall(1, 1, nil); err != nil {
		L.Push(m.caught(L, err))
	}
	result := L.Get(-1)
	L.Push(lua.LFalse)
	L.Push(result)
	return 2
}

// caught returns the error's value, or raises it again if it is not the script's to catch.
func (m *machine) caught(L *lua.LState, err error) lua.LValue {
	failure, ok := err.(*lua.ApiError)
	if !ok {
		failure = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(err.Error())}
	}
	if failure.Type == lua.ApiErrorPanic {
		m.fatal(L, m.broke(failure))
	}
	if m.halt != haltNone || m.budget.over != nil {
		m.unwind(L, failure.Object)
	}
	m.charge(L, costError)
	if text, ok := failure.Object.(lua.LString); ok {
		return lua.LString(withoutAddresses(string(text)))
	}
	return failure.Object
}

var address = regexp.MustCompile(`(table|function|userdata): 0x[0-9a-f]+`)

// withoutAddresses removes what would differ from one run to the next.
func withoutAddresses(text string) string {
	if !strings.Contains(text, ": 0x") {
		return text
	}
	return address.ReplaceAllString(text, "$1")
}

func (m *machine) pick(L *lua.LState) int {
	count := L.GetTop() - 1
	if text, ok := L.Get(1).(lua.LString); ok && text == "#" {
		L.Push(lua.LNumber(count))
		return 1
	}
	n := m.whole(L, 1)
	if n < 0 {
		n = int64(count) + n + 1
	}
	if n < 1 {
		L.RaiseError("select: there is no value %d", m.whole(L, 1))
	}
	if n > int64(count) {
		return 0
	}
	return count - int(n) + 1
}

func (m *machine) tonumber(L *lua.LState) int {
	base := m.optWhole(L, 2, 10)
	if base < 2 || base > 36 {
		L.RaiseError("tonumber: a base is 2 to 36, not %d", base)
	}
	switch v := m.any(L, 1).(type) {
	case lua.LNumber:
		L.Push(v)
		return 1
	case lua.LString:
		if base == 10 {
			if n, ok := parseNumber(string(v)); ok {
				L.Push(lua.LNumber(n))
				return 1
			}
		} else if n, ok := parseBase(string(v), int(base)); ok {
			L.Push(lua.LNumber(n))
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

func parseBase(text string, base int) (float64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if base == 16 {
		text = strings.TrimPrefix(text, "0x")
	}
	if text == "" || len(text) > 400 {
		return 0, false
	}
	total := 0.0
	for i := 0; i < len(text); i++ {
		digit := strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz"[:base], text[i])
		if digit < 0 {
			return 0, false
		}
		total = total*float64(base) + float64(digit)
	}
	return total, true
}

func (m *machine) tostring(L *lua.LState) int {
	m.pushString(L, m.display(L, m.any(L, 1)))
	return 1
}

// display is what tostring returns. No addresses: they would differ when a run is replayed.
func (m *machine) display(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	case *lua.LTable:
		if fn := L.GetMetaField(v, "__tostring"); fn != lua.LNil {
			L.Push(fn)
			L.Push(v)
			L.Call(1, 1)
			text, ok := L.Get(-1).(lua.LString)
			if !ok {
				L.RaiseError("__tostring must return a string")
			}
			L.Pop(1)
			return string(text)
		}
		return "table"
	case *lua.LUserData:
		if named, ok := v.Value.(interface{ display() string }); ok {
			return named.display()
		}
		return "userdata"
	case *lua.LFunction:
		return "function"
	}
	return v.String()
}

func (m *machine) typeOf(L *lua.LState) int {
	L.Push(lua.LString(m.any(L, 1).Type().String()))
	return 1
}

func (m *machine) unpack(L *lua.LState) int {
	t := m.table(L, 1)
	from, to := m.optWhole(L, 2, 1), m.optWhole(L, 3, int64(t.Len()))
	if to-from >= maxResults {
		L.RaiseError("unpack returns at most %d values at once", maxResults)
	}
	if from > to {
		return 0
	}
	m.charge(L, int(to-from))
	for i := from; i <= to; i++ {
		value := t.RawGet(lua.LNumber(i))
		if value == lua.LNil {
			m.budget.hollow(1) // it may become a place of a list
		}
		L.Push(value)
	}
	return int(to - from + 1)
}

func (m *machine) setmetatable(L *lua.LState) int {
	t := m.open(L, 1)
	meta := L.Get(2)
	if meta.Type() != lua.LTNil && meta.Type() != lua.LTTable {
		L.RaiseError("setmetatable: argument 2 must be a table or nil, not %s", kindOf(L, 2))
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("setmetatable: this metatable is protected")
	}
	t.Metatable = meta
	L.SetTop(1)
	return 1
}

// getmetatable answers for plain tables only: the metatables of strings and of what we hand out belong to every run.
func (m *machine) getmetatable(L *lua.LState) int {
	t, ok := m.any(L, 1).(*lua.LTable)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	if shown := meta.RawGetString("__metatable"); shown != lua.LNil {
		L.Push(shown)
	} else {
		L.Push(meta)
	}
	return 1
}
