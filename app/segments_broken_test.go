package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A segment that is broken holds no other one back: it waits, as it was published last.
func TestABrokenSegmentWaitsAlone(t *testing.T) {
	who := func(body string) string { return "member(function(customer) return " + body + " end)\n" }
	s := startServer(t, withScripts(t, map[string]string{"segments/old.lua": who("customer.traits.plan == \"pro\"")}))
	s.track("ada", "Visit", map[string]any{"context": map[string]any{"traits": map[string]any{"plan": "pro"}}})
	names := func() string { return s.must("GET", "/v1/segments", nil) }
	s.eventually("the first one is there", func() bool { return strings.Contains(names(), `"name":"old"`) })
	writeScripts(t, s.cfg.Scripts, map[string]string{"segments/old.lua": "member(function(", "segments/odd.lua": "member(3)",
		"segments/asks.lua": who(`in_segment "odd"`), "segments/new.lua": who(`in_segment "old"`), "segments/alone.lua": who("true")})
	s.eventually("the good one is published", func() bool { return strings.Contains(names(), `"name":"new"`) })
	if text := names(); !strings.Contains(text, `"name":"old"`) || strings.Contains(text, `"name":"odd"`) || strings.Contains(text, `"name":"asks"`) {
		t.Errorf("there are %s", text)
	}
	var said struct{ Journeys, Problems []struct{ Name, File string } }
	if err := json.Unmarshal([]byte(s.must("GET", "/v1/journeys", nil)), &said); err != nil || len(said.Problems) != 1 || said.Problems[0].File != "segments/odd.lua" && said.Problems[0].File != "segments/old.lua" ||
		slices.ContainsFunc(said.Journeys, func(j struct{ Name, File string }) bool { return j.Name == "segments" }) {
		t.Errorf("%v: the journeys are %+v", err, said)
	}
	if status, text, _ := s.call("DELETE", "/v1/segments/alone", nil); status != http.StatusNoContent || strings.Contains(names(), `"name":"alone"`) {
		t.Errorf("what nobody asks for was not deleted: %d %s %s", status, text, names())
	}
	s.eventually("the old one goes on", func() bool { return strings.Count(names(), `"members":1`) == 2 })
	for _, file := range []string{"old", "odd"} {
		if err := os.Remove(filepath.Join(s.cfg.Scripts, "segments", file+".lua")); err != nil {
			t.Fatal(err)
		}
	}
	writeScripts(t, s.cfg.Scripts, map[string]string{"segments/asks.lua": who("true"), "segments/new.lua": who("true")})
	s.eventually("all of them are mended", func() bool {
		text := names()
		return strings.Contains(text, `"name":"asks"`) && strings.Contains(text, `"name":"new"`) && !strings.Contains(text, `"name":"old"`)
	})
}
