package engine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"stagecraft/app/lifecycle"
	"stagecraft/app/store"
)

// Audience says who gets a broadcast. Exactly one of Everybody and List is set, or there is at least one condition.
type Audience struct {
	Everybody bool        `json:"everybody,omitempty" msgpack:"e,omitempty"`
	List      bool        `json:"list,omitempty" msgpack:"l,omitempty"`    // those who were put on its list
	Where     []Condition `json:"where,omitempty" msgpack:"w,omitempty"`   // all of them hold
	Journey   string      `json:"journey,omitempty" msgpack:"j,omitempty"` // who is in it now
	Stage     string      `json:"stage,omitempty" msgpack:"s,omitempty"`   // of Journey; empty: any
	Segment   string      `json:"segment,omitempty" msgpack:"g,omitempty"` // who is a member at the moment they would be let in
}

// Condition compares a trait.
type Condition struct {
	Trait string          `json:"trait" msgpack:"t"`
	Is    Comparison      `json:"is" msgpack:"i"`
	Value json.RawMessage `json:"value,omitempty" msgpack:"v,omitempty"`
}

// Comparison is how a trait is compared.
type Comparison string

const (
	Equal    Comparison = "equal"
	NotEqual Comparison = "not equal" // a trait that is not there is not equal to anything
	Known    Comparison = "known"
	Unknown  Comparison = "unknown"
	More     Comparison = "more" // than a number
	Less     Comparison = "less"
	Contains Comparison = "contains" // a text contains another one, without regard to case; a list contains a value
)

func (a *Audience) filtered() bool { return len(a.Where) > 0 || a.Journey != "" || a.Segment != "" }

func (a *Audience) check() error {
	switch {
	case a.List && (a.Everybody || a.filtered()):
		return inField("audience.list", "a list is not filtered: say either list, or who")
	case a.Everybody && a.filtered():
		return inField("audience.everybody", "say either everybody, or which of them")
	case !a.List && !a.Everybody && !a.filtered():
		return inField("audience", "say who gets it: list, where, journey, segment, or everybody")
	case a.Stage != "" && a.Journey == "":
		return inField("audience.journey", "a stage needs its journey")
	case len(a.Where) > maxConditions:
		return inField("audience.where", "there may be %d conditions, not %d", maxConditions, len(a.Where))
	}
	for i := range a.Where {
		c, field := &a.Where[i], fmt.Sprintf("audience.where.%d", i)
		if c.Trait == "" || len(c.Trait) > lifecycle.MaxNameBytes {
			return inField(field+".trait", "name a trait of the customers")
		}
		var value any
		if len(c.Value) > 0 && json.Unmarshal(c.Value, &value) != nil {
			return inField(field+".value", "the value cannot be read")
		}
		ok := true
		switch c.Is {
		case Equal, NotEqual, Contains:
			switch value.(type) {
			case string, float64, bool:
			default:
				ok = false
			}
		case More, Less:
			_, ok = value.(float64)
		case Known, Unknown:
			ok = value == nil
		default:
			return inField(field+".is", "%.40q is no comparison: there are equal, not equal, known, unknown, more, less and contains", c.Is)
		}
		if !ok {
			return inField(field+".value", "%s is not what %q compares with", cut(string(c.Value)), c.Is)
		}
	}
	return nil
}

// matcher is an audience whose values are decoded once.
type matcher struct {
	audience Audience
	values   []any
	plan     *lifecycle.Journey // the audience's journey as it is now, which knows what was renamed; nil: it does not run
}

func (a Audience) matcher() *matcher {
	m := &matcher{audience: a, values: make([]any, len(a.Where))}
	for i := range a.Where {
		_ = json.Unmarshal(a.Where[i].Value, &m.values[i]) // checked when it was kept; nothing stays nil
	}
	return m
}

// includes reports whether a customer of the partition is meant. Of a list everybody is who was put on it. Test people are
// left out, because a test is sent to an address, and so are those who have not confirmed theirs.
func (m *matcher) includes(tx store.Reader, c *lifecycle.Customer) bool {
	if c.Test() || c.Applicant() || m.audience.Segment != "" && !isMember(tx, m.audience.Segment, c.ID) {
		return false
	}
	if m.audience.Journey != "" {
		visit := c.Visit(m.audience.Journey)
		if visit == nil || visit.Stage == "" || m.audience.Stage != "" && m.plan.Present(visit.Stage) != m.plan.Present(m.audience.Stage) {
			return false
		}
	}
	for i := range m.audience.Where {
		if !m.audience.Where[i].holds(c, m.values[i]) {
			return false
		}
	}
	return true
}

// running returns a journey as it runs; nil if it does not.
func (e *Engine) running(tx store.Tx, journey string) (*lifecycle.Journey, error) {
	journeys, err := e.journeys(tx)
	for _, j := range journeys {
		if j.name == journey {
			return j.plan(), err
		}
	}
	return nil, err
}

func (w *Condition) holds(c *lifecycle.Customer, want any) bool {
	has := c.Trait(w.Trait)
	switch w.Is {
	case Equal:
		return reflect.DeepEqual(has, want)
	case NotEqual:
		return !reflect.DeepEqual(has, want)
	case Known:
		return has != nil
	case Unknown:
		return has == nil
	case More, Less:
		number, ok := has.(float64)
		limit, _ := want.(float64)
		return ok && (w.Is == More && number > limit || w.Is == Less && number < limit)
	case Contains:
		switch value := has.(type) {
		case string:
			text, ok := want.(string)
			return ok && strings.Contains(strings.ToLower(value), strings.ToLower(text))
		case []any:
			for _, one := range value {
				if reflect.DeepEqual(one, want) {
					return true
				}
			}
		}
	}
	return false
}

// Text says who is meant, for people.
func (a *Audience) Text() string {
	if a.List {
		return "everybody on the list"
	}
	text := "customers"
	if a.Journey != "" {
		text += " in " + strings.TrimSuffix(a.Journey+"/"+a.Stage, "/")
	}
	if a.Segment != "" {
		text += " in the segment " + a.Segment
	}
	var parts []string
	for _, w := range a.Where {
		switch w.Is {
		case Known:
			parts = append(parts, w.Trait+" is known")
		case Unknown:
			parts = append(parts, w.Trait+" is not known")
		case Contains:
			parts = append(parts, w.Trait+" contains "+raw(w.Value))
		default:
			sign := map[Comparison]string{Equal: "is", NotEqual: "is not", More: "is more than", Less: "is less than"}[w.Is]
			parts = append(parts, w.Trait+" "+sign+" "+raw(w.Value))
		}
	}
	if len(parts) > 0 {
		return text + " whose " + strings.Join(parts, ", whose ")
	}
	if a.Journey == "" && a.Segment == "" {
		return "everybody"
	}
	return text
}
