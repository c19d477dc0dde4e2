package channels_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

func TestSettingsAreKeptEncrypted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "settings")
	key := bytes.Repeat([]byte{7}, 32)
	if _, err := channels.NewSettings(dir, key[1:]); lifecycle.CodeOf(err) != lifecycle.Invalid {
		t.Error(err)
	}
	s, err := channels.NewSettings(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("sms"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Error(err)
	}
	for _, wrong := range []string{``, `[]`, `null`, `{`, ` `} {
		if err := s.Save("sms", channels.Connection{Connector: "sms", Settings: json.RawMessage(wrong)}); lifecycle.CodeOf(err) != lifecycle.Invalid {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	want := channels.Connection{Connector: "sms", Settings: json.RawMessage(`{"token":"hunter2"}`)}
	if err := s.Save("sms", want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load("sms"); err != nil || got.Connector != "sms" || string(got.Settings) != string(want.Settings) {
		t.Errorf("%+v %v", got, err)
	}
	path := filepath.Join(dir, "sms.settings")
	sealed, err := os.ReadFile(path)
	if err != nil || bytes.Contains(sealed, []byte("hunter2")) || bytes.Contains(sealed, []byte("token")) {
		t.Errorf("%v: %q", err, sealed)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := s.Save("sms", want); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(path); bytes.Equal(again, sealed) {
		t.Error("the same settings make the same file")
	}
	// Those of one channel are not those of another, no bit may be changed, and another key reads nothing.
	if err := os.WriteFile(filepath.Join(dir, "email.settings"), sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(s *channels.Settings, channel string) {
		t.Helper()
		if c, err := s.Load(channel); lifecycle.CodeOf(err) != lifecycle.Invalid || len(c.Settings) > 0 {
			t.Errorf("%+v %v", c, err)
		}
	}
	refused(s, "email")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(s, "sms")
	}
	if err := os.WriteFile(path, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := channels.NewSettings(dir, bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	refused(other, "sms")
	if err := s.Remove("sms"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("sms"); lifecycle.CodeOf(err) != lifecycle.NotFound {
		t.Error(err)
	}
}

func TestSecretsAreHiddenAndRestored(t *testing.T) {
	schema := json.RawMessage(`{"type":"object","properties":{"host":{"type":"string"},"token":{"type":"string","writeOnly":true},
		"twilio":{"type":"object","properties":{"sid":{"type":"string"},"auth":{"type":"string","writeOnly":true}}}}}`)
	settings := json.RawMessage(`{"host":"h","odd":"secret?","token":"t","twilio":{"auth":"a","sid":"s"}}`)
	hidden := `{"host":"h","odd":"********","token":"********","twilio":{"auth":"********","sid":"s"}}`
	if got := string(channels.Redact(schema, settings)); got != hidden {
		t.Error(got)
	}
	if got := string(channels.Redact(nil, settings)); got != `{"host":"********","odd":"********","token":"********","twilio":"********"}` {
		t.Error(got)
	}
	if got := string(channels.Restore(schema, json.RawMessage(hidden), settings)); got != string(settings) {
		t.Error(got)
	}
	changed := json.RawMessage(`{"host":"********","token":"new","twilio":{"auth":"********"},"x":"********"}`)
	if got := string(channels.Restore(schema, changed, settings)); got != `{"host":"h","token":"new","twilio":{"auth":"a"}}` {
		t.Error(got)
	}
}

// A secret stays one in a list, and under a name that is written otherwise, which connectors read all the same.
func TestSecretsInListsAndUnderOtherNames(t *testing.T) {
	schema := json.RawMessage(`{"properties": {"host": {}, "token": {"writeOnly": true}, "keys": {"items": {"writeOnly": true}}, "group": {"properties": {"token": {"writeOnly": true}}}}}`)
	settings := json.RawMessage(`{"HOST": "h", "Token": "secret-1", "keys": ["secret-2", "secret-3"], "Group": {"TOKEN": "secret-4"}}`)
	if got, want := string(channels.Redact(schema, settings)), `{"Group":{"TOKEN":"********"},"HOST":"h","Token":"********","keys":"********"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := channels.Hide(schema, settings, "secret-1 secret-2 secret-3 secret-4 h"); got != "******** ******** ******** ******** h" {
		t.Errorf("what a connector says: %s", got)
	}
	if got := string(channels.Restore(schema, channels.Redact(schema, settings), settings)); !strings.Contains(got, "secret-1") || !strings.Contains(got, "secret-3") || !strings.Contains(got, "secret-4") {
		t.Errorf("restored: %s", got)
	}
}

// Of a list of secrets one may be replaced, and the others stay.
func TestAListOfSecretsIsChanged(t *testing.T) {
	schema := json.RawMessage(`{"properties": {"keys": {"items": {"writeOnly": true}}}}`)
	before := json.RawMessage(`{"keys": ["secret-1", "secret-2"]}`)
	for sent, want := range map[string]string{
		`{"keys": "********"}`:                      `{"keys":["secret-1","secret-2"]}`,
		`{"keys": ["********", "new"]}`:             `{"keys":["secret-1","new"]}`,
		`{"keys": ["********", "********", "new"]}`: `{"keys":["secret-1","secret-2","new"]}`,
		`{"keys": ["new"]}`:                         `{"keys":["new"]}`,
	} {
		if got := string(channels.Restore(schema, json.RawMessage(sent), before)); got != want {
			t.Errorf("%s: %s", sent, got)
		}
	}
}

// Of a list of headers people see the names. A value that they leave hidden stays as it was, wherever its header goes.
func TestValuesOfHeadersAreSecrets(t *testing.T) {
	schema := json.RawMessage(`{"properties": {"headers": {"type": "array", "items": {"type": "string", "format": "header", "writeOnly": true}}}}`)
	settings := json.RawMessage(`{"headers": ["Authorization: Bearer abc-123456", "X-Key: k-654321", "X-Key: k-777777"]}`)
	if got, want := string(channels.Redact(schema, settings)), `{"headers":["Authorization: ********","X-Key: ********","X-Key: ********"]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := string(channels.Redact(schema, json.RawMessage(`{"headers": "Authorization: abc"}`))); got != `{"headers":"********"}` {
		t.Error(got)
	}
	for _, c := range []struct{ sent, want string }{
		{`["Authorization: ********","X-Key: ********","X-Key: ********"]`, `["Authorization: Bearer abc-123456","X-Key: k-654321","X-Key: k-777777"]`},
		{`["x-key:********","X-New: n","X-Gone: ********"]`, `["X-Key: k-654321","X-New: n"]`},
		{`["X-Key: new","Authorization: ********"]`, `["X-Key: new","Authorization: Bearer abc-123456"]`},
		{`"********"`, `["Authorization: Bearer abc-123456", "X-Key: k-654321", "X-Key: k-777777"]`},
		{`7`, `7`},
	} {
		if got, want := string(channels.Restore(schema, json.RawMessage(`{"headers":`+c.sent+`}`), settings)), `{"headers":`+strings.ReplaceAll(c.want, `", "`, `","`)+`}`; got != want {
			t.Errorf("%s: %s, want %s", c.sent, got, want)
		}
	}
	if got := channels.Hide(schema, settings, "wrong: Bearer abc-123456, abc-123456, k-777777, X-Key"); got != "wrong: ********, ********, ********, X-Key" {
		t.Errorf("what a connector says: %s", got)
	}
}

// A header that is filled in from other settings, or is everybody's, says nothing that is to be hidden; of two secrets of which one
// begins with the other nothing is left.
func TestPlainHeadersAreNotHidden(t *testing.T) {
	schema := json.RawMessage(`{"properties": {"secret": {"writeOnly": true}, "other": {"writeOnly": true},
		"headers": {"items": {"writeOnly": true, "format": "header"}}}}`)
	settings := json.RawMessage(`{"secret": "abc-123", "other": "abc-123456", "headers": ["accept : application/json", "Authorization: Bearer {{secret}}", "User-Agent: shop/1.0", "X-Key: k-654321"]}`)
	const said = "application/json, Bearer {{secret}}, shop/1.0, k-654321, abc-123, abc-123456"
	for range 20 { // settings have no order
		if got := channels.Hide(schema, settings, said); got != "application/json, Bearer {{secret}}, shop/1.0, ********, ********, ********" {
			t.Fatal(got)
		}
	}
}

// A secret is one by whatever way the schema says so, and also under a condition; what the schema does not say, or says in a way that
// is not understood, is one too. It is hidden where people look and in what the connector says, and comes back where it was left hidden.
func TestSecretsBehindReferencesAndConditions(t *testing.T) {
	const key = `{"type": "string", "writeOnly": true}`
	for _, c := range []struct{ schema, settings, hidden string }{
		{`{"$defs": {"k": ` + key + `}, "properties": {"a": {"$ref": "#/$defs/k"}}}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"$defs": {"a/b~c d": ` + key + `}, "properties": {"a": {"$ref": "#/$defs/a~1b~0c%20d"}}}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"$ref": "#/$defs/all", "$defs": {"all": {"properties": {"a": ` + key + `, "b": {}}}}}`, `{"a": "secret-1", "b": "plain"}`, `{"a":"********","b":"plain"}`},
		{`{"allOf": [{"properties": {"a": ` + key + `}}], "properties": {"a": {"type": "string"}, "b": {}}}`, `{"a": "secret-1", "b": "plain"}`, `{"a":"********","b":"plain"}`},
		{`{"properties": {"a": {"anyOf": [{"type": "null"}, ` + key + `]}}}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"properties": {"a": {"oneOf": [{"type": "integer"}, {"properties": {"k": ` + key + `, "n": {}}}]}}}`, `{"a": {"k": "secret-1", "n": "plain"}}`, `{"a":{"k":"********","n":"plain"}}`},
		{`{"properties": {"way": {}}, "if": {"properties": {"way": {"const": "x"}}}, "then": {"properties": {"a": ` + key + `}}, "else": {"properties": {"b": ` + key + `}}}`,
			`{"way": "x", "a": "secret-1", "b": "secret-2"}`, `{"a":"********","b":"********","way":"x"}`},
		{`{"properties": {"a": {}}, "dependentSchemas": {"a": {"properties": {"b": ` + key + `}}}}`, `{"a": "plain", "b": "secret-1"}`, `{"a":"plain","b":"********"}`},
		{`{"additionalProperties": ` + key + `, "properties": {"b": {}}}`, `{"a": "secret-1", "b": "plain", "B": "secret-2"}`, `{"B":"********","a":"********","b":"plain"}`},
		{`{"unevaluatedProperties": ` + key + `}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"patternProperties": {"^key_": ` + key + `, "^host_": {}}}`, `{"key_a": "secret-1", "Key_b": "secret-2", "host_a": "plain"}`, `{"Key_b":"********","host_a":"plain","key_a":"********"}`},
		{`{"properties": {"a": {"additionalProperties": {"properties": {"k": ` + key + `, "n": {}}}}}}`, `{"a": {"x": {"k": "secret-1", "n": "plain"}}}`, `{"a":{"x":{"k":"********","n":"plain"}}}`},
		{`{"properties": {"a": {"items": {"items": ` + key + `}}}}`, `{"a": [["secret-1", "secret-2"], ["secret-3"]]}`, `{"a":["********","********"]}`},
		{`{"properties": {"a": {"prefixItems": [{}, ` + key + `]}}}`, `{"a": ["plain", "secret-1"]}`, `{"a":"********"}`},
		{`{"properties": {"a": {"items": [{"properties": {"k": ` + key + `}}]}}}`, `{"a": [{"k": "secret-1"}]}`, `{"a":[{"k":"********"}]}`},
		{`{"properties": {"a": {"type": "integer", "writeOnly": true}}}`, `{"a": 12345678}`, `{"a":"********"}`},
		{`{"properties": {"a": {"type": "object", "writeOnly": true}}}`, `{"a": {"k": ["secret-1", {"n": 12345678}]}}`, `{"a":"********"}`},
		{`{"properties": {"a": {"$ref": "https://example.com/key"}}}`, `{"a": {"k": "secret-1"}}`, `{"a":"********"}`},
		{`{"properties": {"a": {"$ref": "#key"}, "b": {"$dynamicRef": "#key"}}}`, `{"a": "secret-1", "b": "secret-2"}`, `{"a":"********","b":"********"}`},
		{`{"properties": {"a": {"$id": "other", "$ref": "#/x"}}, "x": {}}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"$ref": "other"}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"$ref": "#"}`, `{"a": "secret-1"}`, `{"a":"********"}`},
		{`{"properties": {"b": {}}}`, `{"a": {"k": "secret-1"}, "b": "plain"}`, `{"a":"********","b":"plain"}`},
		{`{"properties": {"a": {"properties": {"k": {}}}, "b": {"items": {"properties": {"k": {}}}}}}`, `{"a": "secret-1", "b": "secret-2"}`, `{"a":"********","b":"********"}`},
		{`{"$ref": "#/$defs/tree", "$defs": {"tree": {"properties": {"k": ` + key + `, "n": {}, "tree": {"$ref": "#/$defs/tree"}}}}}`,
			`{"k": "secret-1", "tree": {"k": "secret-2", "n": "plain", "tree": {"k": "secret-3"}}}`, `{"k":"********","tree":{"k":"********","n":"plain","tree":{"k":"********"}}}`},
		{`{"properties": {"a": {"$ref": "#/$defs/list"}}, "$defs": {"list": {"items": {"$ref": "#/$defs/list"}}}}`, `{"a": ["secret-1"]}`, `{"a":["********"]}`},
		{`{"properties": {"rates": {"additionalProperties": {"type": "number"}}, "list": {"items": {"type": "string"}}, "one": {"anyOf": [{"type": "string"}, {"items": {"type": "string"}}]}, "matrix": {"items": {"items": {"type": "string"}}}}}`,
			`{"rates": {"a.example": 700000}, "list": ["plain"], "matrix": [["plain"]], "one": "plain"}`, `{"list":["plain"],"matrix":[["plain"]],"one":"plain","rates":{"a.example":700000}}`},
		{`{"properties": {"a": {"type": "object"}, "b": {"type": "object", "additionalProperties": true}, "c": {"properties": {}}, "d": {}, "e": true, "f": {"type": "array"}}}`,
			`{"a": {"password": "secret-1", "user": "u"}, "b": {"k": ["secret-2"]}, "c": {"k": 12345678}, "d": ["secret-3"], "e": [[{"k": "secret-4"}]], "f": ["secret-5"]}`,
			`{"a":"********","b":"********","c":"********","d":"********","e":"********","f":"********"}`},
		{`{"properties": {"a": {"items": {"type": "object"}}, "b": {"items": {"type": "string"}}, "c": {"additionalProperties": {"type": "object"}}, "d": {"additionalProperties": {}, "patternProperties": {"^k$": {}}}}}`,
			`{"a": [{"k": "secret-1"}], "b": ["plain", {"k": "secret-2"}], "c": {"x": {"k": "secret-3"}}, "d": {"k": "plain", "x": "secret-4"}}`,
			`{"a":["********"],"b":["plain","********"],"c":{"x":"********"},"d":{"k":"plain","x":"********"}}`},
	} {
		schema, settings := json.RawMessage(c.schema), json.RawMessage(c.settings)
		hidden := channels.Redact(schema, settings)
		if string(hidden) != c.hidden {
			t.Errorf("%s\n got: %s\nwant: %s", c.schema, hidden, c.hidden)
		}
		if said := channels.Hide(schema, settings, c.settings); strings.Contains(said, "secret-") || strings.Contains(said, "12345678") {
			t.Errorf("%s: it says %s", c.schema, said)
		}
		if said := channels.Hide(schema, settings, "plain 700000"); said != "plain 700000" {
			t.Errorf("%s: it says %s", c.schema, said)
		}
		var all map[string]any
		if err := json.Unmarshal(settings, &all); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(all)
		if got := string(channels.Restore(schema, hidden, settings)); got != string(want) {
			t.Errorf("%s: restored\n got: %s\nwant: %s", c.schema, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add(`{"properties": {"a": {"$ref": "#/properties/a"}}}`, `{"a": [{"b": null}]}`)
	f.Add(`{"$ref": "#/allOf/0/-1", "allOf": [true, 7, {"items": []}], "patternProperties": {"(": {}}}`, `{"a": 1e400}`)
	f.Fuzz(func(t *testing.T, schema, settings string) {
		if !json.Valid([]byte(settings)) {
			return
		}
		hidden := channels.Redact(json.RawMessage(schema), json.RawMessage(settings))
		if !json.Valid(hidden) || !json.Valid(channels.Restore(json.RawMessage(schema), hidden, json.RawMessage(settings))) {
			t.Errorf("%s", hidden)
		}
		channels.Hide(json.RawMessage(schema), json.RawMessage(settings), settings)
	})
}
