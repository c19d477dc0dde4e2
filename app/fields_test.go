package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What is wrong with one field of a request is said with the field's name, and never with a secret beside it.
func TestTheFieldThatIsWrongIsNamed(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\n")))
	for _, c := range []struct{ method, path, body, field string }{
		{"PUT", "/api/channels/sms", `{"connector": 5, "settings": {"token": "hush"}}`, "connector"},
		{"PUT", "/api/channels/sms", `{"setings": {"token": "hush"}}`, "setings"},
		{"PUT", "/api/channels/sms", `{"settings": {"token": "hush"}, "rate": "x"}`, "rate"},
		{"PUT", "/api/channels/sms", `{"settings": {"token": "hush"}, "concurrency": 1.5}`, "concurrency"},
		{"PUT", "/api/channels/sms", `{"settings": {"token": "hush`, ""},
		{"POST", "/api/webhooks/replay", `{"since": "2026-01-31T12:00:00Z", "SINCE": 1}`, "SINCE"},
		{"POST", "/api/webhooks/replay", `{"since": 1}`, "since"},
		{"GET", "/v1/journeys/trial/figures.csv?by=zz", "", "by"},
		{"GET", "/v1/journeys/trial/figures.csv?days=zz", "", "days"},
		{"POST", "/api/journeys/trial/check", `{"files": {"a.lua": null}}`, "files.a.lua"},
		{"POST", "/api/journeys/trial/plan", `{"files": {"a.lua": null}}`, "files.a.lua"},
		{"POST", "/api/journeys/trial/publish", `{"edits": [null]}`, "edits[0]"},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		status, text, _ := s.call(c.method, c.path, body)
		var problem struct{ Code, Field string }
		if err := json.Unmarshal([]byte(text), &problem); err != nil || status != 400 || problem.Code != "invalid" || problem.Field != c.field || strings.Contains(text, "hush") {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, text)
		}
	}
}

// JSON may say nothing to a form that the form's page could not: an object is no answer, and a list is none to a question that
// has one. The marks are an object, also where there are none.
func TestFormsOfJSONWithAnswersOfAnotherShape(t *testing.T) {
	s := startServer(t, withScripts(t, formFiles()))
	p := s.formPage(t)
	for body, wrong := range map[string]string{
		`{"likes": {"a": 1}}`:                     "likes",
		`{"likes": [["tea"]]}`:                    "likes",
		`{"email": ["a@shop.example", "b"]}`:      "email",
		`{"age": {"years": 4}}`:                   "age",
		`{"news": {"yes": false}}`:                "news",
		`{"news": [true, false]}`:                 "news",
		`{"likes": ["tea", "coffee"]}`:            "",
		`{"email": ["ada@shop.example"]}`:         "",
		`{"age": null, "likes": [], "other": {}}`: "",
	} {
		status, text, _ := p.do("POST", "/f/survey", "application/json", body, "Origin", "https://shop.example")
		var answer struct {
			OK     bool
			Fields map[string]string
		}
		err := json.Unmarshal([]byte(text), &answer)
		if want := fmt.Sprintf("map[%s:text]", wrong); err != nil || wrong != "" && (status != 422 || fmt.Sprint(answer.Fields) != want) || wrong == "" && (status != 200 || !answer.OK) {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := p.do("POST", "/f/survey", "application/json", `{}`, "Origin", "https://elsewhere.example"); status != 400 || !strings.Contains(text, `"fields":{}`) {
		t.Errorf("without a word of the page: %d %s", status, text)
	}
}
