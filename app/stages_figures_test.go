package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
)

// A stage that is renamed keeps its past: figures, days, overview, metrics and the lines of its script say the same as before, under the new name.
func TestFiguresOfARenamedStage(t *testing.T) {
	trial := func(middle, renamed string) map[string]string {
		return map[string]string{
			"trial/journey.lua":                `journey { title = "Trial", stages = { "a", "` + middle + `", "c" }, moves = { ["a"] = { "` + middle + `" }, ["` + middle + `"] = { "c" }, ["c"] = { "` + middle + `" } }` + renamed + ` }`,
			"trial/a.lua":                      "stage { title = \"A\" }\non(\"Go\", function() move \"" + middle + "\" end)",
			"trial/" + middle + ".lua":         "stage { title = \"Middle\", goal = \"Paid\" }\non(\"On\", function() move \"c\" end)\non(\"Note\", function()\n  send \"note\"\n  wait \"30 days\"\nend)",
			"trial/c.lua":                      "stage { title = \"C\" }\non(\"Return\", function() move \"" + middle + "\" end)",
			"trial/messages/note.email.liquid": "---\nsubject: A note\nkind: transactional\n---\nHello",
		}
	}
	s := startServer(t, withScripts(t, trial("risk", "")))
	s.setMode("trial", lifecycle.Live)
	for who, path := range map[string][]string{"ada": {"Visit", "Go", "On", "Return"}, "bob": {"Visit", "Go", "Paid", "Note"}, "eve": {"Visit", "Go", "On"}} {
		for _, event := range path {
			s.track(who, event, map[string]any{"context": map[string]any{"traits": map[string]any{"email": who + "@example.com"}}})
		}
	}
	s.eventually("the mail has left", func() bool {
		return strings.Contains(s.must("GET", "/api/journeys/trial/figures/risk.lua", nil), `"sent":1`)
	})
	version, hash := regexp.MustCompile(`"(version|at|median|p\d\d)":("[^"]*"|[\d.]+)`), regexp.MustCompile(`# .*\n`)
	seen := func(middle string) map[string]string {
		said := map[string]string{}
		for _, path := range []string{"/v1/journeys/trial/figures", "/v1/journeys/trial"} {
			said[path] = version.ReplaceAllString(s.must("GET", path, nil), "")
		}
		said["lines"], _, _ = strings.Cut(strings.SplitN(s.must("GET", "/api/journeys/trial/figures/"+middle+".lua", nil), `"lines":`, 2)[1], `]`)
		said["table"] = s.raw("/v1/journeys/trial/figures.csv?by=move&days=total")
		var lines []string
		for line := range strings.Lines(hash.ReplaceAllString(s.must("GET", "/metrics", nil), "")) {
			if strings.Contains(line, `journey="trial"`) && !strings.Contains(line, "version=") {
				lines = append(lines, strings.ReplaceAll(line, middle, "MIDDLE"))
			}
		}
		slices.Sort(lines)
		said["metrics"] = strings.Join(lines, "")
		for path, text := range said {
			said[path] = strings.ReplaceAll(text, middle, "MIDDLE")
		}
		return said
	}
	before := seen("risk")
	if !strings.Contains(before["lines"], `"sent":1`) {
		t.Errorf("the lines are %s", before["lines"])
	}
	if !strings.Contains(before["metrics"], `stagecraft_steps_back_total{from="c",journey="trial",to="MIDDLE"} 1`) {
		t.Errorf("the metrics are %s", before["metrics"])
	}
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", "risk.lua")); err != nil {
		t.Fatal(err)
	}
	writeScripts(t, s.cfg.Scripts, trial("churn", `, renamed = { risk = "churn" }`))
	s.eventually("the customers are in the renamed stage", func() bool { return s.overview().stages("trial")["churn"] == 2 })
	s.eventually("they know it", func() bool {
		return strings.Contains(s.must("GET", "/v1/customers/ada/why", nil), "placed in churn") && strings.Contains(s.must("GET", "/v1/customers/bob/why", nil), "placed in churn")
	})
	for path, text := range seen("churn") {
		if text != before[path] {
			t.Errorf("%s says\n%s\nnot\n%s", path, text, before[path])
		}
	}
}
