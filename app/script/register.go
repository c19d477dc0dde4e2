package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that stand at the top of a file. When a journey is compiled they report to the loader; when a handler runs,
// its file is loaded anew, and they only count until the handler's function comes by.

// loader hears what a file registers.
type loader struct {
	errs     Errors
	handlers []lifecycle.Handler
	stage    *stageTable
	journey  *journeyTable
	segment  *segmentTable
}

func (m *machine) report(L *lua.LState, hint, format string, args ...any) {
	file, line := m.where(L)
	m.load.errs = append(m.load.errs, problem(file, line, hint, format, args...))
}

// declaring refuses a registration inside a handler.
func (m *machine) declaring(L *lua.LState, word string) {
	if !m.toplevel {
		m.fail(L, "move it to the top level of the file", "%s is called inside a handler", word)
	}
}

func (m *machine) wordEnter(L *lua.LState) int { return m.handler(L, lifecycle.OnEnter, false, false) }
func (m *machine) wordLeave(L *lua.LState) int { return m.handler(L, lifecycle.OnLeave, false, false) }
func (m *machine) wordOn(L *lua.LState) int    { return m.handler(L, lifecycle.OnEvent, true, false) }
func (m *machine) wordIdle(L *lua.LState) int  { return m.handler(L, lifecycle.OnIdle, true, true) }

var handlerForms = map[lifecycle.HandlerKind]string{
	lifecycle.OnEnter: "enter(function(customer, event) … end)",
	lifecycle.OnLeave: "leave(function(customer, event) … end)",
	lifecycle.OnEvent: `on("Order Completed", function(customer, event) … end)`,
	lifecycle.OnIdle:  `idle("Order Completed", "180 days", function(customer) … end)`,
}

func (m *machine) handler(L *lua.LState, kind lifecycle.HandlerKind, event, after bool) int {
	m.declaring(L, string(kind))
	if m.count++; m.count > maxHandlers {
		m.fail(L, "let one handler decide between several cases", "a file may register %d handlers", maxHandlers)
	}
	at := 1
	if event {
		at++
	}
	if after {
		at++
	}
	fn, isFunction := L.Get(at).(*lua.LFunction)
	if m.load == nil {
		if m.count == m.want && isFunction {
			m.found = fn
		}
		return 0
	}
	form := "write " + handlerForms[kind]
	h := lifecycle.Handler{Kind: kind}
	h.File, h.Line = m.where(L)
	h.ID = m.file + "#" + formatNumber(float64(m.count))
	if event {
		name, ok := L.Get(1).(lua.LString)
		if h.Event = string(name); !ok || strings.TrimSpace(h.Event) == "" || len(h.Event) > lifecycle.MaxNameBytes {
			m.report(L, form, "%s needs the name of an event first", kind)
			return 0
		}
	}
	if after {
		text, ok := L.Get(2).(lua.LString)
		if !ok {
			m.report(L, form, "idle needs a duration after the event")
			return 0
		}
		duration, err := lifecycle.ParseDuration(string(text))
		if err == nil && duration <= 0 {
			err = lifecycle.Errorf(lifecycle.ScriptFailed, "idle needs a duration longer than nothing")
		}
		if err != nil {
			m.report(L, "", "%s", cut(err.Error(), 300))
			return 0
		}
		h.After = duration
	}
	if !isFunction || fn.IsG {
		m.report(L, form, "%s needs a function, not %s", kind, kindOf(L, at))
		return 0
	}
	if L.GetTop() > at+1 {
		m.report(L, form, "%s has too many arguments", kind)
		return 0
	}
	if options := L.Get(at + 1); options != lua.LNil {
		table, ok := options.(*lua.LTable)
		if !ok {
			m.report(L, "as in { parallel = true }", "after its function %s takes a table, not %s", kind, kindOf(L, at+1))
			return 0
		}
		for key, value := table.Next(lua.LNil); key != lua.LNil; key, value = table.Next(key) {
			flag, isBool := value.(lua.LBool)
			switch name := m.display(L, key); {
			case name != "parallel":
				m.report(L, didYouMean(name, []string{"parallel"}, "a handler knows: parallel"), "a handler has no option %q", cut(name, 80))
			case !isBool:
				m.report(L, "as in { parallel = true }", "parallel must be true or false")
			default:
				h.Parallel = bool(flag)
			}
		}
	}
	m.load.handlers = append(m.load.handlers, h)
	return 0
}
