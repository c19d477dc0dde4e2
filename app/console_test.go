package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

const waitingStage = `stage { title = "Welcome", goal = "Order Completed", exit = { "Unsubscribed" }, holdout = "0%" }

enter(function(customer)
  send "hello"
  wait "30 minutes"
  wait "3 days"
end)
`

// waitingJourney is a journey of one stage in which everybody waits for half an hour.
func waitingJourney(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	writeScripts(t, dir, map[string]string{
		"care/journey.lua":                 "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua":                 waitingStage,
		"care/messages/hello.email.liquid": "---\nsubject: Hello\nkind: transactional\n---\nHello.\n",
	})
	return dir
}

type figures struct {
	Versions []struct {
		Version       string
		Runs, Changed int
	}
	Lines   []struct{ Line, Waiting, Sent, Failed int }
	Changed []struct {
		Version       string
		Line, Waiting int
		Text          string
	}
}

func (s *server) figures(file string) (f figures) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("GET", "/api/journeys/care/figures/"+file, nil)), &f); err != nil {
		s.t.Fatal(err)
	}
	return f
}

func (s *server) at(line int) (waiting, sent int) {
	for _, l := range s.figures("welcome.lua").Lines {
		if l.Line == line {
			return l.Waiting, l.Sent
		}
	}
	return 0, 0
}

// Publishing from the console writes the file, is refused if the disk has something else, and leaves the runs where they
// are, told apart where their line has changed.
func TestPublishFromTheConsole(t *testing.T) {
	dir := waitingJourney(t)
	s := startServer(t, func(c *config.Config) { c.Scripts, c.PublishLimit = dir, 1 })
	s.setMode("care", lifecycle.Live)
	s.track("u-1", "Signed Up")
	s.track("u-2", "Signed Up")
	s.eventually("both wait, both were written to", func() bool {
		waiting, _ := s.at(5)
		_, sent := s.at(4)
		return waiting == 2 && sent == 2
	})

	draft := strings.Replace(waitingStage, "30 minutes", "20 minutes", 1)
	check := s.must("POST", "/api/journeys/care/check", map[string]any{"files": map[string]string{"welcome.lua": draft}, "file": "welcome.lua"})
	if !strings.Contains(check, `"problems":[]`) || !strings.Contains(check, `"20 minutes"`) {
		t.Errorf("check says %s", check)
	}
	broken := s.must("POST", "/api/journeys/care/check", map[string]any{"files": map[string]string{"welcome.lua": "sned 'x'"}, "file": "welcome.lua"})
	if !strings.Contains(broken, "care/welcome.lua") || !strings.Contains(broken, `"flow":null`) {
		t.Errorf("check of a broken draft says %s", broken)
	}
	preview := s.must("POST", "/api/journeys/care/preview", map[string]any{"files": map[string]string{"welcome.lua": draft}})
	for _, part := range []string{`"nextHour":2`, `"waiting":2`, `"changed":2`, `{"kind":"new","old":0,"new":5,"text":"  wait \"20 minutes\""}`} {
		if !strings.Contains(preview, part) {
			t.Errorf("the preview lacks %s: %s", part, preview)
		}
	}

	edits := func(base, text string) []map[string]any {
		return []map[string]any{{"file": "welcome.lua", "base": base, "text": text}}
	}
	publish := func(base, text string, yes bool) (int, string) {
		status, answer, _ := s.call("POST", "/api/journeys/care/publish", map[string]any{"edits": edits(base, text), "yes": yes})
		return status, answer
	}
	if status, answer := publish(waitingStage, draft, false); status != http.StatusConflict || !strings.Contains(answer, "2 people within the hour") {
		t.Errorf("above the limit: %d %s", status, answer)
	}
	if status, answer := publish("something else", draft, true); status != http.StatusConflict || !strings.Contains(answer, `"file":"care/welcome.lua"`) {
		t.Errorf("over what somebody else wrote: %d %s", status, answer)
	}
	if status, answer := publish(waitingStage, "sned 'x'", true); status != http.StatusBadRequest || !strings.Contains(answer, `"line":1`) {
		t.Errorf("a broken one: %d %s", status, answer)
	}
	if status, answer := publish(waitingStage, draft, true); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "care", "welcome.lua")); err != nil || string(text) != draft {
		t.Errorf("the file has %q, %v", text, err)
	}
	after := s.figures("welcome.lua")
	if len(after.Versions) != 2 || after.Versions[0].Runs != 0 || after.Versions[1].Runs != 2 || after.Versions[1].Changed != 2 {
		t.Errorf("versions %+v", after.Versions)
	}
	if len(after.Changed) != 1 || after.Changed[0].Line != 5 || after.Changed[0].Waiting != 2 || !strings.Contains(after.Changed[0].Text, "30 minutes") {
		t.Errorf("changed %+v", after.Changed)
	}
	if _, sent := s.at(4); sent != 2 {
		t.Errorf("a line that did not change has lost its figures: %+v", after.Lines)
	}
}

