package script

import (
	"net/url"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// The words that reach beyond the customer: events for this one or another one, and calls of other systems.

// wordTrack is track("Event", { … }) or track("Event", { … }, { to = customer.referrer }).
func (m *machine) wordTrack(L *lua.LState) int {
	m.acting(L, "track")
	const form = `as in track("Friend Referred", { name = "Ada" }, { to = customer.referrer })`
	name := m.eventName(L, 1, "track")
	if !printable(name) {
		m.fail(L, "", "the name of an event is one line of text")
	}
	properties := m.object(L, 2, "track", form)
	to := ""
	if L.Get(3) != lua.LNil {
		var given lua.LValue = lua.LNil
		for _, value := range m.options(L, 3, "track", form, trackOptions) {
			given = value
		}
		text, ok := given.(lua.LString)
		if !ok {
			m.fail(L, "check that it is there first, as in: if customer.referrer then … end", "track has no one to go to: to is a %s", given.Type().String())
		}
		if to = strings.TrimSpace(string(text)); to == "" || len(to) > lifecycle.MaxNameBytes || !printable(to) {
			m.fail(L, form, "to of track must be a user ID, or a customer's ID")
		}
	}
	arg := quoteArg(name) + " " + canonical(properties)
	if to != "" {
		arg += " to " + quoteArg(to)
	}
	if _, live := m.step(L, "track", longArg(arg), nil); live {
		m.effect(L, Effect{Kind: Track, Name: name, Args: properties, To: to})
	}
	return 0
}

// wordWebhook is webhook("https://…", { … }): the payload is posted there as JSON.
func (m *machine) wordWebhook(L *lua.LState) int {
	m.acting(L, "webhook")
	const form = `as in webhook("https://example.com/hook", { id = customer.id })`
	address := m.string(L, 1, "webhook", "an address,")
	if reason := badAddress(address); reason != "" {
		m.fail(L, form, "webhook cannot go to %q: %s", cut(address, 80), reason)
	}
	payload := m.object(L, 2, "webhook", form)
	if _, live := m.step(L, "webhook", longArg(quoteArg(address)+" "+canonical(payload)), nil); live {
		m.effect(L, Effect{Kind: Webhook, Name: address, Args: payload})
	}
	return 0
}

// badAddress says why a text is no address of a webhook, "" if it is one.
func badAddress(address string) string {
	switch parsed, err := url.Parse(address); {
	case len(address) > maxAddressBytes:
		return "it is too long"
	case err != nil || !printable(address):
		return "it is no address"
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return "it does not begin with https:// or http://"
	case parsed.Hostname() == "" || parsed.Opaque != "":
		return "it names no host"
	case parsed.User != nil:
		return "it holds a user name"
	case !validPort(parsed):
		return "its port is none"
	}
	return ""
}

// validPort reports whether an address has no port, or one that there is.
func validPort(address *url.URL) bool {
	port, err := strconv.Atoi(address.Port())
	return address.Port() == "" || err == nil && port > 0 && port < 1<<16
}

// object reads a table of named values, or nothing.
func (m *machine) object(L *lua.LState, n int, word, form string) map[string]any {
	switch L.Get(n).(type) {
	case *lua.LNilType:
		return map[string]any{}
	case *lua.LTable, *lua.LUserData:
		if object, ok := m.fromLua(L, L.Get(n), "what "+word+" gives").(map[string]any); ok {
			return object
		}
		m.fail(L, form, "argument %d of %s must have names, not be a list", n, word)
	}
	m.fail(L, form, "argument %d of %s must be a table, not %s", n, word, kindOf(L, n))
	return nil
}

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' })
}
