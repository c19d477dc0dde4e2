package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What the tests of the reference need to see of it.

// DocumentedWords returns the words of the reference, and what its tables hold.
func DocumentedWords() (names []string) {
	for _, w := range words {
		names = append(names, w.name)
	}
	return names
}

// DocumentedFields returns the names of the fields of a class of the reference.
func DocumentedFields(class string) []string {
	for _, c := range classes {
		if c.name == class {
			return fieldNames(c.fields)
		}
	}
	return nil
}

// VocabularyOfTests returns the words of tests, what a customer in a test can do, and what expect knows: as the machine has
// them, and as the reference does.
func VocabularyOfTests() (machine, documented [3][]string) {
	m := newMachine()
	m.begin(&Program{}, Limits{}.withDefaults())
	t := &tester{machine: m}
	t.prepareWords()
	for _, name := range t.wordNames() {
		if _, base := t.baseLib()[name]; !base && !slices.Contains([]string{"string", "table", "math"}, name) {
			machine[0] = append(machine[0], name)
		}
	}
	t.methods.ForEach(func(key, _ lua.LValue) { machine[1] = append(machine[1], key.String()) })
	machine[2] = slices.Collect(maps.Keys(t.matchers))
	for _, w := range testWords {
		documented[0] = append(documented[0], w.name)
	}
	for _, f := range personMembers {
		if strings.HasPrefix(f.kind, "fun(") {
			documented[1] = append(documented[1], f.bare())
		}
	}
	documented[2] = fieldNames(expectMembers)
	for i := range machine {
		slices.Sort(machine[i])
		slices.Sort(documented[i])
	}
	return machine, documented
}
