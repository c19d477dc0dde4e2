package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

func TestAVersionThatLacksAHeldStageIsRefused(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	version := s.overview().Journeys[0].Version
	writeScripts(t, s.cfg.Scripts, map[string]string{"trial/journey.lua": `journey { title = "Trial", stages = { "a" }, moves = {} }`,
		"trial/a.lua": `stage { title = "A" }`})
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", "b.lua")); err != nil {
		t.Fatal(err)
	}
	s.eventually("the refusal shows", func() bool {
		problem := s.overview().Journeys[0].PublishError
		return problem != nil && strings.Contains(problem.Message, `stage "b" is gone, but customers are in it: 1`)
	})
	if s.overview().Journeys[0].Version != version {
		t.Error("the version was published")
	}
}

// Test people are in no figure, but they are in stages.
func TestAVersionThatLacksAStageOfATestPersonIsRefused(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.must("POST", "/api/customers/test", map[string]any{"user": "ada", "on": true})
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", "b.lua")); err != nil {
		t.Fatal(err)
	}
	writeScripts(t, s.cfg.Scripts, map[string]string{"trial/journey.lua": `journey { title = "Trial", stages = { "a" }, moves = {} }`,
		"trial/a.lua": `stage { title = "A" }`})
	s.eventually("the refusal shows", func() bool {
		problem := s.overview().Journeys[0].PublishError
		return problem != nil && strings.Contains(problem.Message, `stage "b" is gone, but test people are in it: 1`)
	})
	version := s.overview().Journeys[0].Version
	writeScripts(t, s.cfg.Scripts, map[string]string{"trial/journey.lua": `journey { title = "Trial", stages = { "a" }, moves = {}, retired = { b = "a" } }`})
	s.eventually("it is published", func() bool { return s.overview().Journeys[0].Version != version })
}

// A test person whom nobody has looked at since their stage was renamed, as the journey is off, is in the former one still.
func TestAVersionThatLacksTheFormerStageOfATestPersonIsRefused(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.must("POST", "/api/customers/test", map[string]any{"user": "ada", "on": true})
	s.setMode("trial", lifecycle.Off)
	version := s.overview().Journeys[0].Version
	publish := func(stages, more string) {
		t.Helper()
		writeScripts(t, s.cfg.Scripts, map[string]string{"trial/journey.lua": `journey { title = "Trial", stages = { ` + stages + ` }, moves = {}` + more + ` }`,
			"trial/a.lua": `stage { title = "A" }`, "trial/c.lua": `stage { title = "C" }`})
	}
	remove := func(name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", name)); err != nil {
			t.Fatal(err)
		}
	}
	remove("b.lua")
	publish(`"a", "c"`, `, renamed = { b = "c" }`)
	s.eventually("the stage is renamed", func() bool { return s.overview().Journeys[0].Version != version })
	refused := func() bool {
		problem := s.overview().Journeys[0].PublishError
		return problem != nil && strings.Contains(problem.Message, `stage "b" is gone, but test people are in it: 1`)
	}
	publish(`"a", "c"`, "") // without the line that says where b went
	s.eventually("the line is missed", refused)
	publish(`"a", "c"`, `, renamed = { b = "c" }`)
	s.eventually("the line is back", func() bool { return !refused() })
	publish(`"a"`, "")
	remove("c.lua")
	s.eventually("the stage is missed", refused)
}

// What was broken on the disk while the program was down leaves the last good version in its place, whether the journey
// is on or has never been.
func TestTheLastGoodVersionIsThereAfterAStart(t *testing.T) {
	for _, mode := range []lifecycle.Mode{lifecycle.Off, lifecycle.Live} {
		s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n")))
		s.setMode("trial", mode)
		version := s.overview().Journeys[0].Version
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		writeScripts(t, s.cfg.Scripts, trial("stage { title = \"A\" }\non(\"Order\", function() moove \"b\" end\n"))
		s.start()
		journeys := s.overview().Journeys
		if len(journeys) != 1 || journeys[0].Version != version || journeys[0].Mode != string(mode) || journeys[0].PublishError == nil {
			t.Fatalf("%s: %+v", mode, journeys)
		}
		s.setMode("trial", lifecycle.Live)
		s.track("ada", "Order")
		if got := s.overview().stages("trial"); got["b"] != 1 {
			t.Errorf("%s: the last good version did not decide: %v", mode, got)
		}
	}
}
