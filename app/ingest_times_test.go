package app_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// An event does not come again: a time that cannot be read costs its time, not the event. A row of an import can be mended.
func TestATimeThatCannotBeRead(t *testing.T) {
	s := startServer(t)
	for i, written := range []string{`"yesterday"`, `1772355600`, `"0001-01-01T00:00:00Z"`, `{}`} {
		var single, batch struct {
			Success  bool
			Warnings []struct{ Code, Field, Message string }
		}
		event := `{"type":"track","event":"Looked","userId":"ada","timestamp":` + written + `}`
		if err := json.Unmarshal([]byte(s.must("POST", "/v1/track", event)), &single); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(s.must("POST", "/v1/batch", `{"batch":[{"type":"track","event":"Looked","userId":"ada"},`+event+`]}`)), &batch); err != nil {
			t.Fatal(err)
		}
		if !single.Success || len(single.Warnings) != 1 || single.Warnings[0].Field != "timestamp" || !strings.Contains(single.Warnings[0].Message, "when it came in") {
			t.Errorf("%d: %+v", i, single)
		}
		if !batch.Success || len(batch.Warnings) != 1 || batch.Warnings[0].Field != "batch[1].timestamp" {
			t.Errorf("%d: a batch: %+v", i, batch)
		}
	}
	var page struct {
		Events []struct{ Event struct{ Timestamp time.Time } }
	}
	if err := json.Unmarshal([]byte(s.must("GET", "/api/events?event=Looked", nil)), &page); err != nil || len(page.Events) != 12 {
		t.Errorf("%d events: %v", len(page.Events), err)
	}
	for _, one := range page.Events {
		if age := time.Since(one.Event.Timestamp); age < 0 || age > 5*time.Minute {
			t.Errorf("it happened at %s", one.Event.Timestamp)
		}
	}
	for _, written := range []string{"2026-01-23T06:00:00", "2026-01-23", "2026-01-23T06:00:00+0700", "2026-01-23 06:00:00+07"} {
		if text := s.must("POST", "/v1/track", `{"event":"Looked","userId":"ada","timestamp":"`+written+`"}`); strings.Contains(text, "warnings") {
			t.Errorf("%s: %s", written, text)
		}
	}

	s.must("POST", "/v1/import", `{"source":"shop","history":true}`)
	text := s.must("POST", "/v1/import/shop/events", `{"events":[{"line":2,"id":"a","event":{"type":"track","event":"Looked","userId":"bob","timestamp":"yesterday"}},
		{"line":3,"id":"b","event":{"type":"track","event":"Looked","userId":"bob","timestamp":"2026-01-23"}}]}`)
	if !strings.Contains(text, `"accepted":1`) || !strings.Contains(text, `"field":"timestamp"`) {
		t.Errorf("an import: %s", text)
	}
}
