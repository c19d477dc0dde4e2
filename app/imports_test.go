package app_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

type importsSeen struct {
	Imports []struct {
		Source, State string
		Ended         string
		Aborted       bool
		Taken         *struct {
			Accepted, Duplicates, Rejected int
			Rejects                        []struct {
				Line           int
				Message, Field string
			}
		}
	}
}

// Of two imports of one source at once the second is told so at its beginning, and the first goes on; when that has ended,
// another one may begin. Whoever looks on sees what became of the rows.
func TestOneImportOfASourceRuns(t *testing.T) {
	s := startServer(t)
	open := func(run string, want int) {
		t.Helper()
		status, text, _ := s.call("POST", "/v1/import?run="+run, `{"source":"list"}`)
		if status != want || want == 409 && (!strings.Contains(text, `"field":"run"`) || !strings.Contains(text, "another import of this source runs")) {
			t.Errorf("%s: %d %s, want %d", run, status, text, want)
		}
	}
	open("one", 200)
	open("one", 200)
	open("two", 409)
	rows := `{"events":[{"line":2,"id":"a","event":{"type":"track","userId":"ada","event":"X"}},{"line":3,"id":"b","event":{"type":"track","event":"X"}}]}`
	for range 2 {
		s.must("POST", "/v1/import/list/events?run=one", rows)
	}
	look := func() importsSeen {
		t.Helper()
		var seen importsSeen
		if err := json.Unmarshal([]byte(s.must("GET", "/api/imports", nil)), &seen); err != nil || len(seen.Imports) != 1 {
			t.Fatal(seen, err)
		}
		return seen
	}
	if seen := look().Imports[0]; seen.State != "open" || seen.Ended != "" || seen.Taken == nil || seen.Taken.Accepted != 1 || seen.Taken.Duplicates != 1 ||
		seen.Taken.Rejected != 2 || seen.Taken.Rejects[1].Line != 3 || seen.Taken.Rejects[1].Field != "userId" {
		t.Errorf("%+v %+v", seen, seen.Taken)
	}
	open("two", 409)
	for _, verb := range []string{"events", "customers", "close", "abort"} {
		body := map[string]string{"events": rows, "customers": `{"customers":[]}`}[verb]
		if body == "" {
			body = `{}`
		}
		if status, text, _ := s.call("POST", "/v1/import/list/"+verb+"?run=two", body); status != 409 || !strings.Contains(text, `"field":"run"`) {
			t.Errorf("%s of another run: %d %s", verb, status, text)
		}
	}
	if status, text, _ := s.call("POST", "/v1/import/list/close?run=one", `{"refused":-1}`); status != 400 || !strings.Contains(text, `"field":"refused"`) {
		t.Errorf("less than no rows: %d %s", status, text)
	}
	s.eventually("the import is closed", func() bool { // what was never sent is said each time, and counts once
		unsent := `{"refused":2,"rejects":[{"line":4,"message":"timestamp \"soon\" is no date","field":"timestamp"}]}`
		return strings.Contains(s.must("POST", "/v1/import/list/close?run=one", unsent), `"state":"closed"`)
	})
	if seen := look().Imports[0]; seen.State != "closed" || seen.Ended == "" || seen.Aborted || seen.Taken.Rejected != 4 || seen.Taken.Rejects[0].Field != "timestamp" {
		t.Errorf("%+v", seen)
	}
	open("two", 200)
	// Programs that draw no name are not told apart.
	s.must("POST", "/v1/import", `{"source":"list"}`)
	open("three", 200)
	s.eventually("the import is taken back", func() bool {
		return strings.Contains(s.must("POST", "/api/imports/list/abort", `{}`), `"state":"closed"`)
	})
	if seen := look().Imports[0]; !seen.Aborted {
		t.Errorf("%+v", seen)
	}
	s.must("PUT", "/v1/import/list/mapping", `{"map":{"userId":"id"}}`)
	s.must("DELETE", "/api/imports/list/mapping", nil)
	if seen := fmt.Sprint(look()); strings.Contains(seen, "userId") {
		t.Error(seen)
	}
}
