package script_test

import (
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

const emptyStage = `stage { title = "New" }` + "\n"

func TestAddStage(t *testing.T) {
	for _, c := range []struct{ name, plan, after, want string }{
		{"in one line", `journey { title = "T", stages = { "one", "two" }, moves = { one = { "two" } } }`, "",
			`journey { title = "T", stages = { "one", "two", "new" }, moves = { one = { "two" }, ["two"] = { "new" } } }`},
		{"in between", `journey { stages = { "one", "two" }, moves = { ["one"] = { "two" } } }`, "one",
			`journey { stages = { "one", "new", "two" }, moves = { ["one"] = { "two", "new" }, ["new"] = { "two" } } }`},
		{"without moves", `journey({ stages = { "one", "two" } })`, "two",
			"journey({ stages = { \"one\", \"two\", \"new\" },\n  moves  = { [\"two\"] = { \"new\" } } })"},
		{"with empty moves", `journey { stages = { "one", "two" }, moves = {} }`, "two",
			`journey { stages = { "one", "two", "new" }, moves = { ["two"] = { "new" } } }`},
		{"over several lines, with comments", `-- The plan. journey { stages = { "x" } }
journey {
  title  = "stages = {",
  stages = {
    "one", -- the first
    "two", -- the last
  },
  moves  = {
    ["one"] = { "two", }, -- on
    ["two"] = {} -- "done"
  },
}

on("Refunded", function() log("two") end)
`, "two", `-- The plan. journey { stages = { "x" } }
journey {
  title  = "stages = {",
  stages = {
    "one", -- the first
    "two", "new", -- the last
  },
  moves  = {
    ["one"] = { "two", }, -- on
    ["two"] = { "new" } -- "done"
  },
}

on("Refunded", function() log("two") end)
`},
		{"a line of its own for a new move", `journey {
  stages = { "one", "two" },
  moves  = {
    ["one"] = { "two" } -- on
  },
}
`, "two", `journey {
  stages = { "one", "two", "new" },
  moves  = {
    ["one"] = { "two" }, -- on
    ["two"] = { "new" },
  },
}
`},
	} {
		src := journey(`stage { title = "One" }`)
		src.Files["journey.lua"] = []byte(c.plan)
		added, err := script.New(patient).AddStage(src, "new", c.after, emptyStage)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(added.Files["journey.lua"]); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		if string(added.Files["new.lua"]) != emptyStage || src.Files["new.lua"] != nil || string(src.Files["journey.lua"]) != c.plan {
			t.Errorf("%s: the files are wrong", c.name)
		}
	}
}

func TestAddStageRefuses(t *testing.T) {
	computed := `local names = { "one", "two" } journey { stages = names, moves = { one = { "two" } } }`
	for _, c := range []struct{ plan, name, after, text, want string }{
		{"", "two", "", emptyStage, "has a stage \"two\" already"},
		{"", "../two", "", emptyStage, "cannot name a stage"},
		{"", "journey", "", emptyStage, "cannot name a stage"},
		{"", "new", "tow", emptyStage, `did you mean "two"?`},
		{"", "new", "", "stage {", "test/new.lua:1"},
		{computed, "new", "", emptyStage, "cannot be added to safely"},
		{"journey {", "new", "", emptyStage, "test/journey.lua:1"},
	} {
		src := journey(`stage { title = "One" }`)
		if c.plan != "" {
			src.Files["journey.lua"] = []byte(c.plan)
		}
		_, err := script.New(patient).AddStage(src, c.name, c.after, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s %s: %v, want %s", c.plan, c.name, c.after, err, c.want)
		}
	}
}

func FuzzAddStage(f *testing.F) {
	f.Add(`journey { title = "T", stages = { "one", "two" }, moves = { one = { "two" } } }`)
	f.Add("journey {\n stages = { 'one', \"two\"; },\n moves = { ['one'] = { \"two\" } -- x\n }\n}")
	f.Fuzz(func(t *testing.T, plan string) {
		if len(plan) > 4096 {
			return
		}
		src := journey(`stage { title = "One" }`)
		src.Files["journey.lua"] = []byte(plan)
		host := script.New(script.Limits{})
		added, err := host.AddStage(src, "new", "", emptyStage)
		if err != nil {
			if lifecycle.CodeOf(err) == lifecycle.Internal {
				t.Errorf("%v", err)
			}
			return
		}
		if _, err := host.Compile(added); err != nil {
			t.Errorf("what was added to does not compile: %v", err)
		}
	})
}
