package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

// TestADryRunEndsWhatGoesOnForEver dry-runs drafts that would go on until the memory is full.
func TestADryRunEndsWhatGoesOnForEver(t *testing.T) {
	first := "stage { title = \"A\" }\n"
	s := startServer(t, withScripts(t, trial(first)))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Visit")
	around := `journey { title = "Trial", stages = { "a", "b" }, moves = { a = { "b" }, b = { "a" } } }`
	back := "stage { title = \"B\" }\nenter(function() wait \"1 minute\" move \"a\" end)\n"
	for name, draft := range map[string]string{
		"moves":    first + "on(\"Order\", function() move \"b\" end)\nenter(function() wait \"1 minute\" move \"b\" end)\n",
		"messages": first + "on(\"Order\", function() move \"b\" end)\nenter(function() for i = 1, 500 do send \"hello\" end wait \"1 minute\" move \"b\" end)\n",
		"events":   first + "on(\"Order\", function() move \"b\" end)\nenter(function() for i = 1, 90 do track(\"X\", { s = string.rep(\"x\", 5000) }) end wait \"1 minute\" move \"b\" end)\n",
	} {
		var run app.DryRun
		answer := s.must("POST", "/api/journeys/trial/dryrun", map[string]any{"user": "ada", "files": map[string]string{"a.lua": draft, "b.lua": back, "journey.lua": around}, "event": map[string]any{"name": "Order"}})
		if err := json.Unmarshal([]byte(answer), &run); err != nil {
			t.Fatal(err)
		}
		if run.Failure == nil || !strings.Contains(run.Failure.Message, "too much") || len(answer) > 4<<20 {
			t.Errorf("%s: %d bytes, %+v", name, len(answer), run.Failure)
		}
	}
}

// TestATestEndsWhatGoesOnForEver does the same in a test, and the next case finds a world in order.
func TestATestEndsWhatGoesOnForEver(t *testing.T) {
	restless := "stage { title = \"Member\" }\nidle(\"Never\", \"1 minute\", function() for i = 1, 90 do track(\"X\", {}) end move \"single-purchase\" end)\n"
	results := runTests(t, `
it("goes on", function()
  local c = customer {}
  advance "365 days"
end)
it("is in order", function()
  local c = customer {}
  expect(c.stage).to.equal("member")
end)
`, map[string]string{"shop/member.lua": restless, "shop/single-purchase.lua": strings.ReplaceAll(restless, "single-purchase", "member"),
		"shop/journey.lua": `journey { title = "Shop", stages = { "member", "single-purchase", "active", "lost" }, moves = { ["member"] = { "single-purchase" }, ["single-purchase"] = { "member", "active", "lost" }, ["active"] = { "lost" }, ["lost"] = { "active" } } }`})
	if len(results) != 2 || results[0].Failure == nil || !strings.Contains(results[0].Failure.Message, "too much") || results[1].Failure != nil {
		t.Errorf("%+v", results)
	}
}

// TestAComparisonEndsBeforeTheMemoryIsFull compares a draft that makes thousands of facts of every event.
func TestAComparisonEndsBeforeTheMemoryIsFull(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\n")))
	s.setMode("trial", lifecycle.Live)
	var batch []any
	for i := range 300 {
		batch = append(batch, map[string]any{"type": "track", "userId": fmt.Sprint("user-", i), "event": "Order"})
	}
	s.must("POST", "/v1/batch", map[string]any{"batch": batch})
	draft := "stage { title = \"A\" }\non(\"Order\", function() for i = 1, 2500 do log(i) end end)\n"
	status, text, _ := s.call("POST", "/api/journeys/trial/diff", map[string]any{"files": map[string]string{"a.lua": draft}})
	if status == 200 || !strings.Contains(text, "too much happens") {
		t.Errorf("%d %.500s", status, text)
	}
}
