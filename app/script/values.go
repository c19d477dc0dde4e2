package script

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// Values that a script hands out: to traits, events and webhooks, which keep JSON.

const maxGivenDepth = 20

// fromLua turns a Lua value into what JSON can say: nil, bool, float64, string, []any or map[string]any. A table with
// the keys 1 to n is a list, an empty one an object. What names the value in errors.
func (m *machine) fromLua(L *lua.LState, value lua.LValue, what string) any {
	size := 0
	return m.given(L, value, what, 0, &size)
}

func (m *machine) given(L *lua.LState, value lua.LValue, what string, depth int, size *int) any {
	grow := func(n int) {
		if *size += n; *size > lifecycle.MaxEventBytes {
			m.unfit(L, "", "%s is larger than %d KB", what, lifecycle.MaxEventBytes>>10)
		}
	}
	grow(8)
	switch v := value.(type) {
	case *lua.LNilType:
		return nil
	case lua.LBool:
		return bool(v)
	case lua.LNumber:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			m.fail(L, "look for a division by zero", "%s has a number that is none: %s", what, formatNumber(f))
		}
		return float64(v)
	case lua.LString:
		grow(len(v))
		m.charge(L, len(v)/costBytes)
		return strings.ToValidUTF8(string(v), "?")
	case *lua.LTable:
		return m.givenTable(L, v, what, depth, size)
	case *lua.LUserData:
		if isNull(v) {
			return nil
		}
		if d, ok := v.Value.(data); ok {
			if all, ok := m.plain(L, d); ok {
				n := valueSize(all)
				m.charge(L, len(all)+n/costBytes)
				grow(n)
				return all
			}
		}
		if _, ok := v.Value.(handle); ok {
			m.fail(L, "give its .id or .name", "%s cannot hold a message", what)
		}
	}
	m.fail(L, "use texts, numbers, true, false and tables of them", "%s cannot hold a %s", what, m.display(L, value))
	return nil
}

func (m *machine) givenTable(L *lua.LState, t *lua.LTable, what string, depth int, size *int) any {
	if depth >= maxGivenDepth {
		m.unfit(L, "a table may not hold itself", "%s is nested more than %d levels deep", what, maxGivenDepth)
	}
	m.charge(L, costTable)
	if n := t.Len(); n > 0 {
		list := make([]any, 0, min(n, 64))
		for key, value := t.Next(lua.LNil); key != lua.LNil; key, value = t.Next(key) {
			if key != lua.LNumber(len(list)+1) {
				m.fail(L, "give its entries names, or leave the names out", "%s has a table that is half a list", what)
			}
			m.charge(L, 1)
			list = append(list, m.given(L, value, what, depth+1, size))
		}
		return list
	}
	object := map[string]any{}
	for key, value := t.Next(lua.LNil); key != lua.LNil; key, value = t.Next(key) {
		name, ok := key.(lua.LString)
		if !ok {
			m.fail(L, "names are texts, as in { sku = \"A1\" }", "%s has an entry without a name", what)
		}
		m.charge(L, 1)
		*size += len(name)
		object[strings.ToValidUTF8(string(name), "?")] = m.given(L, value, what, depth+1, size)
	}
	return object
}

// canonical writes a value so that equal ones read the same.
func canonical(value any) string {
	var b strings.Builder
	writeCanonical(&b, value)
	return b.String()
}

func writeCanonical(b *strings.Builder, value any) {
	switch v := value.(type) {
	case nil:
		b.WriteString("nil")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case float64:
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	case string:
		b.WriteString(strconv.Quote(v))
	case time.Duration:
		b.WriteString(strconv.Quote(v.String()))
	case []any:
		b.WriteString("{")
		for i, item := range v {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(" ")
			writeCanonical(b, item)
		}
		b.WriteString(" }")
	case map[string]any:
		b.WriteString("{")
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for i, key := range keys {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(" " + key + " = ")
			writeCanonical(b, v[key])
		}
		b.WriteString(" }")
	}
}

// options visits a table of options, of which only the known ones may be there; nil has none.
func (m *machine) options(L *lua.LState, n int, word, form string, known []field) iter.Seq2[string, lua.LValue] {
	table, ok := L.Get(n).(*lua.LTable)
	if !ok && L.Get(n) != lua.LNil {
		m.fail(L, form, "argument %d of %s must be a table, not %s", n, word, kindOf(L, n))
	}
	return func(yield func(string, lua.LValue) bool) {
		if table == nil {
			return
		}
		for key, value := range m.each(table) {
			name := m.display(L, key)
			if !hasField(known, name) {
				names := fieldNames(known)
				m.fail(L, m.meant(L, name, names, word+" knows: "), "%s has no option %q", word, cut(name, 80))
			}
			if !yield(name, value) {
				return
			}
		}
	}
}
