package channels

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxShape bounds how many schemas are looked at for one place; where there are more, what stands there is a secret.
const maxShape = 1000

// maxNested is how deep lists in lists are looked into.
const maxNested = 16

// shape is all that a connector's JSON Schema (any draft) may say about one place in its settings: every schema that applies there, or
// would under a condition. Nothing is held to the settings, so that a secret stays one whatever else is set. What cannot be followed,
// such as a reference out of the schema, makes a secret of the place and of all below it.
type shape struct {
	root   any              // what references lead into
	all    []map[string]any // empty: the schema says nothing of the place
	secret bool
}

// shapeOf returns the shape of the settings as a whole. One that cannot be read knows no setting.
func shapeOf(schema json.RawMessage) shape {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	decoder.UseNumber()
	var root any
	_ = decoder.Decode(&root)
	return shape{root: root}.of([]any{root})
}

// of returns the shape of a place to which schemas apply, with all that they refer to and consist of.
func (s shape) of(schemas []any) shape {
	out := shape{root: s.root, secret: s.secret}
	seen := map[uintptr]bool{}
	for len(schemas) > 0 && !out.secret {
		next, is := schemas[0].(map[string]any)
		schemas = schemas[1:]
		if !is || seen[reflect.ValueOf(next).Pointer()] { // true and false say nothing of secrets
			continue
		}
		seen[reflect.ValueOf(next).Pointer()] = true
		out.all = append(out.all, next)
		further, followed := s.within(next)
		schemas = append(schemas, further...)
		out.secret = !followed || isTrue(next["writeOnly"]) || len(out.all) > maxShape
	}
	return out
}

// isTrue reports whether a keyword is there and not false.
func isTrue(value any) bool { return value != nil && value != false }

// within returns the schemas that apply to the same place because of one; false if there are some that cannot be found.
func (s shape) within(one map[string]any) (list []any, followed bool) {
	for _, keyword := range []string{"$dynamicRef", "$recursiveRef", "contentSchema"} {
		if one[keyword] != nil {
			return nil, false
		}
	}
	if root, _ := s.root.(map[string]any); reflect.ValueOf(root).Pointer() != reflect.ValueOf(one).Pointer() {
		_, isBase := one["$id"].(string) // references below it do not begin at the root
		if _, old := one["id"].(string); isBase || old {
			return nil, false
		}
	}
	if reference, is := one["$ref"]; is {
		found, ok := s.resolve(reference)
		if !ok {
			return nil, false
		}
		list = append(list, found)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		some, _ := one[keyword].([]any)
		list = append(list, some...)
	}
	for _, keyword := range []string{"if", "then", "else"} {
		list = append(list, one[keyword])
	}
	for _, keyword := range []string{"dependentSchemas", "dependencies"} {
		some, _ := one[keyword].(map[string]any)
		for _, schema := range some {
			list = append(list, schema)
		}
	}
	return list, true
}

// resolve follows a reference such as #/$defs/key; false if it leads elsewhere.
func (s shape) resolve(reference any) (found any, ok bool) {
	text, _ := reference.(string)
	path, ok := strings.CutPrefix(text, "#")
	if !ok || path != "" && path[0] != '/' {
		return nil, false
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return nil, false
	}
	found = s.root
	for _, step := range strings.Split(path, "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch at := found.(type) {
		case map[string]any:
			found, ok = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if ok = err == nil && i >= 0 && i < len(at); ok {
				found = at[i]
			}
		default:
			ok = false
		}
		if !ok {
			return nil, false
		}
	}
	return found, true
}

// isObject reports whether the schema says what is in the place as an object, isList whether as a list.
func (s shape) isObject() bool {
	return s.some("properties", "patternProperties", "additionalProperties", "unevaluatedProperties")
}
func (s shape) isList() bool {
	return s.some("items", "prefixItems", "additionalItems", "unevaluatedItems", "contains")
}

// isDeep reports whether there are secrets in the place, or may be below it.
func (s shape) isDeep() bool {
	for range maxNested {
		switch {
		case s.secret || s.isObject():
			return true
		case !s.isList():
			return false
		}
		s = s.items()
	}
	return true // lists in lists without end
}

func (s shape) some(keywords ...string) bool {
	for _, one := range s.all {
		for _, keyword := range keywords {
			switch value := one[keyword].(type) {
			case map[string]any:
				if len(value) > 0 {
					return true
				}
			case []any:
				return true
			}
		}
	}
	return false
}

// named returns the shape of the setting that a connector reads under a name; false if the schema does not name it. Go's JSON takes
// names in any case, so a password does not come to light by being written as Password.
func (s shape) named(name string) (shape, bool) {
	var list []any
	for _, one := range s.all {
		properties, _ := one["properties"].(map[string]any)
		_, found := properties[name]
		for other, schema := range properties {
			if strings.EqualFold(other, name) {
				list = append(list, schema)
			}
		}
		patterns, _ := one["patternProperties"].(map[string]any)
		for pattern, schema := range patterns {
			if expression, err := regexp.Compile("(?i)" + pattern); err != nil || expression.MatchString(name) {
				list, found = append(list, schema), true
			}
		}
		if further, is := one["additionalProperties"].(map[string]any); is && len(further) > 0 && !found { // {} says as little as true
			list = append(list, further)
		}
		if further, is := one["unevaluatedProperties"].(map[string]any); is && len(further) > 0 {
			list = append(list, further)
		}
	}
	return s.of(list), len(list) > 0
}

// lists reports whether the schema has a setting of just this name among its properties.
func (s shape) lists(name string) bool {
	return slices.ContainsFunc(s.all, func(one map[string]any) bool {
		properties, _ := one["properties"].(map[string]any)
		return properties[name] != nil
	})
}

// items returns the shape of what is in a list, wherever in it.
func (s shape) items() shape {
	var list []any
	for _, one := range s.all {
		for _, keyword := range []string{"items", "prefixItems", "additionalItems", "unevaluatedItems", "contains"} {
			switch value := one[keyword].(type) {
			case map[string]any:
				list = append(list, value)
			case []any:
				list = append(list, value...)
			}
		}
	}
	return s.of(list)
}

// isHeaders reports whether a setting is a list of texts such as "Authorization: Bearer abc", of which the values are secrets and the
// names are not: texts that are writeOnly and have the format "header".
func (s shape) isHeaders() bool {
	if s.secret || !s.isList() {
		return false
	}
	items := s.items()
	for _, one := range items.all {
		if one["format"] == "header" {
			return items.secret
		}
	}
	return false
}
