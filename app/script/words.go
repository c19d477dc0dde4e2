package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words of stage scripts.

func (m *machine) stageWords() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"journey": m.wordJourney, "stage": m.wordStage, "use": m.wordUse,
		"enter": m.wordEnter, "leave": m.wordLeave, "on": m.wordOn, "idle": m.wordIdle,
		"send": m.wordSend, "wait": m.wordWait, "move": m.wordMove, "log": m.wordLog,
	}
}

// coming are words that the language will have.
var coming = map[string]bool{
	"wait_until": true, "wait_for": true, "split": true, "choose": true, "score": true, "set": true, "tag": true,
	"count": true, "sum": true, "last": true, "track": true, "webhook": true, "now": true, "random": true,
}

// absent are names of Lua that scripts do not have, and what to use instead.
var absent = map[string]string{
	"print": `use log(…)`, "require": `use "lib/name" loads a helper`, "dofile": `use "lib/name" loads a helper`,
	"loadfile": `use "lib/name" loads a helper`, "load": "code cannot be made while running", "loadstring": "code cannot be made while running",
	"os": "scripts have no access to the machine", "io": "scripts have no access to the machine", "debug": "scripts have no access to the machine",
	"package": "scripts have no access to the machine", "coroutine": "wait suspends a handler", "_G": "name the variable itself",
	"setfenv": "name the variable itself", "getfenv": "name the variable itself", "rawset": "assign with t[key] = value",
	"rawget": "read with t[key]", "rawequal": "compare with ==", "collectgarbage": "memory is taken care of", "newproxy": "use a table", "module": "return a table",
}

// inHandler refuses a word that acts while a file is still being loaded.
func (m *machine) inHandler(L *lua.LState, word string) {
	if m.toplevel {
		m.fail(L, "put it into enter, leave, on or idle", "%s is called while the file is loaded", word)
	}
}

func (m *machine) string(L *lua.LState, n int, word, what string) string {
	v, ok := L.Get(n).(lua.LString)
	if !ok {
		m.fail(L, "", "%s needs %s, not %s", word, what, kindOf(L, n))
	}
	return string(v)
}

// wordSend is send "name" or send("name", { by = "sms" }). It returns a handle.
func (m *machine) wordSend(L *lua.LState) int {
	m.inHandler(L, "send")
	name := m.string(L, 1, "send", `the name of a message, such as "thank-you",`)
	channels, ok := m.program.messages[name]
	if !ok {
		names := slices.Collect(maps.Keys(m.program.messages))
		m.fail(L, didYouMean(name, names, "there are: "+oneOf(names)), "there is no message %q", cut(name, 80))
	}
	arg, args := quoteArg(name), map[string]any(nil)
	if L.GetTop() > 1 && L.Get(2) != lua.LNil {
		arg, args = m.sendOptions(L, name, channels)
	}
	_, live := m.step(L, "send", arg, nil)
	if live {
		m.effect(L, Effect{Kind: Send, Name: name, Args: args})
	}
	L.Push(&lua.LUserData{Value: named("message " + name), Metatable: m.handleMeta})
	return 1
}

func (m *machine) sendOptions(L *lua.LState, name string, channels map[string]map[string]*lifecycle.Template) (string, map[string]any) {
	options, ok := L.Get(2).(*lua.LTable)
	if !ok {
		m.fail(L, `as in send("thank-you", { by = "sms" })`, "the second argument of send must be a table, not %s", kindOf(L, 2))
	}
	args := map[string]any{}
	for key, value := options.Next(lua.LNil); key != lua.LNil; key, value = options.Next(key) {
		option := m.display(L, key)
		by, ok := value.(lua.LString)
		switch {
		case option != "by":
			m.fail(L, didYouMean(option, []string{"by"}, "send knows: by"), "send has no option %q", cut(option, 80))
		case !ok:
			m.fail(L, `as in { by = "sms" }`, "by must be the name of a channel, not %s", value.Type().String())
		case channels[string(by)] == nil:
			have := slices.Collect(maps.Keys(channels))
			m.fail(L, "it has: "+oneOf(have), "message %q has no text for channel %q", name, cut(string(by), 80))
		}
		args["by"] = string(by)
	}
	if len(args) == 0 {
		return quoteArg(name), nil
	}
	return quoteArg(name) + " { by = " + quoteArg(args["by"].(string)) + " }", args
}

