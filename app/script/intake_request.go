package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// requestTable is what receive gets: method, query, headers and body. The body becomes a Lua text only where it is read.
func (m *intakeMachine) requestTable() *lua.LTable {
	request := m.L.CreateTable(0, 4)
	request.RawSetString("method", lua.LString(m.request.Method))
	request.RawSetString("query", m.texts(m.request.Query))
	headers := m.texts(m.request.Headers)
	headers.Metatable = m.headerMeta
	request.RawSetString("headers", headers)
	request.Metatable = m.requestMeta
	return request
}

func (m *intakeMachine) texts(values map[string]string) *lua.LTable {
	t := m.L.CreateTable(0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		m.budget.hold(len(values[name]))
		t.RawSetString(name, lua.LString(values[name]))
	}
	return t
}

func (m *intakeMachine) requestField(L *lua.LState) int {
	if name, ok := L.Get(2).(lua.LString); !ok || name != "body" || m.request == nil {
		L.Push(lua.LNil)
		return 1
	}
	if len(m.raw) > MaxStringBytes {
		m.fail(L, "read it with json() or form(), which take more", "the body has more than %d KB", MaxStringBytes>>10)
	}
	m.budget.hold(len(m.raw))
	L.Push(lua.LString(m.raw))
	return 1
}

// headerField finds a header however it is written.
func (m *intakeMachine) headerField(L *lua.LState) int {
	name, ok := L.Get(2).(lua.LString)
	t, isTable := L.Get(1).(*lua.LTable)
	if !ok || !isTable {
		L.Push(lua.LNil)
		return 1
	}
	m.charge(L, len(name)/costBytes)
	L.Push(t.RawGetString(strings.ToLower(string(name))))
	return 1
}

// wordJSON is json(), the body, or json(text). What is no JSON, or a body without any structure, is refused, which is not the
// script's fault.
func (m *intakeMachine) wordJSON(L *lua.LState) int {
	data := m.given(L, "json")
	value, err := decodeNumbers(data)
	if err == nil && deeper(value, maxDataDepth) {
		err = fmt.Errorf("it is nested more than %d levels deep", maxDataDepth)
	}
	if err != nil {
		m.refuseNow(L, &Refusal{"the body is not JSON: " + cut(err.Error(), 200)})
	}
	switch value.(type) {
	case map[string]any, []any:
	default:
		if L.GetTop() == 0 { // scripts look into it
			m.refuseNow(L, &Refusal{"the body is neither an object nor a list: " + cut(string(data), 80)})
		}
	}
	L.Push(m.toLua(L, value, 0))
	return 1
}

// wordForm is form(), the body, or form(text), as browsers write forms. A name that comes several times is a list.
func (m *intakeMachine) wordForm(L *lua.LState) int {
	data := m.given(L, "form")
	values, err := url.ParseQuery(string(data))
	if err != nil {
		m.refuseNow(L, &Refusal{"the body is not a form: " + cut(err.Error(), 200)})
	}
	fields := make(map[string]any, len(values))
	for name, all := range values {
		if len(all) == 1 {
			fields[name] = all[0]
			continue
		}
		list := make([]any, len(all))
		for i, one := range all {
			list[i] = one
		}
		fields[name] = list
	}
	L.Push(m.toLua(L, fields, 0))
	return 1
}

// given returns the text a word is to read: its argument, or the body.
func (m *intakeMachine) given(L *lua.LState, word string) []byte {
	m.handling(L, word)
	data := m.raw
	if L.GetTop() > 0 {
		data = []byte(m.text(L, 1))
	}
	m.charge(L, len(data)/costBytes)
	return data
}

// DecodeJSON reads one JSON value as json() does. A whole number that a float64 does not hold to its last digit becomes a text.
func DecodeJSON(data []byte) (any, error) { return decodeNumbers(data) }

// decodeNumbers reads one JSON value. A whole number that a float64 does not hold to its last digit, as the IDs of some
// providers are, becomes a text.
func decodeNumbers(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the value")
	}
	return withNumbers(value), nil
}

// deeper reports whether lists and objects are nested deeper than that: then the script gets nothing of it, and it is not the
// script's fault.
func deeper(value any, levels int) bool {
	switch v := value.(type) {
	case []any:
		return levels < 0 || slices.ContainsFunc(v, func(one any) bool { return deeper(one, levels-1) })
	case map[string]any:
		if levels < 0 {
			return true
		}
		for _, one := range v {
			if deeper(one, levels-1) {
				return true
			}
		}
	}
	return false
}

func withNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		if math.Abs(f) >= 1<<53 && strings.Trim(v.String(), "-0123456789") == "" && v.String() != strconv.FormatFloat(f, 'f', -1, 64) || err != nil {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = withNumbers(v[name])
		}
	}
	return value
}
