package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// What a customer does in a test.

// self returns the customer that a method is called on.
func (t *tester) self(L *lua.LState, method string) *person {
	if data, ok := L.Get(1).(*lua.LUserData); ok {
		if p, ok := data.Value.(*person); ok {
			return p
		}
	}
	t.wrong(L, "call it with a colon, as in c:"+method+"(…)", "%s is called without its customer", method)
	return nil
}

// by makes an event of a customer's.
func (p *person) by(kind lifecycle.EventType, name string) lifecycle.Event {
	event := lifecycle.Event{Type: kind, Name: name}
	if p.who.Kind == lifecycle.UserID {
		event.UserID = p.who.Value
	} else {
		event.AnonymousID = p.who.Value
	}
	return event
}

func (t *tester) track(L *lua.LState) int {
	p := t.self(L, "track")
	event := p.by(lifecycle.Track, t.textArg(L, 2, "track", "the name of an event"))
	event.Properties = t.encode(L, t.tableArg(L, 3, "track", `as in c:track("Order Completed", { revenue = 20 })`))
	t.receive(L, event)
	return 0
}

// identify tells traits of the customer, or a user ID by which somebody anonymous is known from now on.
func (t *tester) identify(L *lua.LState) int {
	p := t.self(L, "identify")
	fields := t.tableArg(L, 2, "identify", `as in c:identify { plan = "pro" }`)
	event := p.by(lifecycle.Identify, "")
	if user := t.take(L, fields, "user_id"); user != "" {
		event.UserID = user
	}
	if anonymous := t.take(L, fields, "anonymous_id"); anonymous != "" {
		event.AnonymousID = anonymous
	}
	event.Traits = t.traits(L, fields)
	t.receive(L, event)
	return 0
}

// answer makes the methods by which a customer reacts to the newest message of a name that they received.
func (t *tester) answer(what string) lua.LGFunction {
	method := strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(what, "ed"), "i"))
	return func(L *lua.LState) int {
		p := t.self(L, method)
		name := t.textArg(L, 2, method, "the name of a message")
		properties := t.tableArg(L, 3, method, `as in c:click("offer", { url = "https://shop.example/" })`)
		messages := t.life(L, p).Messages
		for i := len(messages) - 1; i >= 0; i-- {
			if m := messages[i]; m.Name == name && m.State == lifecycle.Accepted {
				properties["message"], properties["name"] = m.ID.String(), m.Name
				event := p.by(lifecycle.Track, lifecycle.ChannelInEvents(m.Channel)+" "+what)
				event.Properties = t.encode(L, properties)
				t.receive(L, event)
				return 0
			}
		}
		t.fault(L, TestFailure{Message: "there is no message " + name + " to " + method, Actual: receivedText(messages)})
		return 0
	}
}
