package script

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// What a script sees of the customer and the event: values that are read when asked for, and cannot be set.

// view is what such a value stands for.
type view uint8

const (
	viewCustomer view = iota
	viewTraits
	viewEvent
	viewProperties
	viewEventTraits
	viewContext
)

func (v view) display() string {
	return [...]string{"customer", "customer.traits", "event", "event.properties", "event.traits", "event.context"}[v]
}

func (m *machine) prepareData() {
	m.dataMeta = m.L.CreateTable(0, 3)
	m.dataMeta.RawSetString("__index", m.L.NewFunction(m.readField))
	m.dataMeta.RawSetString("__newindex", m.L.NewFunction(m.refuseField))
	m.handleMeta = m.L.CreateTable(0, 2)
	m.handleMeta.RawSetString("__index", m.L.NewFunction(func(L *lua.LState) int {
		m.fail(L, "it only stands for the message", "a message has no field %q", cut(m.display(L, L.Get(2)), 80))
		return 0
	}))
	m.handleMeta.RawSetString("__newindex", m.refuseSet)
	make := func(v view) *lua.LUserData { return &lua.LUserData{Value: v, Metatable: m.dataMeta} }
	m.customer, m.traits, m.event = make(viewCustomer), make(viewTraits), make(viewEvent)
	m.properties, m.evTraits, m.evContext = make(viewProperties), make(viewEventTraits), make(viewContext)
}

func (m *machine) refuseField(L *lua.LState) int {
	data := L.Get(1).(*lua.LUserData)
	m.fail(L, "keep it in a local variable", "%s.%s cannot be set", data.Value.(view).display(), cut(m.display(L, L.Get(2)), 80))
	return 0
}

// readField is data.key.
func (m *machine) readField(L *lua.LState) int {
	data, ok := L.Get(1).(*lua.LUserData)
	if !ok {
		L.RaiseError("this is not a customer or an event")
	}
	v, _ := data.Value.(view)
	key, ok := L.Get(2).(lua.LString)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	switch name := string(key); v {
	case viewCustomer:
		switch {
		case name == "traits":
			L.Push(m.traits)
		case strings.Contains(name, "."): // or its path would look like one in customer.traits
			L.Push(m.look(L, "traits."+name, func() any { return m.call.Customer.Trait(name) }))
		default:
			L.Push(m.look(L, name, func() any { return m.customerField(name) }))
		}
	case viewTraits:
		L.Push(m.look(L, "traits."+name, func() any { return m.call.Customer.Trait(name) }))
	case viewEvent:
		L.Push(m.eventField(L, name))
	default:
		L.Push(m.toLua(L, m.decode(v)[name], 0))
	}
	return 1
}

// look reads a field of the customer through the journal. Between two waits a field does not change, so it is
// recorded once.
func (m *machine) look(L *lua.LState, path string, read func() any) lua.LValue {
	for i := range m.seen {
		if m.seen[i].path == path {
			return m.toLua(L, m.seen[i].value, 0)
		}
	}
	var value any
	if m.pos >= len(m.call.Journal) {
		value = read()
	}
	value, _ = m.step(L, "customer", path, value)
	m.seen = append(m.seen, seenField{path, value})
	return m.toLua(L, value, 0)
}

func (m *machine) customerField(name string) any {
	customer := m.call.Customer
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	switch name {
	case "id":
		return customer.ID.String()
	case "stage":
		return text(m.call.Stage)
	case "user_id":
		return text(customer.UserID())
	case "anonymous_id":
		return text(customer.AnonymousID())
	}
	return customer.Trait(name)
}

func (m *machine) eventField(L *lua.LState, name string) lua.LValue {
	event := m.call.Event
	text := func(s string) lua.LValue {
		if s == "" {
			return lua.LNil
		}
		return lua.LString(s)
	}
	switch name {
	case "name":
		return text(event.Name)
	case "type":
		return text(string(event.Type))
	case "user_id":
		return text(event.UserID)
	case "anonymous_id":
		return text(event.AnonymousID)
	case "message_id":
		return text(event.MessageID)
	case "timestamp":
		return lua.LString(event.Timestamp.UTC().Format(time.RFC3339Nano))
	case "properties":
		return m.properties
	case "traits":
		return m.evTraits
	case "context":
		return m.evContext
	}
	known := []string{"name", "type", "user_id", "anonymous_id", "message_id", "timestamp", "properties", "traits", "context"}
	m.fail(L, didYouMean(name, known, "its own data is in event.properties"), "an event has no field %q", cut(name, 80))
	return lua.LNil
}

// decode returns an object of the event, decoded at the first look and kept for the run.
func (m *machine) decode(v view) map[string]any {
	slot := &m.decoded[v-viewProperties]
	if *slot != nil {
		return *slot
	}
	var raw json.RawMessage
	switch v {
	case viewProperties:
		raw = m.call.Event.Properties
	case viewEventTraits:
		raw = m.call.Event.Traits
	case viewContext:
		raw = m.call.Event.Context
	}
	object := map[string]any{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &object); err != nil || object == nil {
			object = map[string]any{}
		}
	}
	*slot = object
	return object
}

// listed copies what pairs is asked to list into a table, or returns nil if it is not such data.
func (m *machine) listed(L *lua.LState, data *lua.LUserData) *lua.LTable {
	v, ok := data.Value.(view)
	if !ok {
		return nil
	}
	var value lua.LValue
	switch v {
	case viewTraits:
		value = m.look(L, "traits", func() any {
			all := make(map[string]any, len(m.call.Customer.Traits))
			for name := range m.call.Customer.Traits {
				all[name] = m.call.Customer.Trait(name)
			}
			return all
		})
	case viewCustomer, viewEvent:
		m.fail(L, "list "+v.display()+"."+map[view]string{viewCustomer: "traits", viewEvent: "properties"}[v]+" instead", "%s cannot be listed", v.display())
	default:
		value = m.toLua(L, m.decode(v), 0)
	}
	if t, ok := value.(*lua.LTable); ok {
		return t
	}
	return m.L.CreateTable(0, 0)
}

const maxDataDepth = 100

// toLua turns decoded JSON, or what a journal kept of it, into a Lua value. Objects and lists become fresh tables, the
// keys of objects in alphabetical order.
func (m *machine) toLua(L *lua.LState, value any, depth int) lua.LValue {
	switch v := value.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		m.dataCost(L, depth)
		t := L.CreateTable(len(v), 0)
		for i, item := range v {
			t.RawSetInt(i+1, m.toLua(L, item, depth+1))
		}
		m.charge(L, len(v)/4)
		return t
	case map[string]any:
		m.dataCost(L, depth)
		t := L.CreateTable(0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t.RawSetString(key, m.toLua(L, v[key], depth+1))
		}
		m.charge(L, len(v))
		return t
	}
	return otherNumber(value)
}

func (m *machine) dataCost(L *lua.LState, depth int) {
	if depth > maxDataDepth {
		L.RaiseError("the data is nested more than %d levels deep", maxDataDepth)
	}
	m.charge(L, costTable/2)
}

// otherNumber takes the kinds of number that a store may hand back instead of float64.
func otherNumber(value any) lua.LValue {
	switch v := value.(type) {
	case int:
		return lua.LNumber(v)
	case int8:
		return lua.LNumber(v)
	case int16:
		return lua.LNumber(v)
	case int32:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case uint8:
		return lua.LNumber(v)
	case uint16:
		return lua.LNumber(v)
	case uint32:
		return lua.LNumber(v)
	case uint64:
		return lua.LNumber(v)
	case float32:
		return lua.LNumber(v)
	}
	return lua.LNil
}
