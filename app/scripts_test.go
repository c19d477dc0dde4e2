package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

const plan = `journey { title = "Trial", stages = { "a", "b" }, moves = { a = { "b" } } }`

func trial(a string) map[string]string {
	return map[string]string{"trial/journey.lua": plan, "trial/a.lua": a, "trial/b.lua": `stage { title = "B" }`,
		"trial/messages/hello.email.liquid": "---\nsubject: Hello\n---\nHello {{ customer.traits.name | default: \"there\" }}\n"}
}

func withScripts(t *testing.T, files map[string]string) setting {
	dir := t.TempDir()
	writeScripts(t, dir, files)
	return func(c *config.Config) { c.Scripts = dir }
}

func TestOnlyTheFirstJourneyIsLiveAtFirst(t *testing.T) {
	files := trial(`stage { title = "A" }`)
	files["customer-lifecycle/journey.lua"] = `journey { title = "C", stages = { "x" }, moves = {} }`
	files["customer-lifecycle/x.lua"] = `stage { title = "X" }`
	s := startServer(t, withScripts(t, files))
	modes := func() map[string]string {
		modes := map[string]string{}
		for _, j := range s.overview().Journeys {
			modes[j.Name] = j.Mode
		}
		return modes
	}
	if got := modes(); got["customer-lifecycle"] != "live" || got["trial"] != "off" {
		t.Fatalf("at first: %v", got)
	}
	s.setMode("trial", lifecycle.Live)
	s.setMode("customer-lifecycle", lifecycle.Off)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if got := modes(); got["customer-lifecycle"] != "off" || got["trial"] != "live" {
		t.Errorf("the server keeps modes over a restart, not %v", got)
	}
}

func TestSavingAScriptReloadsIt(t *testing.T) {
	s := startServer(t, withScripts(t, trial(`stage { title = "A" }`)))
	s.setMode("trial", lifecycle.Live)
	version := func() string { return s.overview().Journeys[0].Version }
	first := version()
	writeScripts(t, s.cfg.Scripts, trial("stage { title = \"A\" }\non(\"Order\", function() move \"b\" end)\n"))
	s.eventually("the new version runs", func() bool { return version() != first })
	s.track("ada", "Order")
	if got := s.overview().stages("trial"); got["b"] != 1 {
		t.Fatalf("the new script did not decide: %v", got)
	}

	// A broken one leaves the last good version running, and says where it is broken.
	good := version()
	writeScripts(t, s.cfg.Scripts, trial("stage { title = \"A\" }\non(\"Order\", function() moove \"b\" end\n"))
	s.eventually("the error shows", func() bool { return s.overview().Journeys[0].PublishError != nil })
	problem := s.overview().Journeys[0].PublishError
	if problem.File != "trial/a.lua" || problem.Line == 0 || problem.Message == "" {
		t.Errorf("the error does not say where: %+v", problem)
	}
	if version() != good {
		t.Error("a broken script replaced a good one")
	}
	s.track("bob", "Order")
	if got := s.overview().stages("trial"); got["b"] != 2 {
		t.Errorf("the last good version decides: %v", got)
	}

	// A stage that holds customers cannot vanish.
	writeScripts(t, s.cfg.Scripts, map[string]string{"trial/journey.lua": `journey { title = "Trial", stages = { "a" }, moves = {} }`,
		"trial/a.lua": `stage { title = "A" }`})
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", "b.lua")); err != nil {
		t.Fatal(err)
	}
	s.eventually("the refusal shows", func() bool {
		problem := s.overview().Journeys[0].PublishError
		return problem != nil && strings.Contains(problem.Message, "customers are in it: 2")
	})
	writeScripts(t, s.cfg.Scripts, trial(`stage { title = "A" }`))
	s.eventually("the error is gone", func() bool { return s.overview().Journeys[0].PublishError == nil })
}

// A journey that never compiled is not there yet: nobody can switch it, and the answer says what is wrong with it.
func TestAJourneyThatNeverCompiledIsNotThere(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\nmoove \"b\"\n")))
	for name, want := range map[string]int{"trial": 409, "nothing": 404} {
		for _, call := range []struct {
			method, path string
			body         any
		}{{"GET", "/reach", nil}, {"POST", "/mode", map[string]any{"mode": "live"}}, {"POST", "/mode", map[string]any{"mode": "off"}}} {
			status, text, _ := s.call(call.method, "/api/journeys/"+name+call.path, call.body)
			if status != want || want == 409 && !strings.Contains(text, `"file":"trial/a.lua"`) {
				t.Errorf("%s %s%s: %d %s", call.method, name, call.path, status, text)
			}
		}
	}
	for body, want := range map[string]string{`[]`: "the body must be a JSON object", `{}`: `"field":"mode"`, `{"mode":"x"}`: `"field":"mode"`} {
		if status, text, _ := s.call("POST", "/api/journeys/trial/mode", json.RawMessage(body)); status != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}

