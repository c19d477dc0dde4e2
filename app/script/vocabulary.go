package script

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// vocabulary is what every script finds defined. It is read off a machine's own tables, so that the two cannot drift
// apart.
type vocabulary struct {
	words  map[string]bool
	fields map[string][]string // of string, table and math
}

func newVocabulary() *vocabulary {
	var m machine
	v := &vocabulary{words: map[string]bool{}, fields: map[string][]string{}}
	for _, functions := range []map[string]lua.LGFunction{m.baseLib(), m.stageWords()} {
		for name := range functions {
			v.words[name] = true
		}
	}
	for name, functions := range map[string]map[string]lua.LGFunction{"string": m.stringLib(), "table": m.tableLib(), "math": m.mathLib()} {
		v.words[name] = true
		v.fields[name] = slices.Sorted(maps.Keys(functions))
	}
	v.fields["math"] = append(v.fields["math"], "huge", "pi")
	return v
}
