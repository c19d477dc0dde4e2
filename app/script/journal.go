package script

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// step is one call that acts or looks. If the journal already holds it, step returns what was recorded; otherwise it
// records the value and reports that the call is live.
func (m *machine) step(L *lua.LState, op, arg string, value any) (any, bool) {
	if m.pos < m.recorded {
		entry := m.journal[m.pos]
		if entry.Op != op || entry.Arg != arg {
			m.mismatch(L, op+" "+arg)
		}
		m.pos++
		m.noteRead(op, arg, entry.Value)
		return entry.Value, false
	}
	if len(m.journal) >= MaxJournalEntries {
		m.fatal(L, problem("", 0, "look for a loop, or move the customer to a stage of its own",
			"one run may act and look %d times", MaxJournalEntries))
	}
	m.journal = append(m.journal, Entry{Op: op, Arg: arg, Value: value})
	m.pos++
	m.noteRead(op, arg, value)
	return value, true
}

// mismatch ends a run whose script no longer does what its journal says.
func (m *machine) mismatch(L *lua.LState, now string) {
	m.fatal(L, m.mismatchError(now))
}

func (m *machine) mismatchError(now string) *lifecycle.Error {
	entry := m.journal[m.pos]
	return problem("", 0, "a run has to be resumed with the script and the event it began with",
		"the journal says %s %s at step %d, the script now %s", entry.Op, cut(entry.Arg, 200), m.pos+1, whatNow(now))
}

func whatNow(now string) string {
	if now == "" {
		return "ends"
	}
	return "calls " + cut(now, 200)
}

// seen is something that was looked at since the run last waited.
type seen struct {
	op, arg string
	value   any
}

// look reads something through the journal. Between two waits the world does not change, so it is recorded once.
func (m *machine) look(L *lua.LState, op, arg string, read func() any) any {
	if m.asking != nil {
		return m.question(L, Question{Op: AskField, Name: arg}) // a segment knows nothing else that is looked at in this way
	}
	for i := range m.seen {
		if m.seen[i].arg == arg && m.seen[i].op == op {
			return m.seen[i].value
		}
	}
	m.charge(L, len(m.seen)/costSeen)
	var value any
	if m.pos >= m.recorded {
		value = read()
	}
	value, _ = m.step(L, op, arg, value)
	m.seen = append(m.seen, seen{op, arg, value})
	return value
}

// quoteArg writes a text as an argument in a journal.
func quoteArg(text string) string { return strconv.Quote(text) }

// longArg keeps of a long argument its beginning and its hash, by which it is still recognised.
func longArg(arg string) string {
	if len(arg) <= 160 {
		return arg
	}
	return cut(arg, 120) + " " + lifecycle.HashID("argument", arg).String()[:16]
}

// logArg recognises a logged text.
func logArg(text string) string {
	if len(text) <= 80 {
		return quoteArg(text)
	}
	return quoteArg(cut(text, 60)) + " " + lifecycle.HashID("log", text).String()[:16]
}

// journalSize is about how many bytes the entries take when they are stored.
func journalSize(entries []Entry) int {
	size := 0
	for _, e := range entries {
		size += 12 + len(e.Op) + len(e.Arg) + valueSize(e.Value)
	}
	return size
}

func valueSize(v any) int {
	switch v := v.(type) {
	case string:
		return 5 + len(v)
	case []any:
		size := 5
		for _, item := range v {
			size += valueSize(item)
		}
		return size
	case map[string]any:
		size := 5
		for key, item := range v {
			size += 5 + len(key) + valueSize(item)
		}
		return size
	case float64:
		return 9
	}
	return 1
}

// unfinished reports a handler that ended although its journal has more.
func (m *machine) unfinished() *lifecycle.Error {
	if m.pos >= m.recorded {
		return nil
	}
	err := m.mismatchError("")
	err.File, err.Line = m.program.src.full(m.file), m.program.lines[m.call.Handler]
	return err
}
