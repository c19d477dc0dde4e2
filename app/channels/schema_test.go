package channels_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

const strict = `{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "required": ["loft"], "minProperties": 1, "properties": {
	"loft": {"type": "string", "minLength": 2, "maxLength": 9}, "n": {"type": "integer", "minimum": 3, "maximum": 9},
	"rate": {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 7}},
	"way": {"enum": ["north", "south"]}, "code": {"type": "string", "pattern": "^[0-9]+$", "writeOnly": true},
	"list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}}, "fixed": {"const": 7}, "odd": {"type": "integer", "multipleOf": 2},
	"group": {"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": {"type": "string"}}}}}`

func TestSettingsAreHeldToTheSchema(t *testing.T) {
	for _, good := range []string{`{"loft": "north"}`, `{"loft": "north", "n": 3, "rate": {"x": 0.6}, "way": "south", "code": "12", "list": ["a"], "fixed": 7, "group": {"a": ""}}`} {
		if err := channels.CheckSettings(json.RawMessage(strict), json.RawMessage(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for settings, want := range map[string]struct{ field, words string }{
		`{"loft": "north", "n": 2}`:                     {"n", "n must be 3 at least"},
		`{"loft": "north", "n": 10}`:                    {"n", "9 at most"},
		`{"loft": "north", "n": "3"}`:                   {"n", "of type integer, not string"},
		`{"loft": "north", "colour": "hunter2"}`:        {"colour", `no setting "colour"`},
		`{"Loft": "north", "loft": "north"}`:            {"Loft", `no setting "Loft"`},
		`{"n": 3}`:                                      {"loft", "loft is missing"},
		`{"loft": "x"}`:                                 {"loft", "2 characters at least"},
		`{"loft": "0123456789"}`:                        {"loft", "9 characters at most"},
		`{"loft": "north", "rate": {"a.example": 0.5}}`: {"rate.a.example", "more than 0.5"},
		`{"loft": "north", "rate": {"a.example": 7}}`:   {"rate.a.example", "less than 7"},
		`{"loft": "north", "way": "hunter2"}`:           {"way", `one of "north", "south"`},
		`{"loft": "north", "code": "hunter2"}`:          {"code", "match ^[0-9]+$"},
		`{"loft": "north", "list": []}`:                 {"list", "1 entries at least"},
		`{"loft": "north", "list": ["a", "b", "c"]}`:    {"list", "2 entries at most"},
		`{"loft": "north", "list": ["a", 7]}`:           {"list.1", "of type string"},
		`{"loft": "north", "fixed": "hunter2"}`:         {"fixed", "be 7"},
		`{"loft": "north", "odd": 7}`:                   {"odd", "multipleOf"},
		`{"loft": "north", "group": {}}`:                {"group.a", "group.a is missing"},
		`{"loft": "north", "group": {"a": "", "b": 1}}`: {"group.b", `"group.b"`},
		`[]`: {"", "the settings must be of type object"},
		`{`:  {"", "no JSON"},
	} {
		err := channels.CheckSettings(json.RawMessage(strict), json.RawMessage(settings))
		var failure *lifecycle.Error
		if !errors.As(err, &failure) || failure.Code != lifecycle.Invalid || failure.Field != want.field || !strings.Contains(failure.Message, want.words) || strings.Contains(failure.Message, "hunter2") {
			t.Errorf("%s: %+v, want %+v", settings, err, want)
		}
	}
	// What is no schema, or wants others to be read, is for the connector to judge.
	for _, schema := range []string{``, `[]`, `{"type": 7}`, `{"$ref": "file:///etc/hostname"}`, `{"$ref": "https://example.com/schema"}`, `{"properties": {"a": {"pattern": "(?=x)"}}}`} {
		if err := channels.CheckSettings(json.RawMessage(schema), json.RawMessage(`{"a": "x"}`)); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

func FuzzCheckSettings(f *testing.F) {
	f.Add(strict, `{"loft": "north", "n": 2}`)
	f.Add(`{"$ref": "#"}`, `{}`)
	f.Add(`{"$defs": {"a": {"$dynamicRef": "#b"}}, "$id": "x"}`, `{"a": 1e400}`)
	f.Fuzz(func(t *testing.T, schema, settings string) {
		if err := channels.CheckSettings(json.RawMessage(schema), json.RawMessage(settings)); err != nil && lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Error(err)
		}
	})
}
