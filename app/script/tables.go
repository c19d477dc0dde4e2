package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The table library, bounded. It works on the tables themselves, without metamethods, as in Lua 5.1, and refuses the
// frozen ones.

func (m *machine) tableLib() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"concat": m.tabConcat, "insert": m.tabInsert, "remove": m.tabRemove, "sort": m.tabSort}
}

func (m *machine) table(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		L.RaiseError("argument %d must be a table, not %s", n, kindOf(L, n))
	}
	return t
}

// open returns an argument that is a table which may be changed.
func (m *machine) open(L *lua.LState, n int) *lua.LTable {
	t := m.table(L, n)
	if m.isFrozen(t) {
		L.RaiseError("%s", frozenMessage)
	}
	return t
}

func (m *machine) isFrozen(t *lua.LTable) bool {
	meta, ok := t.Metatable.(*lua.LTable)
	return ok && meta.RawGetString("__newindex") == m.refuseSet
}

func (m *machine) tabInsert(L *lua.LState) int {
	t := m.open(L, 1)
	n := t.Len()
	switch L.GetTop() {
	case 2:
		m.setRaw(L, t, lua.LNumber(n+1), L.Get(2))
	case 3:
		pos := m.whole(L, 2)
		if pos < 1 || pos > int64(n)+1 {
			L.RaiseError("table.insert: position %d is outside the table, which has %d entries", pos, n)
		}
		m.charge(L, (n-int(pos))/costGap+1)
		if int(pos) == n+1 {
			m.setRaw(L, t, lua.LNumber(n+1), L.Get(3))
		} else {
			m.bounded(L, n+1)
			t.Insert(int(pos), L.Get(3))
		}
	default:
		L.RaiseError("table.insert takes a table, perhaps a position, and a value")
	}
	return 0
}

// bounded refuses a list that would outgrow the array part of a table, where # would no longer be right.
func (m *machine) bounded(L *lua.LState, n int) {
	if n >= maxArrayIndex-1 {
		L.RaiseError("a list may have %d entries", maxArrayIndex-2)
	}
}

func (m *machine) tabRemove(L *lua.LState) int {
	t := m.open(L, 1)
	n := t.Len()
	pos := m.optWhole(L, 2, int64(n))
	if n == 0 || pos < 1 || pos > int64(n) {
		L.Push(lua.LNil)
		return 1
	}
	m.charge(L, (n-int(pos))/costGap+1)
	L.Push(t.Remove(int(pos)))
	return 1
}

func (m *machine) tabConcat(L *lua.LState) int {
	t := m.table(L, 1)
	separator := ""
	if L.Get(2) != lua.LNil {
		separator = m.text(L, 2)
	}
	from, to := m.optWhole(L, 3, 1), m.optWhole(L, 4, int64(t.Len()))
	var b strings.Builder
	for i := from; i <= to; i++ {
		m.charge(L, 1)
		switch v := t.RawGet(lua.LNumber(i)).(type) {
		case lua.LString:
			b.WriteString(string(v))
		case lua.LNumber:
			b.WriteString(formatNumber(float64(v)))
		default:
			L.RaiseError("table.concat: entry %d is a %s; it must be a string or a number", i, v.Type().String())
		}
		if i < to {
			b.WriteString(separator)
		}
		if b.Len() > MaxStringBytes {
			m.tooLong(L)
		}
	}
	m.pushString(L, b.String())
	return 1
}

// tabSort is a merge sort: stable, and done after n log n comparisons even if the comparison contradicts itself.
func (m *machine) tabSort(L *lua.LState) int {
	t := m.open(L, 1)
	n := t.Len()
	m.charge(L, n)
	list, spare := make([]lua.LValue, n), make([]lua.LValue, n)
	for i := range list {
		list[i] = t.RawGetInt(i + 1)
	}
	less := func(a, b lua.LValue) bool {
		m.charge(L, 1)
		return L.LessThan(a, b)
	}
	if fn := L.Get(2); fn != lua.LNil {
		if fn.Type() != lua.LTFunction {
			L.RaiseError("table.sort: argument 2 must be a function, not %s", kindOf(L, 2))
		}
		less = func(a, b lua.LValue) bool {
			m.charge(L, 1)
			L.Push(fn)
			L.Push(a)
			L.Push(b)
			L.Call(2, 1)
			result := lua.LVAsBool(L.Get(-1))
			L.Pop(1)
			return result
		}
	}
	for width := 1; width < n; width *= 2 {
		for lo := 0; lo < n; lo += 2 * width {
			mid, hi := min(lo+width, n), min(lo+2*width, n)
			i, j := lo, mid
			for k := lo; k < hi; k++ {
				if i < mid && (j >= hi || !less(list[j], list[i])) {
					spare[k] = list[i]
					i++
				} else {
					spare[k] = list[j]
					j++
				}
			}
		}
		list, spare = spare, list
	}
	for i, v := range list {
		t.RawSetInt(i+1, v)
	}
	return 0
}

