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
		return problem != nil && strings.Contains(problem.Message, `stage "b" is gone, but 1 customers are in it`)
	})
	if s.overview().Journeys[0].Version != version {
		t.Error("the version was published")
	}
}
