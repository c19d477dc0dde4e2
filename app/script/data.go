package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What a script sees of the customer and of events: values that are read when asked for, and cannot be set.

// view says which part of the customer or of an event such a value stands for.
type view uint8

const (
	viewCustomer view = iota
	viewTraits
	viewTags
	viewEvent
	viewProperties
	viewEventTraits
	viewContext
	viewScores
)

func (v view) display() string {
	return [...]string{"customer", "customer.traits", "customer.tags", "event", "event.properties", "event.traits", "event.context", "customer.scores"}[v]
}

// data is what the value holds: the view, and of an event which one.
type data struct {
	view
	event *happened
}

func (m *machine) prepareData() {
	m.dataMeta = m.L.CreateTable(0, 2)
	m.dataMeta.RawSetString("__index", m.L.NewFunction(m.readField))
	m.dataMeta.RawSetString("__newindex", m.L.NewFunction(m.refuseField))
	m.handleMeta = m.L.CreateTable(0, 2)
	m.handleMeta.RawSetString("__index", m.L.NewFunction(m.handleField))
	m.handleMeta.RawSetString("__newindex", m.L.NewFunction(m.refuseField))
	m.customer, m.traits, m.tags = m.shown(viewCustomer, nil), m.shown(viewTraits, nil), m.shown(viewTags, nil)
	m.scores = m.shown(viewScores, nil)
	m.event = m.shown(viewEvent, &m.trigger)
	for i := range m.parts {
		m.parts[i] = m.shown(viewProperties+view(i), &m.trigger)
	}
}

func (m *machine) shown(v view, event *happened) *lua.LUserData {
	return &lua.LUserData{Value: data{v, event}, Metatable: m.dataMeta}
}

func (m *machine) refuseField(L *lua.LState) int {
	what := "this"
	if object, ok := L.Get(1).(*lua.LUserData); ok {
		what = m.display(L, object)
	}
	hint := "keep it in a local variable"
	if what == "customer" || what == "customer.traits" {
		hint = `use set("name", value) for a trait`
	}
	m.fail(L, hint, "%s.%s cannot be set", what, cut(m.display(L, L.Get(2)), 80))
	return 0
}

// readField is data.key.
func (m *machine) readField(L *lua.LState) int {
	object, _ := L.Get(1).(*lua.LUserData)
	if object == nil {
		L.RaiseError("this is not a customer or an event")
	}
	d, ok := object.Value.(data)
	if !ok {
		L.RaiseError("this is not a customer or an event")
	}
	key, ok := L.Get(2).(lua.LString)
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	switch name := string(key); d.view {
	case viewCustomer:
		L.Push(m.customerField(L, name))
	case viewTraits:
		L.Push(m.trait(L, name, "traits."+name))
	case viewTags:
		if m.tagged(L, name) {
			L.Push(lua.LTrue)
		} else {
			L.Push(lua.LNil)
		}
	case viewScores:
		L.Push(lua.LNumber(m.points(L, name)))
	case viewEvent:
		L.Push(m.eventField(L, d.event, name))
	default:
		value := d.event.decode(d.view)[name]
		if m.call.Trace != nil {
			m.noteRead("event", strings.TrimPrefix(d.display(), "event.")+"."+name, value)
		}
		L.Push(m.toLua(L, value, 0))
	}
	return 1
}

// customerField is customer.name: a field of its own, or else the trait of that name.
func (m *machine) customerField(L *lua.LState, name string) lua.LValue {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	var read func() any
	switch customer := m.call.Customer; name {
	case "traits":
		return m.traits
	case "tags":
		return m.tags
	case "score", "scores":
		if m.asking != nil {
			m.fail(L, `use score_at_least("name", 50)`, "a segment knows no raw score: it would change all the time")
		}
		if name == "scores" {
			return m.scores
		}
		return lua.LNumber(m.points(L, ""))
	case "id":
		read = func() any { return customer.ID.String() }
	case "stage":
		if m.asking != nil {
			m.fail(L, `use stage "customer-lifecycle"`, "a customer has a stage in each journey")
		}
		read = func() any { return text(m.call.Stage) }
	case "user_id":
		read = func() any { return text(customer.UserID()) }
	case "anonymous_id":
		read = func() any { return text(customer.AnonymousID()) }
	case "orders", "revenue", "last_order":
		read = func() any { return Bought(customer, name) }
	case "acquired":
		read = func() any { return acquired(customer.Acquired) }
	default:
		if strings.Contains(name, ".") { // or its path would look like one in customer.traits
			return m.trait(L, name, "traits."+name)
		}
		return m.trait(L, name, name)
	}
	return m.toLua(L, m.look(L, "customer", name, read), 0)
}

