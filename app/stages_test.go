package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// One customer is moved over HTTP, with the write key and from the console, and both are held to the journey's moves.
func TestMovesOverHTTP(t *testing.T) {
	posted := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posted <- string(body)
	}))
	defer receiver.Close()
	files := trial(`stage { title = "A" }`)
	files["trial/journey.lua"] = `journey { title = "Trial", stages = { "a", "b" }, moves = "next" }`
	s := startServer(t, withScripts(t, files), func(c *config.Config) {
		c.WebhookAllow, c.StageWebhooks = []string{"127.0.0.1"}, []string{receiver.URL + "/stages"}
	})
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Visit")
	if first := <-posted; !strings.Contains(first, `"event":"Stage Changed"`) || !strings.Contains(first, `"from":"","to":"a"`) {
		t.Errorf("posted %s", first)
	}
	key := func(r *http.Request) { r.Header.Set("Idempotency-Key", "k1") }
	move := `{"userId": "ada", "journey": "trial", "to": "b", "why": "paid by invoice"}`
	for i, replayed := range []string{"", "true"} {
		status, text, header := s.call("POST", "/v1/moves", move, key)
		if status != 200 || !strings.Contains(text, `"from":"a","to":"b"`) || header.Get("Idempotent-Replayed") != replayed {
			t.Errorf("%d: %d %s", i, status, text)
		}
	}
	if second := <-posted; !strings.Contains(second, `"reason":"paid by invoice","by":"api","decision":"`) {
		t.Errorf("posted %s", second)
	}
	if status, text, _ := s.call("POST", "/v1/moves", `{"userId": "ada", "journey": "trial", "act": "exit"}`, key); status != 409 || !strings.Contains(text, "Idempotency-Key") {
		t.Errorf("another change with the same key: %d %s", status, text)
	}
	status, text, _ := s.call("POST", "/api/moves", `{"user": "ada", "journey": "trial", "act": "move", "to": "a"}`)
	if status != 409 || !strings.Contains(text, "journey.lua does not allow this move") {
		t.Errorf("backwards: %d %s", status, text)
	}
	mend := func(r *http.Request) { r.Header.Set("Idempotency-Key", "k2") }
	if status, text, _ = s.call("POST", "/v1/moves", `{"userId": "ada", "journey": "trial", "to": "a"}`, mend); status != 409 || !strings.Contains(text, `"field":"to"`) {
		t.Errorf("backwards, with a key: %d %s", status, text)
	}
	if status, text, _ = s.call("POST", "/v1/moves", `{"userId": "ada", "journey": "trial", "act": "exit"}`, mend); status != 200 || !strings.Contains(text, `"to":""`) {
		t.Errorf("mended, with the key of the refusal: %d %s", status, text)
	}
	for body, want := range map[string]int{
		`{"journey": "trial", "to": "b"}`:                                 400,
		`{"userId": "ada", "journey": "none", "to": "b"}`:                 404,
		`{"userId": "nobody", "journey": "trial", "to": "b"}`:             404,
		`{"userId": "ada", "journey": "trial", "to": "z"}`:                400,
		`{"userId": "ada", "journey": "trial", "act": "fly"}`:             400,
		`{"userId": "ada", "journey": "trial", "to": "b", "extra": true}`: 400,
	} {
		if status, text, _ := s.call("POST", "/v1/moves", body); status != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := s.call("POST", "/v1/moves", move, func(r *http.Request) { r.Header.Del("Authorization") }); status != 401 || strings.Contains(text, "not known") {
		t.Errorf("without a key: %d %s", status, text)
	}
	if status, text, _ := s.call("POST", "/v1/moves", move, func(r *http.Request) { r.SetBasicAuth("wrong", "") }); status != 401 || !strings.Contains(text, "this key is not known") {
		t.Errorf("with a wrong key: %d %s", status, text)
	}
}

