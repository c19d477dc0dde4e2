package script

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The string library, bounded: results have at most MaxStringBytes, and work costs steps in proportion.

func (m *machine) stringLib() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"byte": m.strByte, "char": m.strChar, "find": m.strFind, "format": m.strFormat, "gmatch": m.strGmatch,
		"gsub": m.strGsub, "len": m.strLen, "lower": m.strLower, "match": m.strMatch, "rep": m.strRep,
		"reverse": m.strReverse, "sub": m.strSub, "upper": m.strUpper,
	}
}

func (m *machine) tooLong(L *lua.LState) {
	L.RaiseError("a string may have %d KB; this one would be longer", MaxStringBytes>>10)
}

// pushString pushes a new string and charges for it.
func (m *machine) pushString(L *lua.LState, text string) {
	if len(text) > MaxStringBytes {
		m.tooLong(L)
	}
	m.charge(L, len(text)/costBytes)
	m.budget.hold(len(text))
	L.Push(lua.LString(text))
}

func (m *machine) strLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(m.text(L, 1))))
	return 1
}

func (m *machine) strLower(L *lua.LState) int {
	m.pushString(L, mapASCII(m.text(L, 1), 'A', 'Z'))
	return 1
}

func (m *machine) strUpper(L *lua.LState) int {
	m.pushString(L, mapASCII(m.text(L, 1), 'a', 'z'))
	return 1
}

// mapASCII flips the case of the letters between from and to and leaves all other bytes alone.
func mapASCII(text string, from, to byte) string {
	bytes := []byte(text)
	for i, c := range bytes {
		if c >= from && c <= to {
			bytes[i] = c ^ 0x20
		}
	}
	return string(bytes)
}

func (m *machine) strReverse(L *lua.LState) int {
	text := m.text(L, 1)
	bytes := make([]byte, len(text))
	for i := range bytes {
		bytes[i] = text[len(text)-1-i]
	}
	m.pushString(L, string(bytes))
	return 1
}

func (m *machine) strRep(L *lua.LState) int {
	text, n := m.text(L, 1), m.whole(L, 2)
	if n <= 0 || text == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > MaxStringBytes/int64(len(text)) {
		m.tooLong(L)
	}
	m.charge(L, len(text)*int(n)/costBytes)
	m.budget.hold(len(text) * int(n))
	L.Push(lua.LString(strings.Repeat(text, int(n))))
	return 1
}

// between turns Lua's i and j (1-based, from the end if negative) into Go's bounds.
func between(i, j int64, size int) (int, int) {
	n := int64(size)
	if i < 0 {
		i = max(n+i+1, 1)
	} else if i == 0 {
		i = 1
	}
	if j < 0 {
		j = n + j + 1
	} else if j > n {
		j = n
	}
	if i > j {
		return 0, 0
	}
	return int(i - 1), int(j)
}

func (m *machine) strSub(L *lua.LState) int {
	text := m.text(L, 1)
	from, to := between(m.optWhole(L, 2, 1), m.optWhole(L, 3, -1), len(text))
	L.Push(lua.LString(text[from:to]))
	return 1
}

func (m *machine) strByte(L *lua.LState) int {
	text := m.text(L, 1)
	i := m.optWhole(L, 2, 1)
	from, to := between(i, m.optWhole(L, 3, i), len(text))
	if to-from > maxResults {
		L.RaiseError("string.byte returns at most %d values at once", maxResults)
	}
	for _, c := range []byte(text[from:to]) {
		L.Push(lua.LNumber(c))
	}
	return to - from
}

func (m *machine) strChar(L *lua.LState) int {
	bytes := make([]byte, L.GetTop())
	for i := range bytes {
		n := m.whole(L, i+1)
		if n < 0 || n > 255 {
			L.RaiseError("string.char takes numbers from 0 to 255, not %d", n)
		}
		bytes[i] = byte(n)
	}
	m.pushString(L, string(bytes))
	return 1
}

type patternKey struct {
	text    string
	anchors bool
}

// compiled returns a pattern, from the machine's cache if it was used before. The charge is the same either way.
func (m *machine) compiled(L *lua.LState, text string, anchors bool) *pattern {
	m.charge(L, 1+len(text)/4)
	key := patternKey{text, anchors}
	if p, ok := m.patterns[key]; ok {
		return p
	}
	p, err := compilePattern(text, anchors)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	if len(m.patterns) >= 64 {
		clear(m.patterns)
	}
	m.patterns[key] = p
	return p
}

func (m *machine) subject(L *lua.LState, n int) string {
	text := m.text(L, n)
	if len(text) > maxSubjectBytes {
		L.RaiseError("a text to search may have %d KB, this one has %d bytes", maxSubjectBytes>>10, len(text))
	}
	return text
}

func (m *machine) matcher(p *pattern, subject string) *matcher {
	return &matcher{pattern: p, subject: subject, steps: max(m.budget.left, 0) * costMatch}
}

// search runs the matcher once and charges what it took.
func (m *machine) search(L *lua.LState, match *matcher, init int) (start, end int, ok bool) {
	before := match.steps
	start, end, ok, err := match.find(init)
	m.charge(L, (before-match.steps)/costMatch)
	if errors.Is(err, errPatternBudget) {
		m.charge(L, m.budget.left+1)
	}
	return start, end, ok
}

// pushCaptures pushes all captures, or the whole match if there are none, and returns how many.
func (m *machine) pushCaptures(L *lua.LState, match *matcher, start, end int, whole bool) int {
	if match.pattern.captures == 0 {
		if whole {
			L.Push(lua.LString(match.subject[start:end]))
			return 1
		}
		return 0
	}
	for i := range match.pattern.captures {
		L.Push(captured(match, i))
	}
	return match.pattern.captures
}

