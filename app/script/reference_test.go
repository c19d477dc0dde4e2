package script_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/script"
)

const (
	annotations = "../../scripts/stagecraft.d.lua"
	page        = "../../docs/scripting.md"
	tablesBegin = "<!-- The tables are generated from app/script/reference.go: go test ./app/script -run Reference -update -->\n"
	tablesEnd   = "<!-- Here the generated tables end. -->\n"
)

// Every word that the machine has is in the reference, and so in the editor's definitions and on the page.
func TestEveryWordIsInTheReference(t *testing.T) {
	documented := slices.Sorted(slices.Values(script.DocumentedWords()))
	if !slices.Equal(documented, script.Words()) {
		t.Errorf("the machine has %v, the reference %v", script.Words(), documented)
	}
	lua, markdown := string(script.Annotations()), string(script.ReferenceMarkdown())
	for _, word := range script.Words() {
		if !strings.Contains(lua, "\nfunction "+word+"(") {
			t.Errorf("%s has no annotation", word)
		}
		if !regexp.MustCompile("(?m)^\\| `" + word + "\\b").MatchString(markdown) {
			t.Errorf("%s is not on the page", word)
		}
	}
	if got := logs(t, `for _, name in ipairs({ "`+strings.Join(script.DocumentedFields("stagecraft.Customer"), `", "`)+`" }) do local v = customer[name] end
	  for _, name in ipairs({ "`+strings.Join(script.DocumentedFields("stagecraft.Event"), `", "`)+`" }) do local v = event[name] end
	  local h = send "hello" for _, name in ipairs({ "`+strings.Join(script.DocumentedFields("stagecraft.Handle"), `", "`)+`" }) do local v = h[name] end
	  log "all are there"`); got != "all are there" {
		t.Error(got)
	}
}

// The definitions are Lua that parses, and every type they use is one they define.
func TestAnnotationsAreWellFormed(t *testing.T) {
	text := string(script.Annotations())
	if _, err := script.New(patient).Compile(journey(text)); err != nil && strings.Contains(err.Error(), "syntax") {
		t.Error(err)
	}
	for _, used := range regexp.MustCompile(`stagecraft\.\w+`).FindAllString(text, -1) {
		if !regexp.MustCompile(`(?m)^---@(class|alias) `+regexp.QuoteMeta(used)+`\b`).MatchString(text) && used != "stagecraft.d" {
			t.Errorf("%s is not defined", used)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "---@param") || strings.HasPrefix(line, "---@field") {
			if len(strings.Fields(line)) < 3 {
				t.Errorf("line %d: %s", i+1, line)
			}
		}
	}
}

// What is generated and kept in the repository is up to date; -update writes it.
func TestReferenceIsUpToDate(t *testing.T) {
	golden(t, annotations, string(script.Annotations()))
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(tablesBegin))
	_, after, ended := bytes.Cut(rest, []byte(tablesEnd))
	if !ok || !ended {
		t.Fatalf("%s has no place for the tables: it needs the lines\n%s%s", page, tablesBegin, tablesEnd)
	}
	golden(t, page, string(before)+tablesBegin+"\n"+string(script.ReferenceMarkdown())+"\n"+tablesEnd+string(after))
}

// Every rule of time and order on the page names its test, and there is such a test.
func TestEveryRuleHasItsTest(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	tests, err := filepath.Glob("../../app/*/*_test.go")
	more, err2 := filepath.Glob("../../app/*_test.go")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	for _, file := range append(tests, more...) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllSubmatch(content, -1) {
			there[string(match[1])] = true
		}
	}
	rules := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(text, -1)
	if len(rules) < 40 {
		t.Errorf("only %d rules are on the page", len(rules))
	}
	for _, rule := range rules {
		if !there[string(rule[1])] {
			t.Errorf("there is no %s", rule[1])
		}
	}
}

// So is every word of tests. (in is a word of Lua, which expect takes but nobody can write after a dot; now is the same
// as in scripts.)
func TestEveryWordOfTestsIsInTheReference(t *testing.T) {
	machine, documented := script.VocabularyOfTests()
	for i, spoken := range [3][]string{{"now"}, {}, {"in"}} {
		want := slices.DeleteFunc(machine[i], func(name string) bool { return slices.Contains(spoken, name) })
		if !slices.Equal(want, documented[i]) {
			t.Errorf("tests have %v, the reference %v", want, documented[i])
		}
	}
}