// An error that many customers meet is one: the overview lists the newest, and each says how many are like it.
func TestTheSameErrorOfManyIsCounted(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function(customer)\n  error(\"broken\")\nend)\n")))
	s.setMode("trial", lifecycle.Live)
	for i := range 55 {
		s.track(fmt.Sprint("u", i), "Order")
	}
	if o := s.overview(); len(o.Errors) != 50 || o.Errors[0].Alike != 55 {
		t.Errorf("%d errors are listed, the first says there are %d", len(o.Errors), o.Errors[0].Alike)
	}
}

func TestAFailedStepIsReplayedAfterMending(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\non(\"Order\", function(customer)\n  error(\"broken\")\nend)\n")))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	o := s.overview()
	if len(o.Errors) != 1 || o.Errors[0].File != "trial/a.lua" || o.Errors[0].Line != 3 || o.Errors[0].User != "ada" {
		t.Fatalf("want the error at trial/a.lua:3, got %+v", o.Errors)
	}
	if a := o.Journeys[0].Stages[0]; a.Errors != 1 || a.OpenErrors != 1 {
		t.Errorf("the stage has %d errors, %d of them open, want 1 and 1", a.Errors, a.OpenErrors)
	}
	writeScripts(t, s.cfg.Scripts, trial("stage { title = \"A\" }\non(\"Order\", function() send \"hello\" move \"b\" end)\n"))
	version := o.Journeys[0].Version
	s.eventually("the mended version runs", func() bool { return s.overview().Journeys[0].Version != version })
	s.must("POST", "/api/errors/"+o.Errors[0].Ref+"/replay", nil)
	o = s.overview()
	if len(o.Errors) != 0 || o.stages("trial")["b"] != 1 || len(o.Messages) != 1 {
		t.Errorf("after the replay: %+v", o)
	}
	if a := o.Journeys[0].Stages[0]; a.Errors != 1 || a.OpenErrors != 0 {
		t.Errorf("after the replay the stage has %d errors, %d of them open, want 1 and 0", a.Errors, a.OpenErrors)
	}
}

func TestMessagesThatCannotBeSent(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order\", function() send \"hello\" send \"strict\" end)\n")
	files["trial/messages/strict.email.liquid"] = "---\nsubject: Strict\n---\n{{ customer.traits.missing }}\n"
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Order")
	s.must("POST", "/v1/track", map[string]any{"userId": "bob", "event": "Order"})
	s.must("POST", "/v1/track", map[string]any{"userId": "eve", "event": "Order",
		"context": map[string]any{"traits": map[string]any{"email": "eve@example.com", "unsubscribed": true}}})
	want := map[string]string{"ada hello": "accepted ", "bob hello": "suppressed no address", "eve hello": "suppressed opted out"}
	s.eventually("every message has its end", func() bool {
		got := map[string]string{}
		for _, m := range s.overview().Messages {
			got[m.User+" "+m.Name] = m.State + " " + m.Reason
		}
		for message, state := range want {
			if got[message] != state {
				return false
			}
		}
		return strings.HasPrefix(got["ada strict"], "failed ") && strings.Contains(got["ada strict"], "customer.traits.missing")
	})
}

func TestTheStreamShowsWhatHappens(t *testing.T) {
	s := startServer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	request, _ := http.NewRequestWithContext(ctx, "GET", s.url+"/api/stream", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("content type %q", kind)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	next := func() overview {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var o overview
				if err := json.Unmarshal([]byte(data), &o); err != nil {
					t.Fatal(err)
				}
				return o
			}
		}
		t.Fatal("the stream ended:", lines.Err())
		return overview{}
	}
	if o := next(); o.Journeys[0].Customers != 0 {
		t.Errorf("at first nobody is there: %+v", o)
	}
	s.track("ada", "Order Completed")
	for next().stages("customer-lifecycle")["single-purchase"] != 1 {
	}
	// Open streams do not keep the server from stopping.
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut off, not ended: %v", err)
	}
}