func captured(match *matcher, i int) lua.LValue {
	if s := match.spans[i]; s.end == positionCapture {
		return lua.LNumber(s.start + 1)
	}
	return lua.LString(match.capture(i))
}

func (m *machine) start(L *lua.LState, n, size int) (int, bool) {
	init := m.optWhole(L, n, 1)
	if init < 0 {
		init = max(int64(size)+init+1, 1)
	} else if init == 0 {
		init = 1
	}
	return int(min(init-1, int64(size)+1)), init-1 <= int64(size)
}

func (m *machine) strFind(L *lua.LState) int {
	text, look := m.text(L, 1), m.text(L, 2)
	init, inside := m.start(L, 3, len(text))
	if !inside {
		L.Push(lua.LNil)
		return 1
	}
	if lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(look, "^$*+?.([%-") {
		m.charge(L, (len(text)-init)/costBytes)
		at := strings.Index(text[init:], look)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(look)))
		return 2
	}
	match := m.matcher(m.compiled(L, look, true), m.subject(L, 1))
	start, end, ok := m.search(L, match, init)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(start + 1))
	L.Push(lua.LNumber(end))
	return 2 + m.pushCaptures(L, match, start, end, false)
}

func (m *machine) strMatch(L *lua.LState) int {
	text, p := m.subject(L, 1), m.compiled(L, m.text(L, 2), true)
	init, inside := m.start(L, 3, len(text))
	if inside {
		match := m.matcher(p, text)
		if start, end, ok := m.search(L, match, init); ok {
			return m.pushCaptures(L, match, start, end, true)
		}
	}
	L.Push(lua.LNil)
	return 1
}

func (m *machine) strGmatch(L *lua.LState) int {
	text, p := m.subject(L, 1), m.compiled(L, m.text(L, 2), false)
	m.charge(L, costTable)
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if at > len(text) {
			L.Push(lua.LNil)
			return 1
		}
		match := m.matcher(p, text)
		m.charge(L, 4)
		start, end, ok := m.search(L, match, at)
		if !ok {
			at = len(text) + 1
			L.Push(lua.LNil)
			return 1
		}
		at = end
		if end == start {
			at++
		}
		return m.pushCaptures(L, match, start, end, true)
	}))
	return 1
}

func (m *machine) strGsub(L *lua.LState) int {
	text, p := m.subject(L, 1), m.compiled(L, m.text(L, 2), true)
	repl := L.Get(3)
	switch repl.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		L.RaiseError("string.gsub: argument 3 must be a string, a function or a table, not %s", kindOf(L, 3))
	}
	limit := m.optWhole(L, 4, int64(len(text))+1)
	var b strings.Builder
	at, count := 0, int64(0)
	match := m.matcher(p, text)
	for count < limit {
		match.steps = max(m.budget.left, 0) * costMatch
		before := match.steps
		end := match.match(0, at)
		m.charge(L, (before-match.steps)/costMatch+1)
		if match.steps < 0 {
			m.charge(L, m.budget.left+1)
		}
		if end >= 0 {
			count++
			m.replace(L, &b, match, repl, at, end)
			if b.Len() > MaxStringBytes {
				m.tooLong(L)
			}
		}
		switch {
		case end > at:
			at = end
		case at < len(text):
			b.WriteByte(text[at])
			at++
		default:
			at++
		}
		if at > len(text) || p.anchored {
			break
		}
	}
	if at < len(text) {
		b.WriteString(text[at:])
	}
	m.pushString(L, b.String())
	L.Push(lua.LNumber(count))
	return 2
}

// replace writes what stands in for one match.
func (m *machine) replace(L *lua.LState, b *strings.Builder, match *matcher, repl lua.LValue, start, end int) {
	var value lua.LValue
	switch r := repl.(type) {
	case lua.LString, lua.LNumber:
		m.expand(L, b, match, m.text(L, 3), start, end)
		return
	case *lua.LTable:
		value = L.GetTable(r, m.first(match, start, end))
	case *lua.LFunction:
		L.Push(r)
		n := m.pushCaptures(L, match, start, end, true)
		L.Call(n, 1)
		value = L.Get(-1)
		L.Pop(1)
	}
	switch v := value.(type) {
	case lua.LString:
		m.charge(L, len(v)/costBytes)
		b.WriteString(string(v))
	case lua.LNumber:
		b.WriteString(formatNumber(float64(v)))
	default:
		if lua.LVAsBool(value) {
			L.RaiseError("string.gsub: the replacement is a %s; it must be a string, a number, false or nil", value.Type().String())
		}
		b.WriteString(match.subject[start:end])
	}
}

func (m *machine) first(match *matcher, start, end int) lua.LValue {
	if match.pattern.captures == 0 {
		return lua.LString(match.subject[start:end])
	}
	return captured(match, 0)
}

// expand writes a replacement text, in which %0 to %9 stand for the match and its captures.
func (m *machine) expand(L *lua.LState, b *strings.Builder, match *matcher, text string, start, end int) {
	m.charge(L, len(text)/costBytes)
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 >= len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; {
		case c == '0' || c == '1' && match.pattern.captures == 0:
			b.WriteString(match.subject[start:end])
		case isDigit(c):
			index := int(c - '1')
			if index >= match.pattern.captures {
				L.RaiseError("string.gsub: the replacement names capture %%%c, which the pattern does not have", c)
			}
			switch v := captured(match, index).(type) {
			case lua.LNumber:
				b.WriteString(formatNumber(float64(v)))
			case lua.LString:
				b.WriteString(string(v))
			}
		default:
			b.WriteByte(c)
		}
		if b.Len() > MaxStringBytes {
			m.tooLong(L)
		}
	}
}
