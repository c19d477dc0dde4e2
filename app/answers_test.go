package app_test

import (
	"encoding/json"
	"maps"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// lineCounts are the figures of a line that are not zero, by name.
func (s *server) lineCounts(journey, file string, line int) map[string]int {
	s.t.Helper()
	var figures struct{ Lines []map[string]int }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/journeys/"+journey+"/figures/"+file, nil)), &figures); err != nil {
		s.t.Fatal(err)
	}
	for _, counts := range figures.Lines {
		if counts["line"] == line {
			delete(counts, "line")
			maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
			return counts
		}
	}
	return nil
}

// A mail is sent, clicked, and followed by an order: the line that sent it says so, and the script that waits for the
// click goes on.
func TestAClickIsSeenAtItsLine(t *testing.T) {
	dir := t.TempDir()
	writeScripts(t, dir, map[string]string{
		"care/journey.lua": "journey { title = \"Care\", stages = { \"welcome\" } }\n",
		"care/welcome.lua": `stage { title = "Welcome", goal = "Order Completed" }

enter(function(customer)
  local hello = send "hello"
  local click = wait_for(hello, "clicked", "2 days")
  if click then send(click.properties.answer) end
end)
`,
		"care/messages/hello.email.liquid":  "---\nsubject: Hello\nkind: transactional\n---\nHello.\n",
		"care/messages/thanks.email.liquid": "---\nsubject: Thanks\nkind: transactional\n---\nThanks.\n",
	})
	s := startServer(t, func(c *config.Config) { c.Scripts = dir })
	s.setMode("care", lifecycle.Live)
	want := func(line int, want map[string]int) {
		t.Helper()
		got := map[string]int{}
		s.eventually("the figures are there", func() bool {
			got = s.lineCounts("care", "welcome.lua", line)
			return len(got) >= len(want)
		})
		if !maps.Equal(got, want) {
			t.Errorf("line %d: %v, want %v", line, got, want)
		}
	}
	s.track("ada", "Signed Up")
	want(4, map[string]int{"sent": 1})
	want(5, map[string]int{"waiting": 1})

	var id string
	for _, m := range s.overview().Messages {
		if m.Name == "hello" {
			id = m.Ref[len(m.Ref)-32:]
		}
	}
	click := map[string]any{"properties": map[string]string{"message": id, "answer": "thanks"}}
	s.track("ada", "Email Opened", click)
	s.track("ada", "Email Clicked", click)
	s.track("ada", "Email Clicked", click)
	want(6, map[string]int{"sent": 1})
	want(4, map[string]int{"sent": 1, "opened": 1, "clicked": 1})

	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.track("ada", "Email Clicked", click)
	s.track("ada", "Order Completed")
	s.track("ada", "Order Completed")
	want(4, map[string]int{"sent": 1, "opened": 1, "clicked": 1, "converted": 1})
	want(6, map[string]int{"sent": 1, "converted": 1})
}
