package app_test

import (
	"encoding/json"
	"strings"
	"testing"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

// besides is the journey trial with a segment and a score beside it.
func besides() map[string]string {
	files := trial("stage { title = \"A\" }\non(\"Order\", function(customer, event) score(event.properties.total, { name = \"heat\" }) end)\n")
	files["segments/buyers.lua"] = "segment { title = \"Buyers\" }\nmember(function() return count(\"Order\", \"10 days\") >= 2 end)"
	files["scores.lua"] = `score { name = "heat", half_life = "10 days", thresholds = { 20 } }`
	return files
}

const hearsOfBoth = "stage { title = \"A\" }\non(\"Order\", function(customer, event) score(event.properties.total, { name = \"heat\" }) end)\n" +
	"on(\"Segment Entered\", function(customer, event) log(\"in \" .. event.properties.segment) send \"hello\" end)\n" +
	"on(\"Segment Left\", function(customer, event) log(\"out of \" .. event.properties.segment) end)\n" +
	"on(\"Score Reached\", function(customer, event) log \"hot\" end)\n"

// TestADraftIsTriedWithThePublishedSegments: the comparison over what is stored, and the dry run of one customer, know the
// segments and scores that the server runs.
func TestADraftIsTriedWithThePublishedSegments(t *testing.T) {
	s := startServer(t, withScripts(t, besides()))
	s.setMode("trial", lifecycle.Live)
	for _, user := range []string{"ada", "bob"} {
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"email": user + "@example.com"}})
		s.track(user, "Order", map[string]any{"properties": map[string]any{"total": 12}})
	}
	s.track("bob", "Order", map[string]any{"properties": map[string]any{"total": 13}})

	var result app.DiffResult
	answer := s.must("POST", "/api/journeys/trial/diff", map[string]any{"files": map[string]string{"a.lua": hearsOfBoth}})
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatal(err)
	}
	got := map[string][2]int64{}
	for _, c := range result.Changes {
		got[c.Kind+" "+c.Name] = [2]int64{c.Old, c.New}
	}
	if got["messages hello"] != [2]int64{0, 1} || result.Differ != 1 {
		t.Errorf("the diff: %+v", result)
	}

	for user, want := range map[string][2]string{"ada": {"entered segment buyers\nlog: in buyers\nscore heat reached 20\nlog: hot", "left segment buyers\nscore heat fell below 20"},
		"bob": {"", "left segment buyers\nlog: out of buyers"}} {
		var run app.DryRun
		event := map[string]any{"name": "Order", "properties": map[string]any{"total": 14}}
		if user == "bob" {
			event = nil // nothing is done, and the membership ends by time alone
		}
		answer = s.must("POST", "/api/journeys/trial/dryrun", map[string]any{"files": map[string]string{"a.lua": hearsOfBoth}, "user": user, "event": event})
		if err := json.Unmarshal([]byte(answer), &run); err != nil {
			t.Fatal(err)
		}
		for i, lines := range [][]string{run.Now, run.Later} {
			text := strings.Join(lines, "\n")
			for _, line := range strings.Split(want[i], "\n") {
				if !strings.Contains(text, line) {
					t.Errorf("%s: part %d lacks %q:\n%s", user, i, line, text)
				}
			}
		}
		if run.Failure != nil {
			t.Errorf("%+v", run.Failure)
		}
	}
}