// Going live asks above the limit, and the brake needs no answer.
func TestModesFromTheConsole(t *testing.T) {
	dir := waitingJourney(t)
	s := startServer(t, func(c *config.Config) { c.Scripts = dir }) // a limit of 0
	s.setMode("care", lifecycle.Shadow)
	s.track("u-1", "Signed Up")
	s.eventually("the customer waits", func() bool { waiting, _ := s.at(5); return waiting == 1 })
	if reach := s.must("GET", "/api/journeys/care/reach", nil); !strings.Contains(reach, `"nextHour":1,"nextWeek":1,"more":false,"limit":0`) {
		t.Errorf("reach %s", reach)
	}
	mode := func(mode string, yes bool) int {
		status, _, _ := s.call("POST", "/api/journeys/care/mode", map[string]any{"mode": mode, "yes": yes})
		return status
	}
	if got := mode("live", false); got != http.StatusConflict {
		t.Errorf("live without a yes: %d", got)
	}
	if got := mode("live", true); got != http.StatusOK {
		t.Errorf("live with a yes: %d", got)
	}
	start := time.Now()
	if got := mode("braked", false); got != http.StatusOK || time.Since(start) > time.Minute {
		t.Errorf("the brake: %d after %s", got, time.Since(start))
	}
	if got := s.overview().Journeys[0].Mode; got != "braked" {
		t.Errorf("mode %s", got)
	}
	if status, _, _ := s.call("GET", "/api/journeys/nothing/reach", nil); status != http.StatusNotFound {
		t.Errorf("the reach of nothing: %d", status)
	}
}

func TestTestPeopleFromTheConsole(t *testing.T) {
	dir := waitingJourney(t)
	s := startServer(t, func(c *config.Config) { c.Scripts, c.PublishLimit = dir, 1000 })
	s.setMode("care", lifecycle.Live)
	s.track("u-1", "Signed Up")
	s.eventually("the customer waits", func() bool { waiting, _ := s.at(5); return waiting == 1 })
	s.must("POST", "/api/customers/test", map[string]any{"user": "u-1", "on": true})
	if waiting, _ := s.at(5); waiting != 0 {
		t.Errorf("a figure counts %d test people", waiting)
	}
	s.must("POST", "/api/customers/test", map[string]any{"user": "u-1", "on": false})
	if status, answer, _ := s.call("POST", "/api/customers/test", map[string]any{"user": "nobody", "on": true}); status != http.StatusNotFound {
		t.Errorf("nobody: %d %s", status, answer)
	}
	if status, _, _ := s.call("POST", "/api/customers/test", map[string]any{"user": "", "on": true}); status != http.StatusBadRequest {
		t.Errorf("no name: %d", status)
	}
}

// Every change asks for what the other changes ask for: the console's header, its own origin, and a bounded body.
func TestDraftsAreGuarded(t *testing.T) {
	dir := waitingJourney(t)
	s := startServer(t, func(c *config.Config) { c.Scripts, c.PublishLimit = dir, 1000 })
	for _, path := range []string{"check", "preview", "dryrun", "diff", "publish", "mode"} {
		path = "/api/journeys/care/" + path
		if status, _, _ := s.call("POST", path, "{}", func(r *http.Request) { r.Header.Del("X-Stagecraft") }); status != http.StatusUnauthorized {
			t.Errorf("%s without the header: %d", path, status)
		}
		if status, _, _ := s.call("POST", path, "{}", func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") }); status != http.StatusUnauthorized {
			t.Errorf("%s from elsewhere: %d", path, status)
		}
		if status, _, _ := s.call("POST", path, "{"); status != http.StatusBadRequest {
			t.Errorf("%s with half a body: %d", path, status)
		}
		if status, _, _ := s.call("POST", path, map[string]any{"files": map[string]string{"welcome.lua": strings.Repeat("-", 3<<20)}}); status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with too much: %d", path, status)
		}
	}
	for _, file := range []string{"../journey.lua", "/etc/passwd", "messages/../../x.lua", ".hidden.lua"} {
		if status, _, _ := s.call("POST", "/api/journeys/care/check", map[string]any{"files": map[string]string{file: ""}}); status != http.StatusBadRequest {
			t.Errorf("a draft of %s: %d", file, status)
		}
	}
}

// A draft under which a segment would name a stage that nobody is in says so.
func TestCheckingADraftTellsItsSegments(t *testing.T) {
	dir := waitingJourney(t)
	s := startServer(t, func(c *config.Config) { c.Scripts = dir })
	s.must("PUT", "/v1/segments/early", map[string]any{"text": `member(function(customer) return stage "care" == "welcom" or stage "other" == "x" end)`})
	check := s.must("POST", "/api/journeys/care/check", map[string]any{"files": map[string]string{}, "file": "welcome.lua"})
	var answer struct{ Problems []script.Problem }
	if err := json.Unmarshal([]byte(check), &answer); err != nil {
		t.Fatal(err)
	}
	if p := answer.Problems; len(p) != 1 || p[0].File != "segments/early.lua" || p[0].Severity != script.Warning || !strings.Contains(p[0].Message, `care has no stage "welcom"`) {
		t.Errorf("check says %s", check)
	}
}
