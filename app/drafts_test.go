package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app"
	"stagecraft/app/lifecycle"
)

type edit struct {
	File string  `json:"file"`
	Base *string `json:"base"`
	Text string  `json:"text"`
}

// publish saves edits of the journey trial as the console does.
func (s *server) publish(edits ...edit) (int, string) {
	s.t.Helper()
	status, text, _ := s.call("POST", "/api/journeys/trial/publish", map[string]any{"edits": edits, "yes": true})
	return status, text
}

func (s *server) onDisk(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.cfg.Scripts, filepath.FromSlash(file)))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func TestSavingADraftWritesTheFileAndPublishes(t *testing.T) {
	first := "stage { title = \"A\" }\n"
	s := startServer(t, withScripts(t, trial(first)))
	s.setMode("trial", lifecycle.Live)
	next := "stage { title = \"A\" }\non(\"Order\", function(customer, event) move \"b\" end)\n"
	if status, text := s.publish(edit{"a.lua", &first, next}, edit{"messages/new.email.liquid", nil, "---\nsubject: New\n---\nNew\n"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if s.onDisk("trial/a.lua") != next || !strings.Contains(s.onDisk("trial/messages/new.email.liquid"), "subject: New") {
		t.Error("the files are not what was saved")
	}
	s.track("ada", "Order")
	if got := s.overview().stages("trial"); got["b"] != 1 {
		t.Errorf("the saved version decides at once, not %v", got)
	}
	left, err := filepath.Glob(filepath.Join(s.cfg.Scripts, "trial", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestSavingADraftIsRefused(t *testing.T) {
	first := "stage { title = \"A\" }\n"
	s := startServer(t, withScripts(t, trial(first)))
	outside := filepath.Join(filepath.Dir(s.cfg.Scripts), "outside.lua")
	if err := os.WriteFile(outside, []byte("-- mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	stale, mine := "stage { title = \"Older\" }\n", "-- mine"
	for name, c := range map[string]struct {
		edits  []edit
		status int
		says   string
	}{
		"what somebody else changed": {[]edit{{"a.lua", &stale, first + "\n"}}, 409, "was changed on the disk"},
		"what somebody else made":    {[]edit{{"a.lua", nil, first + "\n"}}, 409, "came to be"},
		"what somebody else removed": {[]edit{{"messages/gone.email.liquid", &stale, "---\nsubject: x\n---\nx"}}, 409, "was removed"},
		"one of several":             {[]edit{{"b.lua", &stale, `stage { title = "B2" }`}, {"messages/x.email.liquid", nil, "---\nsubject: x\n---\nx"}}, 409, "was changed"},
		"a script that is broken":    {[]edit{{"a.lua", &first, "stage { title = }"}}, 0, "syntax error"},
		"a message that is broken":   {[]edit{{"messages/bad.email.liquid", nil, "---\nsubject: x\n---\n{{ unclosed"}}, 0, "bad.email.liquid"},
		"a path":                     {[]edit{{"../outside.lua", nil, "x"}}, 400, "is no file of a journey"},
		"a path in messages":         {[]edit{{"messages/../../outside.liquid", nil, "x"}}, 400, "is no file of a journey"},
		"an absolute path":           {[]edit{{outside, &mine, "x"}}, 400, "is no file of a journey"},
		"a path of Windows":          {[]edit{{`..\outside.lua`, nil, "x"}}, 400, "is no file of a journey"},
		"a hidden file":              {[]edit{{".a.lua", nil, "x"}}, 400, "is no file of a journey"},
		"a zero byte":                {[]edit{{"a.lua\x00.lua", nil, "x"}}, 400, "is no file of a journey"},
		"another kind of file":       {[]edit{{"a.txt", nil, "x"}}, 400, "is no file of a journey"},
		"the same file twice":        {[]edit{{"a.lua", &first, first}, {"a.lua", &first, first}}, 400, "twice"},
	} {
		status, text := s.publish(c.edits...)
		if status < 400 || c.status != 0 && status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s, want %d %q", name, status, text, c.status, c.says)
		}
	}
	for _, journey := range []string{"..", "%2e%2e%2ftrial", "lib", "nowhere", "trial%2f..%2ftrial"} {
		if status, text, _ := s.call("POST", "/api/journeys/"+journey+"/publish", map[string]any{"edits": []edit{{"a.lua", &first, "-- x"}}}); status < 400 {
			t.Errorf("journey %s: %d %s", journey, status, text)
		}
	}
	if err := os.Symlink(outside, filepath.Join(s.cfg.Scripts, "trial", "linked.lua")); err != nil {
		t.Fatal(err)
	}
	if status, text := s.publish(edit{"linked.lua", &mine, "x"}); status < 400 {
		t.Errorf("a link that leads out of the folder: %d %s", status, text)
	}
	if s.onDisk("trial/a.lua") != first || s.onDisk("trial/b.lua") != `stage { title = "B" }` {
		t.Error("something was written")
	}
	if text, _ := os.ReadFile(outside); string(text) != mine {
		t.Error("a file outside of the folder was written")
	}
	if _, err := os.Stat(filepath.Join(s.cfg.Scripts, "trial", "messages", "x.email.liquid")); err == nil {
		t.Error("of several files some were written")
	}
}

func TestADryRunShowsWhatWouldHappen(t *testing.T) {
	first := "stage { title = \"A\" }\non(\"Start\", function(customer, event)\n  wait \"10 days\"\n  send \"hello\"\nend)\n"
	s := startServer(t, withScripts(t, trial(first)))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Start", map[string]any{"context": map[string]any{"traits": map[string]any{"email": "ada@example.com", "name": "Ada"}}})
	before := s.must("GET", "/api/overview", nil)
	draft := first + "on(\"Order\", function(customer, event)\n  log(\"order over\", event.properties.total)\n  move \"b\"\nend)\n"
	dry := func(file, text string, event any) (run app.DryRun) {
		t.Helper()
		answer := s.must("POST", "/api/journeys/trial/dryrun", map[string]any{"files": map[string]string{file: text}, "user": "ada", "event": event})
		if err := json.Unmarshal([]byte(answer), &run); err != nil {
			t.Fatal(err)
		}
		return run
	}
	run := dry("a.lua", draft, map[string]any{"name": "Order", "properties": map[string]any{"total": 12}})
	if run.Before != "a" || run.After != "b" || run.Failure != nil || !strings.Contains(strings.Join(run.Now, "\n"), "order over 12") ||
		!strings.Contains(strings.Join(run.Now, "\n"), "moved a > b") || len(run.Messages) != 0 {
		t.Errorf("at an order: %+v", run)
	}
	// Without an event the run that waits goes on, with the version it began with; the message is as it would be sent.
	run = dry("messages/hello.email.liquid", "---\nsubject: Hi again\n---\nHi {{ customer.traits.name }}\n", nil)
	if run.Before != "a" || run.After != "a" || len(run.Now) != 0 || len(run.Messages) != 1 {
		t.Fatalf("in silence: %+v", run)
	}
	if m := run.Messages[0]; m.Name != "hello" || m.To != "ada@example.com" || m.Subject != "Hello" || !strings.Contains(m.Text, "Hello Ada") || m.Line != 4 {
		t.Errorf("the message: %+v", m)
	}
	run = dry("a.lua", first+"on(\"Order\", function(customer, event)\n  local x = event.properties.no.thing\nend)\n", map[string]any{"name": "Order"})
	if run.Failure == nil || run.Failure.File != "trial/a.lua" || run.Failure.Line != 7 {
		t.Errorf("a script that fails: %+v", run)
	}
	if after := s.must("GET", "/api/overview", nil); strip(after) != strip(before) {
		t.Errorf("a dry run changed something:\n%s\n%s", before, after)
	}
}

// strip takes away what every overview has anew.
func strip(overview string) string {
	var o map[string]any
	_ = json.Unmarshal([]byte(overview), &o)
	delete(o, "at")
	delete(o, "channels")
	text, _ := json.Marshal(o)
	return string(text)
}

func TestADiffOfADraftOverWhatIsStored(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\n")))
	s.setMode("trial", lifecycle.Live)
	for _, user := range []string{"ada", "bob", "eve"} {
		s.track(user, "Start")
	}
	s.track("ada", "Order")
	s.track("eve", "Order", map[string]any{"properties": map[string]any{"total": 5}})
	draft := "stage { title = \"A\" }\non(\"Order\", function(customer, event) if event.properties.total then send \"hello\" end move \"b\" end)\n"
	var result app.DiffResult
	answer := s.must("POST", "/api/journeys/trial/diff", map[string]any{"files": map[string]string{"a.lua": draft}})
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		t.Fatal(err)
	}
	if result.Events != 5 || result.Customers != 3 || result.Differ != 2 || len(result.Examples) != 2 || result.Partial || result.Note != app.DiffNote {
		t.Fatalf("%+v", result)
	}
	got := map[string][2]int64{}
	for _, c := range result.Changes {
		got[c.Kind+" "+c.Name] = [2]int64{c.Old, c.New}
	}
	for name, want := range map[string][2]int64{"moves a>b": {0, 2}, "messages hello": {0, 1}, "stages a": {3, 1}, "stages b": {0, 2}, "entered b": {0, 2}} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	var text strings.Builder
	for _, example := range result.Examples {
		for _, line := range example.Lines {
			text.WriteString(example.User + " " + line.In + " " + strings.TrimSpace(line.Text) + "\n")
		}
	}
	for _, want := range []string{"ada new moved a > b", "eve new message hello", "eve both entered a"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the examples lack %q:\n%s", want, text.String())
		}
	}
}

// TestADryRunOfATestPersonTakesRealDays dry-runs somebody whose days are minutes: in a dry run they are days.
func TestADryRunOfATestPersonTakesRealDays(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Start\", function(customer, event)\n  wait \"20 days\"\n  send \"hello\"\nend)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Visit")
	s.must("POST", "/api/customers/test", map[string]any{"user": "ada", "on": true})
	var run app.DryRun
	answer := s.must("POST", "/api/journeys/trial/dryrun", map[string]any{"user": "ada", "event": map[string]any{"name": "Start"}})
	if err := json.Unmarshal([]byte(answer), &run); err != nil {
		t.Fatal(err)
	}
	if len(run.Messages) != 1 || run.Messages[0].State != "accepted" || run.Messages[0].At.Sub(run.At).Hours() != 20*24 {
		t.Errorf("%+v", run)
	}
}