// trait reads what the run itself has set, else what the customer has.
func (m *machine) trait(L *lua.LState, name, path string) lua.LValue {
	if value, ok := m.own.traits[name]; ok {
		return m.toLua(L, value, 0)
	}
	return m.toLua(L, m.look(L, "customer", path, func() any { return m.call.Customer.Trait(name) }), 0)
}

// allTraits is what pairs lists; the map is a fresh one if the run has set any.
func (m *machine) allTraits(L *lua.LState) map[string]any {
	all, _ := m.look(L, "customer", "traits", func() any {
		all := make(map[string]any, len(m.call.Customer.Traits))
		for name := range m.call.Customer.Traits {
			all[name] = m.call.Customer.Trait(name)
		}
		return all
	}).(map[string]any)
	if len(m.own.traits) == 0 {
		return all
	}
	merged := make(map[string]any, len(all)+len(m.own.traits))
	maps.Copy(merged, all)
	for name, value := range m.own.traits {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	return merged
}

// allTags is what pairs lists: every tag is true.
func (m *machine) allTags(L *lua.LState) map[string]any {
	tags := map[string]any{}
	list, _ := m.look(L, "customer", "tags", func() any {
		list := make([]any, len(m.call.Customer.Tags))
		for i, tag := range m.call.Customer.Tags {
			list[i] = tag
		}
		return list
	}).([]any)
	for _, tag := range list {
		if tag, ok := tag.(string); ok {
			tags[tag] = true
		}
	}
	for tag, on := range m.own.tags {
		if on {
			tags[tag] = true
		} else {
			delete(tags, tag)
		}
	}
	return tags
}

// plain returns what a data value stands for as decoded JSON, or false if it cannot be listed.
func (m *machine) plain(L *lua.LState, d data) (map[string]any, bool) {
	switch d.view {
	case viewTraits:
		return m.allTraits(L), true
	case viewTags:
		return m.allTags(L), true
	case viewScores:
		return m.allScores(L), true
	case viewProperties, viewEventTraits, viewContext:
		return d.event.decode(d.view), true
	}
	return nil, false
}

// listed copies what pairs is asked to list into a table, or returns nil if it is not such data.
func (m *machine) listed(L *lua.LState, object *lua.LUserData) *lua.LTable {
	d, ok := object.Value.(data)
	if !ok {
		return nil
	}
	all, ok := m.plain(L, d)
	if !ok {
		inside := map[view]string{viewCustomer: "traits", viewEvent: "properties"}[d.view]
		m.fail(L, "list "+d.display()+"."+inside+" instead", "%s cannot be listed", d.display())
	}
	return m.toLua(L, all, 0).(*lua.LTable)
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
		m.budget.hold(len(v))
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
			m.budget.hold(len(key))
			t.RawSetString(key, m.toLua(L, v[key], depth+1))
		}
		m.charge(L, len(v))
		return t
	}
	n, ok := number(value)
	if !ok {
		return lua.LNil
	}
	return lua.LNumber(n)
}

func (m *machine) dataCost(L *lua.LState, depth int) {
	if depth > maxDataDepth {
		L.RaiseError("the data is nested more than %d levels deep", maxDataDepth)
	}
	m.charge(L, costTable/2)
}

// number takes the kinds of number that a store may hand back instead of float64.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int8:
		return float64(v), true
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint8:
		return float64(v), true
	case uint16:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	}
	return 0, false
}
