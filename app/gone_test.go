package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

// A journey whose folder was renamed runs on and says so, also after a start; the one of the new name goes live beside it only
// for somebody who knows.
func TestAJourneyWithoutItsFolderIsSeen(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n")))
	s.setMode("trial", lifecycle.Live)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(filepath.Join(s.cfg.Scripts, "trial"), filepath.Join(s.cfg.Scripts, "test")))
	gone := func(want string) func() bool {
		return func() bool {
			var list []string
			for _, journey := range s.overview().Journeys {
				if journey.Gone {
					list = append(list, journey.Name)
				}
			}
			return strings.Join(list, " ") == want && len(s.overview().Journeys) == 2
		}
	}
	s.eventually("the folder is missed", gone("trial"))
	must(s.stop())
	s.start()
	if !gone("trial")() {
		t.Errorf("after a start the journeys are %+v", s.overview().Journeys)
	}
	s.track("ada", "Order")
	if got := s.overview().stages("trial"); got["b"] != 1 {
		t.Errorf("it did not run on: %v", got)
	}
	live := func(body any) int {
		status, _, _ := s.call("POST", "/api/journeys/test/mode", body)
		return status
	}
	if status := live(map[string]any{"mode": "live"}); status != 409 {
		t.Errorf("the copy went live beside it: %d", status)
	}
	if status := live(map[string]any{"mode": "live", "yes": true}); status != 200 {
		t.Errorf("somebody who knows was refused: %d", status)
	}
	s.setMode("test", lifecycle.Off)
	s.setMode("trial", lifecycle.Off)
	s.setMode("test", lifecycle.Live)
	must(os.Rename(filepath.Join(s.cfg.Scripts, "test"), filepath.Join(s.cfg.Scripts, "trial")))
	s.eventually("the folder is back", gone("test"))
}

// No way round leads past the question: neither a brake, of the one or of the other, nor taking the old one live beside the new.
// A journey that was live when it was braked and has its folder goes on unasked.
func TestNothingGoesLiveUnaskedBesideAJourneyWithoutItsFolder(t *testing.T) {
	s := startServer(t, withScripts(t, trial(`stage { title = "A" }`)))
	s.setMode("trial", lifecycle.Live)
	s.setMode("trial", lifecycle.Braked)
	if err := os.Rename(filepath.Join(s.cfg.Scripts, "trial"), filepath.Join(s.cfg.Scripts, "care")); err != nil {
		t.Fatal(err)
	}
	s.eventually("the folder is missed", func() bool { return len(s.overview().Journeys) == 2 })
	live := func(journey string, yes bool, want int) {
		t.Helper()
		status, text, _ := s.call("POST", "/api/journeys/"+journey+"/mode", map[string]any{"mode": "live", "yes": yes})
		if status != want {
			t.Errorf("%s, %t: %d %s", journey, yes, status, text)
		}
	}
	live("care", false, 409) // the old one is braked
	s.setMode("trial", lifecycle.Shadow)
	live("care", false, 409)
	s.setMode("care", lifecycle.Braked) // it was off
	live("care", false, 409)
	live("care", true, 200)
	live("trial", false, 409) // the old one, beside the new one
	s.setMode("care", lifecycle.Braked)
	live("trial", false, 409)
	live("trial", true, 200)
	live("care", false, 200) // its brake is released
	s.setMode("trial", lifecycle.Braked)
	live("trial", false, 409)
	s.setMode("trial", lifecycle.Off)
	s.setMode("care", lifecycle.Off)
	live("care", false, 200)
	s.setMode("care", lifecycle.Off)
	live("trial", false, 200)
}
