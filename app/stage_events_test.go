package app_test

import (
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

// Moves can be counted again by events, whether or not a script hears them: each once.
func TestStageEventsAreExported(t *testing.T) {
	for name, stage := range map[string]string{
		"nobody hears them": `stage { title = "A" }` + "\n" + `on("Go", function() move "b" end)`,
		"a script does":     `stage { title = "A" }` + "\n" + `on("Go", function() move "b" end)` + "\n" + `on("Stage Left", function() log "left" end)`,
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, withScripts(t, trial(stage)))
			s.setMode("trial", lifecycle.Live)
			s.track("ada", "Visit")
			s.track("ada", "Go")
			s.call("POST", "/v1/moves", `{"userId": "ada", "journey": "trial", "act": "enrol"}`)
			s.must("POST", "/v1/moves", `{"userId": "ada", "journey": "trial", "act": "exit", "why": "asked by mail"}`)
			for event, want := range map[string][]string{
				"Stage Entered": {`"reason":"entered the journey at Visit"`, `"stage":"b"`},
				"Stage Left":    {`"to":"b"`, `"reason":"asked by mail"`},
				"Move Refused":  {`"to":"a"`},
			} {
				rows := strings.TrimSpace(s.exportedOf("events", "event="+strings.ReplaceAll(event, " ", "+")))
				if n := strings.Count(rows, "\n") + 1; n != len(want) {
					t.Errorf("%s: %d rows: %s", event, n, rows)
				}
				for _, part := range append(want, `"event":"`+event+`"`, `"userId":"ada"`) {
					if !strings.Contains(rows, part) {
						t.Errorf("%s: no %s in %s", event, part, rows)
					}
				}
			}
		})
	}
}
