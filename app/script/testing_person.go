package script

import (
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"stagecraft/app/lifecycle"
)

// What a test reads of a customer.

// personField is c.field or c.method. A name that is neither is read as a trait, as in scripts.
func (t *tester) personField(L *lua.LState) int {
	p := t.self(L, "field")
	name := t.textArg(L, 2, "a customer", "the name of a field")
	if method := t.methods.RawGetString(name); method != lua.LNil {
		L.Push(method)
		return 1
	}
	life := t.life(L, p)
	c := life.Customer
	var value any
	switch name {
	case "stage":
		if visit := c.Visit(t.source.Name); visit != nil && visit.Stage != "" {
			value = visit.Stage
		}
	case "stages":
		value = t.facts(life, lifecycle.FactEntered, func(f lifecycle.Fact) string { return f.To })
	case "converted":
		value = t.facts(life, lifecycle.FactConverted, func(f lifecycle.Fact) string { return f.From })
	case "refused":
		value = t.facts(life, lifecycle.FactRefused, func(f lifecycle.Fact) string { return f.From + " > " + f.To })
	case "logged":
		value = t.facts(life, lifecycle.FactLogged, func(f lifecycle.Fact) string { return f.Reason })
	case "events":
		events := []any{}
		for _, h := range life.Happened {
			// What the engine tells runs that wait for a message is between the two of them.
			if h.Event != nil && h.Event.Name != "" && h.Event.Name != "Message Accepted" && h.Event.Name != "Message Failed" {
				events = append(events, h.Event.Name)
			}
		}
		value = events
	case "score":
		value = c.Score(t.now)
	case "scores":
		scores := map[string]any{}
		for _, score := range c.ScoreNames() {
			if score != "" {
				scores[score] = c.ScoreNamed(score, t.now)
			}
		}
		value = scores
	case "orders", "revenue", "last_order":
		value = Bought(c, name)
	case "tags":
		tags := map[string]any{}
		for _, tag := range c.Tags {
			tags[tag] = true
		}
		value = tags
	case "traits":
		traits := map[string]any{}
		for trait := range c.Traits {
			traits[trait] = c.Trait(trait)
		}
		value = traits
	case "id":
		value = c.ID.String()
	case "user_id":
		value = orNil(c.UserID())
	case "anonymous_id":
		value = orNil(c.AnonymousID())
	default:
		value = c.Trait(name)
	}
	L.Push(fromGo(L, value))
	return 1
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// facts lists what happened in this journey, in order.
func (t *tester) facts(life *Life, kind lifecycle.FactKind, say func(lifecycle.Fact) string) []any {
	list := []any{}
	for _, h := range life.Happened {
		for _, f := range h.Facts {
			if f.Kind == kind && f.Journey == t.source.Name {
				list = append(list, say(f))
			}
		}
	}
	return list
}

// received is c:received("name"), how often; c:received() lists the names.
func (t *tester) received(L *lua.LState) int {
	p := t.self(L, "received")
	names := receivedNames(t.life(L, p).Messages)
	if L.Get(2) == lua.LNil {
		list := make([]any, len(names))
		for i, name := range names {
			list[i] = name
		}
		L.Push(fromGo(L, list))
		return 1
	}
	wanted := t.messageName(L, 2, "received")
	L.Push(lua.LNumber(countOf(names, wanted)))
	return 1
}

// messageName is the name of a message that there is: a misspelt one would never be received, and pass where it should not be.
func (t *tester) messageName(L *lua.LState, n int, word string) string {
	name := t.textArg(L, n, word, "the name of a message")
	var known []string
	for path := range t.source.Files {
		if file, ok := strings.CutPrefix(path, "messages/"); ok {
			known = append(known, strings.SplitN(file, ".", 2)[0])
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if !slices.Contains(known, name) && !strings.Contains(name, ".") { // a webhook is named by its host
		t.wrong(L, didYouMean(name, known, "there are: "+oneOf(known)), "the journey has no message %q", cut(name, 80))
	}
	return name
}

// inbox lists the messages that arrived, of one name or all.
func (t *tester) inbox(L *lua.LState) int {
	return t.listMessages(L, "inbox", func(m Said) bool { return m.State == lifecycle.Accepted })
}

// messagesOf lists everything that was decided, also what was kept back.
func (t *tester) messagesOf(L *lua.LState) int {
	return t.listMessages(L, "messages", func(Said) bool { return true })
}

func (t *tester) listMessages(L *lua.LState, method string, wanted func(Said) bool) int {
	p, name := t.self(L, method), ""
	if L.Get(2) != lua.LNil {
		name = t.messageName(L, 2, method)
	}
	list := []any{}
	for _, m := range t.life(L, p).Messages {
		if wanted(m) && (name == "" || m.Name == name) {
			list = append(list, messageTable(m))
		}
	}
	L.Push(fromGo(L, list))
	return 1
}

func messageTable(m Said) map[string]any {
	table := map[string]any{"name": m.Name, "channel": m.Channel, "kind": string(m.Kind), "stage": m.Stage, "id": m.ID.String(),
		"state": string(m.State), "reason": orNil(m.Reason), "at": m.Decided.UTC().Format(time.RFC3339), "line": float64(m.Line)}
	if r := m.Rendered; r != nil {
		table["to"], table["subject"], table["text"], table["html"] = r.To, orNil(r.Subject), r.Text, orNil(r.HTML)
		table["sent"] = r.Date.UTC().Format(time.RFC3339)
	}
	return table
}

func (t *tester) hasTag(L *lua.LState) int {
	p := t.self(L, "has_tag")
	L.Push(lua.LBool(slices.Contains(t.life(L, p).Customer.Tags, t.textArg(L, 2, "has_tag", "the name of a tag"))))
	return 1
}

func receivedNames(messages []Said) (names []string) {
	for _, m := range messages {
		if m.State == lifecycle.Accepted {
			names = append(names, m.Name)
		}
	}
	return names
}

// receivedText says what was received and what was kept back, for a failure.
func receivedText(messages []Said) string {
	var parts []string
	for _, m := range messages {
		switch {
		case m.State == lifecycle.Accepted:
			parts = append(parts, m.Name)
		case m.Reason != "":
			parts = append(parts, m.Name+" ("+string(m.State)+": "+m.Reason+")")
		default:
			parts = append(parts, m.Name+" ("+string(m.State)+")")
		}
	}
	if len(parts) == 0 {
		return "no message at all"
	}
	return strings.Join(parts, ", ")
}

func countOf(list []string, wanted string) (n int) {
	for _, item := range list {
		if item == wanted {
			n++
		}
	}
	return n
}