// setRaw assigns without metamethods and charges for the empty slots that an array grows by.
func (m *machine) setRaw(L *lua.LState, t *lua.LTable, key lua.LValue, value lua.LValue) {
	m.chargeGap(L, t, key)
	L.RawSet(t, key, value)
}

// chargeGap charges for a key far behind a table's last entry: the machine fills what lies between.
func (m *machine) chargeGap(L *lua.LState, t *lua.LTable, key lua.LValue) {
	if k, ok := key.(lua.LNumber); ok && k > 32 && k < maxArrayIndex {
		if gap := int(k) - t.Len(); gap > 1 {
			m.charge(L, gap/costGap)
			m.budget.hollow(gap)
		}
	}
}

// emptied notes that something was taken out of a table. The machine keeps its place.
func (m *machine) emptied(key lua.LValue) {
	if k, ok := key.(lua.LNumber); ok && k >= 1 && k < maxArrayIndex {
		m.budget.hollow(1)
	} else {
		m.gone++
	}
}

// The rewritten forms of what the Lua machine does without bounds: t[k] = v, {…} and a .. b. Their names cannot be
// written in a script.
const (
	wordSet    = "(set)"
	wordTable  = "(table)"
	wordKey    = "(key)"
	wordConcat = "(concat)"
)

// assign is t[k] = v.
func (m *machine) assign(L *lua.LState) int {
	object, key, value := L.Get(1), L.Get(2), L.Get(3)
	if t, ok := object.(*lua.LTable); ok {
		if value == lua.LNil && t.Metatable == lua.LNil && t.RawGet(key) == lua.LNil && key != lua.LNil {
			return 0 // nothing becomes nothing; the machine would fill the list up to there
		}
		if value == lua.LNil {
			m.emptied(key)
		}
		m.chargeGap(L, t, key)
		if k, ok := key.(lua.LNumber); ok && k == maxArrayIndex-1 {
			m.bounded(L, int(k))
		}
	}
	L.SetTable(object, key, value)
	return 0
}

// newTable passes a fresh table on and charges for it. A long list comes with how many places it has.
func (m *machine) newTable(L *lua.LState) int {
	m.charge(L, costTable)
	if places, ok := L.Get(2).(lua.LNumber); ok {
		m.budget.hollow(int(places) - m.table(L, 1).Len())
		L.SetTop(1)
	}
	return 1
}

// constructorKey is a computed key in { [k] = v }.
func (m *machine) constructorKey(L *lua.LState) int {
	if k, ok := L.Get(1).(lua.LNumber); ok && k > 32 && k < maxArrayIndex {
		m.charge(L, int(k)/costGap)
		m.budget.hollow(int(k))
	}
	return 1
}

// concat is a .. b .. c.
func (m *machine) concat(L *lua.LState) int {
	n, size := L.GetTop(), 0
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 8
		default:
			return m.concatMeta(L)
		}
	}
	if size > MaxStringBytes {
		m.tooLong(L)
	}
	bytes := make([]byte, 0, size)
	for i := 1; i <= n; i++ {
		bytes = append(bytes, m.text(L, i)...)
	}
	m.pushString(L, string(bytes))
	return 1
}

// concatMeta joins from the right, two at a time, and asks the __concat of tables.
func (m *machine) concatMeta(L *lua.LState) int {
	right := L.Get(L.GetTop())
	for i := L.GetTop() - 1; i >= 1; i-- {
		left := L.Get(i)
		a, okA := plainText(left)
		b, okB := plainText(right)
		if okA && okB {
			if len(a)+len(b) > MaxStringBytes {
				m.tooLong(L)
			}
			m.charge(L, (len(a)+len(b))/costBytes)
			m.budget.hold(len(a) + len(b))
			right = lua.LString(a + b)
			continue
		}
		join := L.GetMetaField(left, "__concat")
		if join == lua.LNil {
			join = L.GetMetaField(right, "__concat")
		}
		if join == lua.LNil {
			wrong := left
			if okA {
				wrong = right
			}
			m.fail(L, `use tostring(…), or give it a default as in (x or "")`, "cannot join a %s value with ..", wrong.Type().String())
		}
		L.Push(join)
		L.Push(left)
		L.Push(right)
		L.Call(2, 1)
		right = L.Get(-1)
		L.Pop(1)
	}
	L.Push(right)
	return 1
}

func plainText(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return formatNumber(float64(v)), true
	}
	return "", false
}
