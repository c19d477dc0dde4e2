package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// How functions read what they are given.

// text returns an argument as a string; numbers are written as tostring writes them.
func (m *machine) text(L *lua.LState, n int) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	}
	L.RaiseError("argument %d must be a string, not %s", n, kindOf(L, n))
	return ""
}

func (m *machine) number(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := parseNumber(string(v)); ok {
			return f
		}
	}
	L.RaiseError("argument %d must be a number, not %s", n, kindOf(L, n))
	return 0
}

// whole returns an argument as an integer, cut towards zero and held within 2^53, where float64 is exact.
func (m *machine) whole(L *lua.LState, n int) int64 {
	f := m.number(L, n)
	if math.IsNaN(f) {
		L.RaiseError("argument %d must be a whole number, not nan", n)
	}
	const exact = 1 << 53
	return int64(max(-exact, min(exact, f)))
}

func (m *machine) optWhole(L *lua.LState, n int, otherwise int64) int64 {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return m.whole(L, n)
}

func kindOf(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "missing"
	}
	return L.Get(n).Type().String()
}
