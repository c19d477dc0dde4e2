package script

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// intakeFields are what the words of sources know in their tables.
var (
	identityFields = []field{{name: "id"}, {name: "user_id"}, {name: "anonymous_id"}, {name: "external_id"}, {name: "email"}, {name: "phone"},
		{name: "at"}, {name: "traits"}, {name: "context"}}
	happenedFields = append([]field{{name: "name"}, {name: "properties"}}, identityFields...)
)

// wordEvent is event { name = "Order Completed", user_id = …, properties = { … } }.
func (m *intakeMachine) wordEvent(L *lua.LState) int {
	return m.makeEvent(L, "event", lifecycle.Track, happenedFields)
}

// wordIdentify is identify { user_id = …, traits = { … } }.
func (m *intakeMachine) wordIdentify(L *lua.LState) int {
	return m.makeEvent(L, "identify", lifecycle.Identify, identityFields)
}

func (m *intakeMachine) makeEvent(L *lua.LState, word string, kind lifecycle.EventType, known []field) int {
	m.handling(L, word)
	form := "as in " + word + ` { user_id = "u1", traits = { plan = "pro" } }`
	if kind == lifecycle.Track {
		form = `as in event { name = "Order Completed", user_id = "u1", properties = { total = 20 } }`
	}
	if _, ok := L.Get(1).(*lua.LTable); !ok {
		m.fail(L, form, "%s needs a table, not %s", word, kindOf(L, 1))
	}
	if len(m.events) >= maxIntakeEvents {
		m.fail(L, "look for an endless loop", "one request becomes at most %d events", maxIntakeEvents)
	}
	values := map[string]lua.LValue{}
	for name, value := range m.options(L, 1, word, form, known) {
		if value != lua.LNil && !isNull(value) {
			values[name] = value
		}
	}
	var e lifecycle.Event
	wrong := m.reading(func() {
		e = m.eventOf(L, word, form, kind, values)
		if e.Identity().Value == "" || kind == lifecycle.Track && e.Name == "" {
			return
		}
		if err := e.Validate(); err != nil {
			m.unfit(L, form, "%s", cut(err.Error(), 300))
		}
	})
	switch {
	case wrong != nil:
		m.unfitEvents = append(m.unfitEvents, wrong)
		return 0
	case e.Identity().Value == "":
		m.fail(L, form, "%s does not say whose it is: give user_id, anonymous_id, external_id, email or phone", word)
	case kind == lifecycle.Track && e.Name == "":
		m.fail(L, form, "%s does not say what happened: give its name", word)
	}
	m.charge(L, costTable)
	m.events = append(m.events, e)
	return 0
}

// eventOf makes an event of the fields of a word. It is nobody's if none of them says whose it is.
func (m *intakeMachine) eventOf(L *lua.LState, word, form string, kind lifecycle.EventType, values map[string]lua.LValue) lifecycle.Event {
	e := lifecycle.Event{Type: kind, Source: m.intake.Name, Public: m.intake.Open}
	var id, external, email, phone string
	objects := map[string]map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch value := values[name]; name {
		case "name":
			e.Name = m.nameOf(L, word, name, value)
		case "id":
			id = m.nameOf(L, word, name, value)
		case "user_id":
			e.UserID = m.nameOf(L, word, name, value)
		case "anonymous_id":
			e.AnonymousID = m.nameOf(L, word, name, value)
		case "external_id":
			external = m.nameOf(L, word, name, value)
		case "email":
			email = strings.TrimSpace(m.nameOf(L, word, name, value))
		case "phone":
			phone = strings.TrimSpace(m.nameOf(L, word, name, value))
		case "at":
			e.Timestamp = m.moment(L, word, value)
		default:
			object, ok := m.fromLua(L, value, name+" of "+word).(map[string]any)
			if !ok {
				m.unfit(L, form, "%s of %s must be a table with names", name, word)
			}
			objects[name] = object
		}
	}
	if email != "" || phone != "" {
		if objects["traits"] == nil {
			objects["traits"] = map[string]any{}
		}
		put(objects["traits"], "email", email)
		put(objects["traits"], "phone", phone)
	}
	if external != "" {
		if objects["context"] == nil {
			objects["context"] = map[string]any{}
		}
		objects["context"]["externalIds"] = []any{map[string]any{"id": external, "type": m.intake.Name, "collection": "users", "encoding": "none"}}
	}
	if m.intake.Open {
		if err := e.ValidatePublic(); err != nil {
			m.unfit(L, "", "%s", cut(err.Error(), 300))
		}
	}
	if e.UserID == "" && e.AnonymousID == "" {
		// Whoever is known by what the provider knows is somebody until it is known who; the address joins them.
		switch {
		case external != "":
			e.AnonymousID = lifecycle.SourceName(m.intake.Name, external)
		case m.intake.Open && email != "": // who says so is somebody else than who is known to have the address
			e.AnonymousID = lifecycle.SourceName(m.intake.Name, strings.ToLower(email))
		case m.intake.Open && phone != "":
			e.AnonymousID = lifecycle.SourceName(m.intake.Name, phone)
		case email != "":
			e.AnonymousID = "email:" + strings.ToLower(email)
		case phone != "":
			e.AnonymousID = "phone:" + phone
		}
	}
	e.Properties, e.Traits, e.Context = m.object(L, objects["properties"]), m.object(L, objects["traits"]), m.object(L, objects["context"])
	e.MessageID = m.messageID(id)
	return e
}

