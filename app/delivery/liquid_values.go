package delivery

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/osteele/liquid/values"
)

type templateKind uint8

const (
	missingKind  templateKind = iota // nothing is known under this name
	customerKind                     // customer
	traitsKind                       // customer.traits
	eventKind                        // event
	jsonKind                         // JSON, decoded when it is needed
	plainKind                        // a Go value: what a filter returned or a tag assigned
	loopKind                         // forloop
	blankKind                        // the words blank and empty
	madeKind                         // a link or code of the customer's, made when it is asked for: it costs a signature
)

// templateValue is a variable as the library's expressions see it (a values.Value). It decodes only what a template
// names, and knows its own path, so that a missing one can be named. It belongs to one rendering.
type templateValue struct {
	run    *templateRun
	parent *templateValue
	name   string
	kind   templateKind
	raw    []byte
	plain  any // of plainKind; of madeKind a func() string; of loopKind a *templateLoop
	cache  *templateCache
}

// templateCache keeps what was found out about an object or list.
type templateCache struct {
	fields []jsonField
	split  bool
	plain  any
	loaded bool
}

func (v *templateValue) known() *templateCache {
	if v.cache == nil {
		v.cache = &templateCache{}
	}
	return v.cache
}

// templateDrop carries a templateValue through the library where that wants a plain Go value; the library asks it
// for one (ToLiquid) when it compares.
type templateDrop struct{ value *templateValue }

// ToLiquid returns the plain Go value, nil for a missing one.
func (d templateDrop) ToLiquid() any { return values.ToLiquid(d.value.load()) }

// templateSafe is text that is HTML already, or the Markdown of a letter.
type templateSafe string

// ToLiquid returns the text.
func (s templateSafe) ToLiquid() any { return string(s) }

// path is how a template writes the variable.
func (v *templateValue) path() string {
	if v.parent == nil {
		return v.name
	}
	if strings.HasPrefix(v.name, "[") {
		return v.parent.path() + v.name
	}
	for i, c := range v.name {
		if c != '_' && !unicode.IsLetter(c) && (i == 0 || c != '-' && !unicode.IsDigit(c)) {
			return v.parent.path() + "[" + strconv.Quote(v.name) + "]"
		}
	}
	return v.parent.path() + "." + v.name
}

func (v *templateValue) fault() error {
	if v.kind == missingKind || v.kind == jsonKind || v.kind == plainKind {
		path := v.path()
		return faultf(path+" is missing; give it a default: {{ "+path+` | default: "…" }}`, "")
	}
	return faultf(v.path()+" holds several values", "name one of them, such as customer.traits.first_name or event.properties.total")
}

func (v *templateValue) missing(name string) *templateValue {
	return &templateValue{run: v.run, parent: v, name: name}
}

func (v *templateValue) json(name string, raw []byte) *templateValue {
	if i := skipSpace(raw, 0); i >= len(raw) || raw[i] == 'n' {
		return v.missing(name)
	}
	return &templateValue{run: v.run, parent: v, name: name, kind: jsonKind, raw: raw}
}

func (v *templateValue) of(name string, value any) *templateValue {
	if value == nil {
		return v.missing(name)
	}
	if drop, ok := value.(templateDrop); ok {
		return drop.value
	}
	return &templateValue{run: v.run, parent: v, name: name, kind: plainKind, plain: value}
}

func (v *templateValue) text(name, value string) *templateValue {
	if value == "" {
		return v.missing(name)
	}
	return v.of(name, strings.ToValidUTF8(value, "\uFFFD"))
}

// members splits JSON once; what was looked through is paid for.
func (v *templateValue) members() []jsonField {
	known := v.known()
	if !known.split {
		v.run.mustSpend(1 + len(v.raw)/bytesPerStep)
		known.fields, _ = jsonFields(v.raw)
		known.split = true
	}
	return known.fields
}

func (v *templateValue) isList() bool {
	i := skipSpace(v.raw, 0)
	return i < len(v.raw) && v.raw[i] == '['
}

func (v *templateValue) isObject() bool {
	i := skipSpace(v.raw, 0)
	return i < len(v.raw) && v.raw[i] == '{'
}

