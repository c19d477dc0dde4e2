package script

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// handle stands for a message that a run has sent.
type handle struct {
	id   lifecycle.ID
	name string
	step int
}

func (h handle) display() string { return "message " + h.name }

// handleField is handle.id or handle.name.
func (m *machine) handleField(L *lua.LState) int {
	object, _ := L.Get(1).(*lua.LUserData)
	if object == nil {
		L.RaiseError("this is not a message")
	}
	h, ok := object.Value.(handle)
	if !ok {
		L.RaiseError("this is not a message")
	}
	switch name := m.display(L, L.Get(2)); name {
	case "id":
		L.Push(lua.LString(h.id.String()))
	case "name":
		L.Push(lua.LString(h.name))
	default:
		m.fail(L, `to learn what became of it, use wait_for(handle, "clicked", "2 days")`, "a message has no field %q; it has id and name", cut(name, 80))
	}
	return 1
}

// wordSend is send "name" or send("name", { by = "sms" }). It returns a handle.
func (m *machine) wordSend(L *lua.LState) int {
	m.acting(L, "send")
	name := m.string(L, 1, "send", `the name of a message, such as "thank-you",`)
	if _, ok := m.program.messages[name]; !ok {
		names := slices.Collect(maps.Keys(m.program.messages))
		m.fail(L, m.meant(L, name, names, "there are: "), "there is no message %q", cut(name, 80))
	}
	arg, args := quoteArg(name), map[string]any(nil)
	if L.Get(2) != lua.LNil {
		arg, args = m.sendSays(L, name)
	}
	_, live := m.step(L, "send", arg, nil)
	step := m.pos - 1
	if live {
		m.effect(L, Effect{Kind: Send, Name: name, Args: args})
	}
	L.Push(&lua.LUserData{Value: handle{MessageID(m.call.Run, step), name, step}, Metatable: m.handleMeta})
	return 1
}

func (m *machine) sendSays(L *lua.LState, name string) (string, map[string]any) {
	args := map[string]any{}
	for option, value := range m.options(L, 2, "send", `as in send("thank-you", { by = "sms" })`, sendOptions) {
		if option == "fallback" {
			says, ok := value.(lua.LBool)
			if !ok {
				m.fail(L, "write true or false", "fallback of send must be true or false, not %s", value.Type().String())
			}
			args[option] = bool(says)
			continue
		}
		text, ok := value.(lua.LString)
		if !ok {
			m.fail(L, map[bool]string{true: `as in { by = "sms" }`}[option == "by"], "%s of send must be a text, not %s", option, value.Type().String())
		}
		args[option] = m.sendOption(L, name, option, string(text))
	}
	if len(args) == 0 {
		return quoteArg(name), nil
	}
	return longArg(quoteArg(name) + " " + canonical(args)), args
}

func (m *machine) sendOption(L *lua.LState, name, option, text string) any {
	switch option {
	case "by":
		if channels := m.program.messages[name]; channels[text] == nil {
			m.fail(L, "it has: "+oneOf(slices.Collect(maps.Keys(channels))), "message %q has no text for channel %q", name, cut(text, 80))
		}
	case "expires":
		return m.duration(L, text, "expires of send")
	case "caps":
		if text != "wait" && text != "drop" {
			m.fail(L, `write "wait" or "drop"`, "caps of send is %q", cut(text, 80))
		}
	default:
		if strings.ContainsAny(text, "\r\n") || len(text) > maxFrontBytes {
			m.fail(L, "", "%s of send must be one line of at most %d bytes", option, maxFrontBytes)
		}
		return strings.ToValidUTF8(text, "?")
	}
	return text
}

// wordMove is move "stage": it ends the handler.
func (m *machine) wordMove(L *lua.LState) int {
	m.staying(L, "move")
	stage := m.string(L, 1, "move", `the name of a stage, such as "active",`)
	if m.program.Journey.Index(stage) < 0 {
		names := m.program.stageNames()
		m.fail(L, m.meant(L, stage, names, "there are: "), "there is no stage %q", cut(stage, 80))
	}
	if m.pos < m.recorded {
		m.mismatch(L, "move "+quoteArg(stage))
	}
	m.outcome.file, m.outcome.line = m.where(L)
	m.outcome.move = stage
	m.stop(L, haltMove)
	return 0
}

func (h handle) arg() string { return quoteArg(h.name) + "#" + strconv.Itoa(h.step+1) }