func put(object map[string]any, name, value string) {
	if value != "" {
		object[name] = value
	}
}

func (m *intakeMachine) object(L *lua.LState, value map[string]any) json.RawMessage {
	if len(value) == 0 {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		m.fail(L, "", "the event cannot be written as JSON: %s", cut(err.Error(), 200))
	}
	return data
}

// messageID names an event for good: by the provider's id of it, or else by the content that it was made of, so that
// what is sent again, or fetched again, is known.
func (m *intakeMachine) messageID(id string) string {
	if id == "" {
		id = lifecycle.HashID("intake", string(m.raw)).String()
	}
	if m.ids == nil {
		m.ids = map[string]int{}
	}
	m.ids[id]++
	if n := m.ids[id]; n > 1 { // several events of one thing that happened there
		id += "#" + strconv.Itoa(n)
	}
	if name := m.intake.Name + ":" + id; len(name) <= lifecycle.MaxNameBytes {
		return name
	}
	return m.intake.Name + ":" + lifecycle.HashID("intake id", id).String()
}

// nameOf reads a short text; a number is written out.
func (m *intakeMachine) nameOf(L *lua.LState, word, option string, value lua.LValue) string {
	var text string
	switch v := value.(type) {
	case lua.LString:
		text = string(v)
	case lua.LNumber:
		text = formatNumber(float64(v))
	default:
		m.unfit(L, "", "%s of %s must be a text, not %s", option, word, value.Type())
	}
	if len(text) > lifecycle.MaxNameBytes {
		m.unfit(L, "", "%s of %s is longer than %d bytes", option, word, lifecycle.MaxNameBytes)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
		m.unfit(L, "", "%s of %s holds control characters or broken text", option, word)
	}
	return text
}

// moment reads a time: seconds or milliseconds since 1970, or a text. A number of less than nine digits is none: it is a
// year or a number of something else, and as seconds it would be a day in the first years after 1970.
func (m *intakeMachine) moment(L *lua.LState, word string, value lua.LValue) time.Time {
	const form = "as in 2026-01-31T12:00:00Z, or the seconds since 1970"
	at, ok := time.Time{}, false
	switch v := value.(type) {
	case lua.LNumber:
		at, ok = unixMoment(float64(v))
	case lua.LString:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02"} {
			if parsed, err := time.Parse(layout, strings.TrimSpace(string(v))); err == nil {
				at, ok = parsed.UTC(), true
				break
			}
		}
		if f, isNumber := parseNumber(string(v)); !ok && isNumber {
			at, ok = unixMoment(f)
		}
	}
	if !ok || at.Year() < 1900 || at.Year() > 2200 {
		m.unfit(L, form, "at of %s is no time: %s", word, cut(m.display(L, value), 60))
	}
	return at
}

func unixMoment(f float64) (time.Time, bool) {
	if math.IsNaN(f) || math.Abs(f) > 1e14 || math.Abs(f) < 1e8 {
		return time.Time{}, false
	}
	if math.Abs(f) >= 1e11 { // milliseconds: in seconds it would be after the year 5000
		return time.UnixMilli(int64(f)).UTC(), true
	}
	return time.UnixMicro(int64(f * 1e6)).UTC(), true
}

// wordRefuse is refuse "why": nothing comes of the request, and it is kept with the reason.
func (m *intakeMachine) wordRefuse(L *lua.LState) int {
	if m.toplevel {
		m.fail(L, "put it into receive or row", "refuse is called while the file is loaded")
	}
	text := "the source refused it"
	if v, ok := L.Get(1).(lua.LString); ok && strings.TrimSpace(string(v)) != "" {
		text = cut(strings.ToValidUTF8(string(v), "?"), maxLogBytes)
	}
	m.refuseNow(L, &Refusal{text})
	return 0
}

// wordAnswer is answer "text": what the provider reads, as some want it when an address is set up.
func (m *intakeMachine) wordAnswer(L *lua.LState) int {
	m.handling(L, "answer")
	text := m.text(L, 1)
	if len(text) > 4<<10 {
		m.fail(L, "", "an answer has at most 4 KB")
	}
	m.answer = strings.ToValidUTF8(text, "?")
	return 0
}

func (m *intakeMachine) wordReceive(L *lua.LState) int { return m.register(L, "receive", &m.receive) }
func (m *intakeMachine) wordRow(L *lua.LState) int     { return m.register(L, "row", &m.row) }

func (m *intakeMachine) register(L *lua.LState, word string, into **lua.LFunction) int {
	form := "write " + word + "(function(" + cmp.Or(map[string]string{"row": "row"}[word], "request") + ") … end)"
	m.declaring(L, word)
	fn, ok := L.Get(1).(*lua.LFunction)
	if !ok || fn.IsG {
		m.fail(L, form, "%s needs a function, not %s", word, kindOf(L, 1))
	}
	if *into != nil {
		m.fail(L, "keep one of them", "%s stands here twice", word)
	}
	*into = fn
	return 0
}
