package lifecycle_test

import (
	"encoding/json"
	"reflect"
	"strings"
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

// FuzzParts: objects and arrays fall into the parts that encoding/json finds, and what falls into good parts is good.
func FuzzParts(f *testing.F) {
	for _, text := range []string{`{}`, `[]`, ` [ ] `, `{"a":1,"b":[{"c":"}"}]} `, `[1,"]",{"a":[]}]`, `{"a":1}x`, `[1,]`, `[1;`, `{"a":1;`, `{"a" 1}`, `{"a":}`,
		`{"\u0061":1,"a":2}`, "{\"a\n\":1}", "{\"\xff\":1}", `[nul, 1]`, `["`, `[{]}, 2]`, `[tru"e"]`, `{"a":1,"A":2}`, `{"`, `[1:2]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		good := true
		members, elements := map[string]json.RawMessage{}, []json.RawMessage{}
		object := lifecycle.EachMember([]byte(text), func(name, value []byte) {
			members[string(name)], good = value, good && json.Valid(value)
		})
		array := lifecycle.EachElement([]byte(text), func(value []byte) {
			elements, good = append(elements, value), good && json.Valid(value)
		})
		if whole := object || array; (whole && good) != (json.Valid([]byte(text)) && strings.ContainsAny(strings.TrimLeft(text, " \t\r\n")[:1], "{[")) {
			t.Fatalf("%q: whole %v, with good parts %v", text, whole, good)
		}
		var wantMembers map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &wantMembers) == nil && wantMembers != nil && !reflect.DeepEqual(members, wantMembers) {
			t.Errorf("%s: %s", text, members)
		}
		var wantElements []json.RawMessage
		if json.Unmarshal([]byte(text), &wantElements) == nil && wantElements != nil && !reflect.DeepEqual(elements, wantElements) {
			t.Errorf("%s: %s", text, elements)
		}
	})
}

// However deep something is nested, its neighbours are found.
func TestPartsAreFoundAtAnyDepth(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 200_000) + strings.Repeat("]}", 200_000)
	var lengths []int
	if !lifecycle.EachElement([]byte("[1, "+deep+" ,22]"), func(value []byte) { lengths = append(lengths, len(value)) }) ||
		!reflect.DeepEqual(lengths, []int{1, len(deep), 2}) {
		t.Fatal(lengths)
	}
}
