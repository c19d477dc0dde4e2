package web

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"stagecraft/app/lifecycle"
)

// encoding/json takes "UserID" for "userId". Of a body with both, what the last one says would hold, whoever has read the
// first; so a name that is right but for its case is refused by its name.

// spelling is how the fields of a type are written, and those of what they hold.
type spelling struct {
	fields map[string]*spelling // of an object with fields of ours; nil: none
	each   *spelling            // of the elements of a list, or of the values of an object with names of others
	time   bool                 // it is a time
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// spellingOf returns how a type is written; nil: however it likes.
func spellingOf(t reflect.Type) *spelling { return spellings{}.of(t) }

// spellings are those of the types met on the way down, which may come again below themselves.
type spellings map[reflect.Type]*spelling

func (k spellings) of(t reflect.Type) *spelling {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return &spelling{time: true}
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return nil
	}
	if met, has := k[t]; has {
		return met
	}
	switch t.Kind() {
	case reflect.Struct:
		k[t] = &spelling{fields: map[string]*spelling{}}
		k.add(k[t].fields, t)
		return k[t]
	case reflect.Slice, reflect.Array, reflect.Map:
		if each := k.of(t.Elem()); each != nil {
			return &spelling{each: each}
		}
	}
	return nil
}

func (k spellings) add(fields map[string]*spelling, t reflect.Type) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "" && field.Type.Kind() == reflect.Struct:
			k.add(fields, field.Type)
		case field.IsExported() && name == "":
			fields[field.Name] = k.of(field.Type)
		case field.IsExported():
			fields[name] = k.of(field.Type)
		}
	}
}

// check refuses the first name of valid JSON that is one of ours but for its case.
func (s *spelling) check(data []byte) (wrong error) {
	if s == nil || s.time {
		return nil
	}
	member := func(name, value []byte) {
		if wrong != nil {
			return
		}
		if s.fields == nil {
			wrong = s.each.check(value)
			return
		}
		below, known := s.fields[string(name)]
		if known {
			wrong = below.check(value)
			return
		}
		for ours := range s.fields {
			if strings.EqualFold(ours, string(name)) {
				wrong = &lifecycle.Error{Code: lifecycle.Invalid, Field: string(name),
					Message: fmt.Sprintf("there is no field %q here: it is written %q", name, ours)}
				return
			}
		}
	}
	lifecycle.EachMember(data, member)
	if s.each != nil {
		lifecycle.EachElement(data, func(value []byte) {
			if wrong == nil {
				wrong = s.each.check(value)
			}
		})
	}
	return wrong
}

// readTimes refuses the first time in valid JSON that cannot be read, by the path to its field.
func (s *spelling) readTimes(data []byte, path string) (wrong error) {
	switch {
	case s == nil:
		return nil
	case s.time:
		var at time.Time
		if at.UnmarshalJSON(data) != nil {
			return fieldError(path, "%s %.80s is not a time like 2026-01-31T12:00:00Z", path, data)
		}
		return nil
	}
	look := func(below *spelling, path string, value []byte) {
		if wrong == nil {
			wrong = below.readTimes(value, path)
		}
	}
	lifecycle.EachMember(data, func(name, value []byte) {
		below := s.each
		if s.fields != nil {
			below = s.fields[string(name)]
		}
		look(below, strings.TrimPrefix(path+"."+string(name), "."), value)
	})
	if s.each != nil {
		lifecycle.EachElement(data, func(value []byte) { look(s.each, path, value) })
	}
	return wrong
}
