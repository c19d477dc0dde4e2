package script

import (
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that suspend a run.

// wordWait is wait "30 days": the run goes on when the time has passed.
func (m *machine) wordWait(L *lua.LState) int {
	m.staying(L, "wait")
	text := m.string(L, 1, "wait", `a duration, such as "30 days",`)
	until := m.call.Now.Add(m.duration(L, text, "wait"))
	m.pause(L, "wait", quoteArg(text), until, nil)
	return 0
}

// wordWaitUntil is wait_until "mon-fri 09:00": the run goes on at the next such moment of the customer's clock.
func (m *machine) wordWaitUntil(L *lua.LState) int {
	m.staying(L, "wait_until")
	text := m.string(L, 1, "wait_until", `a time of day, such as "09:00" or "mon-fri 09:00",`)
	moment, err := ParseMoment(text)
	if err != nil {
		m.fail(L, "", "%s", cut(err.Error(), 300))
	}
	m.pause(L, "wait_until", quoteArg(text), moment.After(m.call.Now, m.call.Zone), nil)
	return 0
}

// wordWaitFor is wait_for("Email Opened", "2 days") or wait_for(handle, "clicked", "2 days"), with the properties that
// the event must have as a last argument. It returns the event, or nil if none came in time.
func (m *machine) wordWaitFor(L *lua.LState) int {
	m.staying(L, "wait_for")
	awaited, arg, at := &Awaited{}, "", 2
	if object, ok := L.Get(1).(*lua.LUserData); ok {
		h, ok := object.Value.(handle)
		if !ok {
			m.fail(L, "give what send returned", "wait_for cannot wait for %s", m.display(L, object))
		}
		awaited.Message, at = h.id, 3
		awaited.What = m.string(L, 2, "wait_for", `what should become of the message, such as "clicked",`)
		if !slices.Contains(became, awaited.What) {
			m.fail(L, m.meant(L, awaited.What, became, "there are: "), "wait_for does not know what %q is", cut(awaited.What, 80))
		}
		arg = h.arg() + " " + quoteArg(awaited.What)
	} else {
		awaited.Event = m.eventName(L, 1, "wait_for")
		arg = quoteArg(awaited.Event)
	}
	text := m.string(L, at, "wait_for", `how long to wait, such as "2 days",`)
	until := m.call.Now.Add(m.duration(L, text, "wait_for"))
	arg += " " + quoteArg(text)
	if L.Get(at+1) != lua.LNil {
		awaited.Filter = m.filter(L, at+1)
		arg += " " + canonical(awaited.Filter)
	}
	L.Push(m.keptEvent(m.pause(L, "wait_for", longArg(arg), until, awaited)))
	return 1
}

// filter reads { sku = "A1" }, the properties that an event must have.
func (m *machine) filter(L *lua.LState, n int) map[string]any {
	const form = `as in wait_for("Product Viewed", "2 days", { sku = "A1" })`
	table, ok := L.Get(n).(*lua.LTable)
	if !ok {
		m.fail(L, form, "argument %d of wait_for must be a table of properties, not %s", n, kindOf(L, n))
	}
	filter, _ := m.fromLua(L, table, "the properties of wait_for").(map[string]any)
	if filter == nil || len(filter) > maxFilter {
		m.fail(L, form, "wait_for compares named properties, at most %d", maxFilter)
	}
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		switch filter[name].(type) {
		case string, float64, bool:
		default:
			m.fail(L, form, "wait_for compares texts, numbers, true and false; %s is none of them", cut(name, 80))
		}
	}
	return filter
}

// pause suspends the run at a call that is new; of one in the journal it returns what was recorded.
func (m *machine) pause(L *lua.LState, op, arg string, until time.Time, awaited *Awaited) any {
	value, live := m.step(L, op, arg, nil)
	m.seen, m.own = m.seen[:0], writes{} // what is read from here on may have changed
	if !live {
		return value
	}
	if size := journalSize(m.journal); size > MaxJournalBytes {
		m.fatal(L, problem("", 0, "read fewer or smaller fields before waiting, or move the customer to a stage of its own",
			"the run's journal has %d bytes; a run that waits may keep %d KB", size, MaxJournalBytes>>10))
	}
	m.outcome.until, m.outcome.awaited = until, awaited
	m.outcome.file, m.outcome.line = m.where(L)
	m.stop(L, haltWait)
	return nil
}

// duration reads a duration longer than nothing.
func (m *machine) duration(L *lua.LState, text, word string) time.Duration {
	d, err := lifecycle.ParseDuration(text)
	if err != nil {
		m.fail(L, "", "%s", cut(err.Error(), 300))
	}
	if d <= 0 {
		m.fail(L, "", "%s needs a duration longer than nothing", word)
	}
	return d
}

// window reads the optional duration of count and sum; zero if there is none.
func (m *machine) window(L *lua.LState, n int, word string) (time.Duration, string) {
	if L.Get(n) == lua.LNil {
		return 0, ""
	}
	text := m.string(L, n, word, `a duration, such as "30 days",`)
	return m.duration(L, text, word), " " + quoteArg(text)
}

func (m *machine) eventName(L *lua.LState, n int, word string) string {
	name := m.string(L, n, word, `the name of an event, such as "Order Completed",`)
	if strings.TrimSpace(name) == "" || len(name) > lifecycle.MaxNameBytes {
		m.fail(L, "", "%s needs the name of an event, of at most %d bytes", word, lifecycle.MaxNameBytes)
	}
	return name
}
