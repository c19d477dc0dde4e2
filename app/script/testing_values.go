package script

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Values between tests and the rest, and how they are shown and compared.

// maxTestDepth bounds tables inside tables; a table that holds itself is refused by it.
const maxTestDepth = 20

// tableArg reads an optional table whose keys are names.
func (t *tester) tableArg(L *lua.LState, n int, word, form string) map[string]any {
	switch v := L.Get(n).(type) {
	case *lua.LNilType:
		return map[string]any{}
	case *lua.LTable:
		if fields, ok := t.toGo(L, v, 0).(map[string]any); ok {
			return fields
		}
		if v.Len() == 0 {
			return map[string]any{}
		}
	}
	t.wrong(L, form, "%s takes a table of named values, not %s", word, kindOf(L, n))
	return nil
}

// toGo turns a Lua value into what JSON knows. A table with entries 1 … n is a list, every other one an object.
func (t *tester) toGo(L *lua.LState, value lua.LValue, depth int) any {
	switch v := value.(type) {
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			t.wrong(L, "", "%s is not a number that JSON knows", v.String())
		}
		return float64(v)
	case lua.LString:
		return string(v)
	case *lua.LTable:
		if depth >= maxTestDepth {
			t.wrong(L, "a table must not hold itself", "the table is nested more than %d levels deep", maxTestDepth)
		}
		if n := v.Len(); n > 0 {
			list := make([]any, n)
			for i := range list {
				list[i] = t.toGo(L, v.RawGetInt(i+1), depth+1)
			}
			return list
		}
		object := map[string]any{}
		v.ForEach(func(key, item lua.LValue) {
			name, ok := key.(lua.LString)
			if !ok {
				t.wrong(L, "", "the keys of an object must be texts, not %s", key.Type().String())
			}
			object[string(name)] = t.toGo(L, item, depth+1)
		})
		return object
	case *lua.LUserData:
		if p, ok := v.Value.(*person); ok {
			return p.who.Value // { referrer = c } names the customer
		}
	}
	t.wrong(L, "texts, numbers, booleans and tables can be told", "a %s cannot be part of an event", value.Type().String())
	return nil
}

// fromGo is the way back; objects and lists become fresh tables.
func fromGo(L *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		table := L.CreateTable(len(v), 0)
		for _, item := range v {
			table.Append(fromGo(L, item))
		}
		return table
	case map[string]any:
		table := L.CreateTable(0, len(v))
		for _, key := range sortedKeys(v) {
			table.RawSetString(key, fromGo(L, v[key]))
		}
		return table
	}
	return lua.LNil
}

// same compares two values, tables by what they hold.
func same(a, b lua.LValue, depth int) bool {
	x, okX := a.(*lua.LTable)
	y, okY := b.(*lua.LTable)
	if !okX || !okY || depth > maxTestDepth {
		return a == b
	}
	if x == y {
		return true
	}
	equal, n := true, 0
	x.ForEach(func(key, value lua.LValue) {
		n++
		equal = equal && same(value, y.RawGet(key), depth+1)
	})
	y.ForEach(func(lua.LValue, lua.LValue) { n-- })
	return equal && n == 0
}

// show writes a value as it would stand in Lua, shortened.
func (t *tester) show(value lua.LValue) string {
	var out strings.Builder
	t.write(&out, value, 0)
	text := []rune(out.String())
	if len(text) > maxTestSay {
		return string(text[:maxTestSay]) + "…"
	}
	return string(text)
}

func (t *tester) write(out *strings.Builder, value lua.LValue, depth int) {
	if out.Len() > 4*maxTestSay || depth > maxTestDepth {
		return
	}
	switch v := value.(type) {
	case lua.LString:
		out.WriteString(quoteArg(string(v)))
	case lua.LNumber:
		out.WriteString(formatNumber(float64(v)))
	case *lua.LUserData:
		if p, ok := v.Value.(*person); ok {
			out.WriteString("customer " + p.label)
			return
		}
		out.WriteString("userdata")
	case *lua.LFunction:
		out.WriteString("a function")
	case *lua.LTable:
		t.writeTable(out, v, depth)
	default:
		out.WriteString(value.String())
	}
}

func (t *tester) writeTable(out *strings.Builder, table *lua.LTable, depth int) {
	list := table.Len()
	named := map[string]lua.LValue{}
	table.ForEach(func(key, value lua.LValue) {
		if k, ok := key.(lua.LNumber); !ok || int(k) < 1 || int(k) > list {
			name := key.String()
			if _, text := key.(lua.LString); !text {
				name = "[" + name + "]"
			}
			named[name] = value
		}
	})
	if list == 0 && len(named) == 0 {
		out.WriteString("{}")
		return
	}
	separator := "{ "
	for i := 1; i <= list; i++ {
		out.WriteString(separator)
		t.write(out, table.RawGetInt(i), depth+1)
		separator = ", "
	}
	for _, name := range sortedKeys(named) {
		out.WriteString(separator + name + " = ")
		t.write(out, named[name], depth+1)
		separator = ", "
	}
	out.WriteString(" }")
}