// Whoever renames a stage says so; the plan shows it before, and the customers are there afterwards.
func TestAStageIsRenamedOnDisk(t *testing.T) {
	s := startServer(t, withScripts(t, trial(`stage { title = "A" }`)))
	s.setMode("trial", lifecycle.Live)
	s.track("ada", "Visit")
	plan := func(body string) (p struct {
		Stages []struct {
			Stage, Fate, To string
			Customers       int64
		}
		Blocked bool
	}) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must("POST", "/api/journeys/trial/plan", body)), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := plan(`{}`); p.Blocked || p.Stages[0].Customers != 1 || p.Stages[0].Fate != "stays" {
		t.Errorf("as it is: %+v", p)
	}
	whole := `"lib/names.lua": "function first() return 1 end", "start.lua": "use \"lib/names\" stage { title = \"Start\" }", "b.lua": "stage { title = \"B\" }", "b_test.lua": "test("`
	if p := plan(`{"whole": true, "files": {` + whole + `, "journey.lua": "journey { title = \"Trial\", stages = { \"start\", \"b\" }, moves = \"next\", renamed = { a = \"start\" } }"}}`); p.Blocked || p.Stages[2].Fate != "renamed" || p.Stages[2].To != "start" || p.Stages[2].Customers != 1 {
		t.Errorf("of files of one's own, without a.lua: %+v", p)
	}
	for _, files := range []string{whole, whole + `, "journey.lua": "journey { title = \"T\", stages = { \"start\" } }", "lib/../../x.lua": ""`} {
		if status, text, _ := s.call("POST", "/api/journeys/trial/plan", `{"whole": true, "files": {`+files+`}}`); status != http.StatusBadRequest {
			t.Errorf("%d %s", status, text)
		}
	}
	if err := os.Remove(filepath.Join(s.cfg.Scripts, "trial", "a.lua")); err != nil {
		t.Fatal(err)
	}
	writeScripts(t, s.cfg.Scripts, map[string]string{"trial/start.lua": `stage { title = "Start" }`,
		"trial/journey.lua": `journey { title = "Trial", stages = { "start", "b" }, moves = "next" }`})
	s.eventually("the refusal shows", func() bool {
		problem := s.overview().Journeys[0].PublishError
		return problem != nil && strings.Contains(problem.Message, `stage "a" is gone, but customers are in it: 1`)
	})
	if p := plan(`{}`); !p.Blocked || p.Stages[2].Fate != "missing" {
		t.Errorf("without an answer: %+v", p)
	}
	if p := plan(`{"where": {"a": "b"}}`); p.Blocked || p.Stages[2].Fate != "retired" || p.Stages[2].To != "b" {
		t.Errorf("with an answer: %+v", p)
	}
	writeScripts(t, s.cfg.Scripts, map[string]string{
		"trial/journey.lua": `journey { title = "Trial", stages = { "start", "b" }, moves = "next", renamed = { a = "start" } }`})
	s.eventually("ada is in the renamed stage", func() bool { return s.overview().stages("trial")["start"] == 1 })
	if n := s.overview().stages("trial")["a"]; n != 0 {
		t.Errorf("%d are in the former stage", n)
	}
	s.eventually("why says so", func() bool { // the figures have the new name before the record has
		return strings.Contains(s.must("GET", "/v1/customers/ada/why", nil), "placed in start: the stage was renamed, at the publication of the journey")
	})
}

// A bulk from the draft to the end, over HTTP.
func TestABulkOverHTTP(t *testing.T) {
	s := startServer(t, withScripts(t, trial(`stage { title = "A" }`)))
	s.setMode("trial", lifecycle.Live)
	s.people(20)
	type answer struct {
		Status, Text string
		Progress     struct{ Done, Refused, Listed int64 }
	}
	ask := func(method, path, body string) (a answer) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must(method, "/api/bulks/"+path, body)), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := ask("PUT", "pros", `{"act": "move", "journey": "trial", "to": "b", "audience": {"where": [{"trait": "plan", "is": "equal", "value": "pro"}]}}`)
	if a.Status != "draft" || a.Text != "move customers whose plan is pro to trial/b" {
		t.Errorf("%+v", a)
	}
	var ahead struct{ Done, Matched int64 }
	if err := json.Unmarshal([]byte(s.must("POST", "/api/bulks/pros/ahead", "{}")), &ahead); err != nil || ahead.Done != 10 || ahead.Matched != 10 {
		t.Errorf("ahead %+v %v", ahead, err)
	}
	ask("POST", "pros/start", "{}")
	s.eventually("it is done", func() bool { return ask("GET", "pros", "").Status == "done" })
	if a = ask("GET", "pros", ""); a.Progress.Done != 10 || s.overview().stages("trial")["b"] != 10 {
		t.Errorf("%+v", a)
	}
	if status, text, _ := s.call("POST", "/api/bulks/pros/pause", "{}"); status != 409 || !strings.Contains(text, "is done") || ask("GET", "pros", "").Status != "done" {
		t.Errorf("paused when it was done: %d %s", status, text)
	}
	s.must("PUT", "/api/bulks/list", `{"act": "exit", "journey": "trial", "audience": {"list": true}}`)
	s.must("POST", "/api/bulks/list/list", "userId\nu1\nu2\nnobody\n")
	ask("POST", "list/start", "{}")
	s.eventually("two are out", func() bool { return ask("GET", "list", "").Progress.Done == 2 })
	s.must("DELETE", "/api/bulks/pros", nil)
	if status, _, _ := s.call("GET", "/api/bulks/pros", nil); status != 404 {
		t.Errorf("after it was removed: %d", status)
	}
}
