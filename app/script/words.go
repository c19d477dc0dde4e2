package script

import (
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
		"send": m.wordSend, "wait": m.wordWait, "wait_until": m.wordWaitUntil, "wait_for": m.wordWaitFor, "move": m.wordMove,
		"set": m.wordSet, "tag": m.wordTag, "untag": m.wordUntag, "score": m.wordScore,
		"count": m.wordCount, "sum": m.wordSum, "last": m.wordLast, "now": m.wordNow, "random": m.wordRandom,
		"split": m.wordSplit, "choose": m.wordChoose, "track": m.wordTrack, "webhook": m.wordWebhook, "log": m.wordLog,
	}
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

// acting refuses a word that acts where nothing may be done: while a file is still being loaded, and in a goal.
func (m *machine) acting(L *lua.LState, word string) {
	m.looking(L, word)
	if m.kind == lifecycle.OnGoal {
		m.fail(L, "return whether the goal is reached, and act in enter, leave, on or idle", "a goal function only looks; it cannot %s", word)
	}
}

// looking refuses a word that looks while a file is still being loaded.
func (m *machine) looking(L *lua.LState, word string) {
	if m.toplevel {
		m.fail(L, "put it into enter, leave, on or idle", "%s is called while the file is loaded", word)
	}
}

// staying refuses a word that waits or moves in leave.
func (m *machine) staying(L *lua.LState, word string) {
	m.acting(L, word)
	if m.kind == lifecycle.OnLeave {
		m.fail(L, "send what has to be said at once", "leave cannot %s: the customer is already on the way out", word)
	}
}

// meant is the hint for a wrong name: the closest of the names, or all of them. It costs steps, because a script may be
// wrong again and again.
func (m *machine) meant(L *lua.LState, wrong string, names []string, all string) string {
	work := 0
	for _, name := range names {
		work += costMeant + min(len(wrong), 64)*min(len(name), 64)
	}
	m.charge(L, work/costMeant)
	if len(names) == 0 {
		all = ""
	}
	return didYouMean(wrong, names, all+oneOf(names))
}

func (m *machine) string(L *lua.LState, n int, word, what string) string {
	v, ok := L.Get(n).(lua.LString)
	if !ok {
		what = strings.TrimSuffix(what, ",")
		if n > L.GetTop() {
			m.fail(L, "", "%s needs %s", word, what)
		}
		m.fail(L, "", "%s needs %s, not %s", word, what, kindOf(L, n))
	}
	return string(v)
}

// wordLog is log("text", value, …).
func (m *machine) wordLog(L *lua.LState) int {
	m.looking(L, "log")
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