// wordWait is wait "30 days": the run goes on when the time has passed.
func (m *machine) wordWait(L *lua.LState) int {
	m.inHandler(L, "wait")
	text := m.string(L, 1, "wait", `a duration, such as "30 days",`)
	if m.kind == lifecycle.OnLeave {
		m.fail(L, "send what has to be said at once", "leave cannot wait: the customer is already on the way out")
	}
	duration, err := lifecycle.ParseDuration(text)
	if err != nil {
		m.fail(L, "", "%s", cut(err.Error(), 300))
	}
	if duration <= 0 {
		m.fail(L, "", "wait needs a duration longer than nothing")
	}
	_, live := m.step(L, "wait", quoteArg(text), nil)
	m.seen = m.seen[:0] // what is read from here on may have changed
	if !live {
		return 0
	}
	if size := journalSize(m.journal); size > MaxJournalBytes {
		m.fatal(L, problem("", 0, "read fewer or smaller fields of the customer before waiting",
			"the run's journal has %d bytes; a run that waits may keep %d KB", size, MaxJournalBytes>>10))
	}
	m.outcome.wait = duration
	m.stop(L, haltWait)
	return 0
}

// wordMove is move "stage": it ends the handler.
func (m *machine) wordMove(L *lua.LState) int {
	m.inHandler(L, "move")
	stage := m.string(L, 1, "move", `the name of a stage, such as "active",`)
	if m.kind == lifecycle.OnLeave {
		m.fail(L, "", "leave cannot move: the customer is already on the way out")
	}
	if m.program.Journey.Index(stage) < 0 {
		names := m.program.stageNames()
		m.fail(L, didYouMean(stage, names, "there are: "+oneOf(names)), "there is no stage %q", cut(stage, 80))
	}
	if m.pos < len(m.call.Journal) {
		m.mismatch(L, "move "+quoteArg(stage))
	}
	_, m.outcome.line = m.where(L)
	m.outcome.move = stage
	m.stop(L, haltMove)
	return 0
}

// wordLog is log("text", value, …).
func (m *machine) wordLog(L *lua.LState) int {
	m.inHandler(L, "log")
	parts := make([]string, L.GetTop())
	size := 0
	for i := range parts {
		parts[i] = m.display(L, L.Get(i+1))
		if size += len(parts[i]); size > MaxStringBytes {
			m.tooLong(L)
		}
	}
	text := cut(strings.ToValidUTF8(strings.Join(parts, " "), "?"), maxLogBytes)
	if _, live := m.step(L, "log", logArg(text), nil); live {
		m.charge(L, len(text)) // it is written, counted and shown
		m.effect(L, Effect{Kind: Log, Text: text})
	}
	return 0
}

// wordUse is use "lib/offers": it runs the helper once per run and returns its value.
func (m *machine) wordUse(L *lua.LState) int {
	name := m.string(L, 1, "use", `the name of a helper, such as "lib/offers",`)
	if value, ok := m.used[name]; ok {
		if value == nil {
			m.fail(L, "", "%s uses itself", cut(name, 80))
		}
		L.Push(value)
		return 1
	}
	chunk, ok := m.program.chunks[name+".lua"]
	if !ok || !strings.HasPrefix(name, "lib/") {
		names := m.program.helpers()
		m.broken = slices.Contains(names, name) // its own errors are reported already
		m.fail(L, didYouMean(name, names, "put it into the folder lib, beside the journeys"), "there is no helper %q", cut(name, 80))
	}
	if m.used == nil {
		m.used = map[string]lua.LValue{}
	}
	m.used[name] = nil
	before, done := m.toplevel, false
	defer func() { // also when the helper fails and a pcall catches it
		m.toplevel = before
		if !done {
			delete(m.used, name)
		}
	}()
	m.toplevel = true
	L.Push(m.chunk(chunk))
	L.Call(0, 1)
	done = true
	m.used[name] = L.Get(-1)
	return 1
}

func (m *machine) effect(L *lua.LState, e Effect) {
	e.File, e.Line = m.where(L)
	e.Step = m.pos - 1
	m.effects = append(m.effects, e)
}
