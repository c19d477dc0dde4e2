package lifecycle_test

import (
	"encoding/json"
	"testing"

	"stagecraft/app/lifecycle"
)

// FuzzProperty: it is what encoding/json finds, and whatever is no JSON does no harm.
func FuzzProperty(f *testing.F) {
	for _, object := range []string{`{}`, ` { "total" : 12.5 , "a":{"total":1,"b":[{"total":"}"}]}}`, `{"total":"a\"b","total":[1,2]}`, `{"t\u006ftal":true}`,
		`{"totál":null,"total":-1e9}`, `{"a":"\\","total":{}}`, `[{"total":1}]`, `{"total"`, `{"total":`, `"total"`, ``, `{"a":1,}`} {
		f.Add(object, "total")
		f.Add(object, "totál")
	}
	f.Fuzz(func(t *testing.T, object, name string) {
		found := lifecycle.Property(json.RawMessage(object), name)
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(object), &fields) != nil {
			return
		}
		if want := fields[name]; string(found) != string(want) {
			t.Errorf("%q of %s is %q, want %q", name, object, found, want)
		}
	})
}
