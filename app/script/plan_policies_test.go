package script_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"stagecraft/app/script"
)

func policyJourney(fields string) script.Source {
	files := map[string][]byte{"journey.lua": []byte(`journey { title = "J", stages = { "a", "b", "c" }, ` + fields + ` }`)}
	for _, stage := range []string{"a", "b", "c"} {
		files[stage+".lua"] = []byte(`stage { title = "` + stage + `" }`)
	}
	return script.Source{Name: "j", Files: files}
}

func TestPoliciesAreWrittenOutAsMoves(t *testing.T) {
	for fields, want := range map[string]map[string][]string{
		`moves = "next"`:                                           {"a": {"b"}, "b": {"c"}},
		`moves = "forward"`:                                        {"a": {"b", "c"}, "b": {"c"}},
		`moves = "any"`:                                            {"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}},
		`moves = "next", step_back = "previous"`:                   {"a": {"b"}, "b": {"a", "c"}, "c": {"b"}},
		`moves = { a = { "c" } }, step_back = "any"`:               {"a": {"c"}, "b": {"a"}, "c": {"a", "b"}},
		`moves = { c = { "a" } }, step_back = "any", entry = "In"`: {"b": {"a"}, "c": {"a", "b"}},
	} {
		program, err := script.New(script.Limits{}).Compile(policyJourney(fields))
		if err != nil {
			t.Errorf("%s: %v", fields, err)
			continue
		}
		if got := program.Journey.Moves; !reflect.DeepEqual(got, want) {
			t.Errorf("%s allows %v, not %v", fields, got, want)
		}
	}
}

func TestWhatIsWrongWithPolicies(t *testing.T) {
	for fields, want := range map[string]string{
		`moves = "sideways"`:        `moves cannot be "sideways"`,
		`moves = 3`:                 "moves must be a table or the name of a policy",
		`step_back = true`:          "step_back cannot be true",
		`entry = {}`:                "entry names no event",
		`entry = true`:              "entry must be the name of an event",
		`renamed = { a = "b" }`:     `renamed names "a", which is a stage still`,
		`renamed = { old = "z" }`:   `renamed names "z", which is not a stage`,
		`renamed = { old = false }`: "renamed goes from the name of a former stage",
		`retired = { old = true }`:  "retired goes from the name of a former stage",
		`retired = { old = false }, renamed = { old="a" }`: `"old" is both renamed and retired`,
	} {
		_, err := script.New(script.Limits{}).Compile(policyJourney(fields))
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v", fields, err)
		}
	}
}

// Lines about former stages stay good when their heirs get other names in turn.
func TestHeirsOfHeirs(t *testing.T) {
	program, err := script.New(script.Limits{}).Compile(policyJourney(`renamed = { first = "second", second = "third", third = "a" }, retired = { gone = "second" }`))
	if err != nil {
		t.Fatal(err)
	}
	if got := program.Journey.Renamed; !reflect.DeepEqual(got, map[string]string{"first": "a", "second": "a", "third": "a"}) {
		t.Errorf("renamed: %v", got)
	}
	if got := program.Journey.Retired["gone"]; got != "a" {
		t.Errorf("retired into %q", got)
	}
	if _, err = script.New(script.Limits{}).Compile(policyJourney(`renamed = { first = "second", second = "first" }`)); err == nil {
		t.Error("a circle of heirs was taken")
	}
}

func TestMentions(t *testing.T) {
	source := policyJourney(`moves = "next"`)
	source.Files["b.lua"] = []byte(`stage { title = "B" } on("Stage Left", function() end)`)
	program, err := script.New(script.Limits{}).Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	if !program.Mentions("Stage Left") || program.Mentions("Stage Entered") || program.Mentions("Order") {
		t.Error("what the files name was not found")
	}
}
