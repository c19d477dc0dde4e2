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
	stage  []string            // the words of stage scripts
	base   []string            // the functions of Lua's own
	fields map[string][]string // of string, table and math

	predicate bool // it is that of segments
}

func newVocabulary() *vocabulary {
	var m machine
	v := &vocabulary{words: map[string]bool{}, fields: map[string][]string{}}
	v.stage, v.base = slices.Sorted(maps.Keys(m.stageWords())), slices.Sorted(maps.Keys(m.baseLib()))
	for _, name := range slices.Concat(v.stage, v.base) {
		v.words[name] = true
	}
	for name, functions := range map[string]map[string]lua.LGFunction{"string": m.stringLib(), "table": m.tableLib(), "math": m.mathLib()} {
		v.words[name] = true
		v.fields[name] = slices.Sorted(maps.Keys(functions))
	}
	v.fields["math"] = append(v.fields["math"], "huge", "pi")
	return v
}

// segmentVocabulary is what every segment finds defined.
func segmentVocabulary() *vocabulary {
	var m machine
	v := newVocabulary()
	v.predicate = true
	for _, name := range v.stage {
		delete(v.words, name)
	}
	v.words["use"] = true
	for name := range m.segmentWords() {
		v.words[name] = true
	}
	return v
}

// Words returns the words of stage scripts, in alphabetical order.
func Words() []string { return newVocabulary().stage }