// load returns the value as Go knows it: nil, bool, string, templateNumber, time.Time, list, map … A missing one is
// nil, and so is one that is no value but a set of them.
func (v *templateValue) load() any {
	switch v.kind {
	case plainKind:
		return v.plain
	case madeKind:
		return v.plain.(func() string)()
	case jsonKind:
		if !v.isList() && !v.isObject() {
			v.run.mustSpend(1 + len(v.raw)/bytesPerStep)
			return jsonDecode(v.raw, 0)
		}
		known := v.known()
		if !known.loaded {
			v.run.mustSpend(1 + len(v.raw)/bytesPerStep)
			known.plain, known.loaded = jsonDecode(v.raw, 0), true
		}
		return known.plain
	case traitsKind:
		known := v.known()
		if !known.loaded {
			traits := map[string]any{}
			for name, raw := range v.run.scope.Customer.Traits {
				v.run.mustSpend(1 + len(raw)/bytesPerStep)
				traits[name] = jsonDecode(raw, 1)
			}
			known.plain, known.loaded = traits, true
		}
		return known.plain
	}
	return nil
}

// lookup returns a property by name.
func (v *templateValue) lookup(name string) *templateValue {
	switch v.kind {
	case customerKind:
		customer := v.run.scope.Customer
		switch name {
		case "id":
			return v.of(name, customer.ID.String())
		case "user_id":
			return v.text(name, customer.UserID())
		case "anonymous_id":
			return v.text(name, customer.AnonymousID())
		case "traits":
			return &templateValue{run: v.run, parent: v, name: name, kind: traitsKind}
		}
		return v.json(name, customer.Traits[name])
	case traitsKind:
		return v.json(name, v.run.scope.Customer.Traits[name])
	case eventKind:
		event := v.run.scope.Event
		switch name {
		case "name":
			return v.text(name, event.Name)
		case "timestamp":
			if event.Timestamp.IsZero() {
				return v.missing(name)
			}
			return v.of(name, event.Timestamp)
		case "properties":
			if v.run.properties == nil {
				v.run.properties = v.json(name, event.Properties)
			}
			return v.run.properties
		}
	case jsonKind:
		members, list := v.members(), v.isList()
		if !list {
			for i := range members {
				if members[i].key == name {
					return v.json(name, members[i].raw)
				}
			}
		}
		if name == "size" {
			if text, ok := v.load().(string); ok {
				return v.of(name, len([]rune(text)))
			}
			if list || v.isObject() {
				return v.of(name, len(members))
			}
		}
		if list && name == "first" && len(members) > 0 {
			return v.json(name, members[0].raw)
		}
		if list && name == "last" && len(members) > 0 {
			return v.json(name, members[len(members)-1].raw)
		}
	case plainKind:
		return v.lookupPlain(name)
	case loopKind:
		return v.of(name, v.plain.(*templateLoop).property(name))
	}
	return v.missing(name)
}

func (v *templateValue) lookupPlain(name string) *templateValue {
	switch value := v.plain.(type) {
	case string:
		if name == "size" {
			v.run.mustSpend(1 + len(value)/bytesPerStep)
			return v.of(name, len([]rune(value)))
		}
	case map[string]any:
		if child, ok := value[name]; ok {
			return v.of(name, child)
		}
		if name == "size" {
			return v.of(name, len(value))
		}
	case []any:
		switch {
		case name == "size":
			return v.of(name, len(value))
		case name == "first" && len(value) > 0:
			return v.of(name, value[0])
		case name == "last" && len(value) > 0:
			return v.of(name, value[len(value)-1])
		}
	}
	return v.missing(name)
}

// entry returns an entry of a list; negative numbers count from the end.
func (v *templateValue) entry(index int) *templateValue {
	name := "[" + strconv.Itoa(index) + "]"
	switch {
	case v.kind == jsonKind && v.isList():
		members := v.members()
		if index < 0 {
			index += len(members)
		}
		if index >= 0 && index < len(members) {
			return v.json(name, members[index].raw)
		}
	case v.kind == plainKind:
		list, _ := v.plain.([]any)
		if index < 0 {
			index += len(list)
		}
		if index >= 0 && index < len(list) {
			return v.of(name, list[index])
		}
	}
	return v.missing(name)
}
