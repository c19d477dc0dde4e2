package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/app"
	"stagecraft/app/engine"
	"stagecraft/app/lifecycle"
)

// simulated is a scripts folder with a journey that hears of segments and scores.
func simulated(more map[string]string) fstest.MapFS {
	files := fstest.MapFS{}
	for path, text := range map[string]string{
		"shop/journey.lua": `journey { title = "Shop", stages = { "awake", "asleep" }, moves = { awake = { "asleep" }, asleep = { "awake" } } }
on("Order", function(customer, event) score(event.properties.total, { name = "heat" }) end)
on("Score Reached", function(customer, event) send "reached" end)
on("Score Fell Below", function(customer, event) send "fell" end)`,
		"shop/awake.lua": `stage { title = "Awake" }
enter(function() wait "5 days" send "before" wait "5 days" send "same-moment" wait "5 days" send "never" end)
on("Segment Entered", function(customer, event) if event.properties.segment == "sleepers" then move "asleep" end end)`,
		"shop/asleep.lua": `stage { title = "Asleep" }
on("Segment Left", function(customer, event) if event.properties.segment == "sleepers" then send "back" move "awake" end end)`,
		"segments/sleepers.lua": `segment { title = "Sleepers" }
member(function() return count("Order", "10 days") == 0 end)`,
		"scores.lua": `score { name = "heat", half_life = "10 days", thresholds = { 20, 50 } }`,
	} {
		files[path] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, name := range []string{"before", "same-moment", "never", "back", "reached", "fell"} {
		files["shop/messages/"+name+".email.liquid"] = &fstest.MapFile{Data: []byte("---\nsubject: Hello\n---\nHello.\n")}
	}
	for path, text := range more {
		files[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

var simulationStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// order is a line of a history.
func order(user string, day int, total float64) engine.Line {
	properties, _ := json.Marshal(map[string]any{"total": total, "revenue": total})
	return engine.Line{ID: fmt.Sprint(user, day), Event: lifecycle.Event{Type: lifecycle.Track, Name: "Order", UserID: user,
		Timestamp: simulationStart.AddDate(0, 0, day), Properties: properties}}
}

func version(t *testing.T, files fstest.MapFS) app.Version {
	t.Helper()
	v, err := app.FindVersion(files, "shop")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func runSimulation(t *testing.T, files fstest.MapFS, days int, lines ...engine.Line) *app.SimulationResult {
	t.Helper()
	s, err := app.NewSimulation(context.Background(), version(t, files), simulationStart.AddDate(0, 0, days))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err = s.Take(context.Background(), lines); err != nil {
		t.Fatal(err)
	}
	result, err := s.Finish(context.Background(), len(lines))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestASimulationHearsOfSegmentsAndScores: ten days after the last order somebody is a sleeper, by time alone, and a timer of
// the same moment fires before; points fade through the thresholds on the way.
func TestASimulationHearsOfSegmentsAndScores(t *testing.T) {
	result := runSimulation(t, simulated(nil), 60, order("ada", 0, 80), order("ada", 30, 30), order("bob", 50, 5))
	want := map[string]app.SegmentFigures{"sleepers": {Members: 2, Entered: 3, Left: 1}}
	if diff := cmp.Diff(want, result.Segments); diff != "" {
		t.Errorf("segments: want -, got +\n%s", diff)
	}
	// ada: 80 falls below 50 after 7 days and below 20 after 20; on day 30 there are 10 + 30, below 20 again on day 40.
	scores := map[string]app.ScoreFigures{"heat": {Customers: 2, Thresholds: []app.ThresholdFigures{{20, 2, 2}, {50, 1, 1}}}}
	if diff := cmp.Diff(scores, result.Scores); diff != "" {
		t.Errorf("scores: want -, got +\n%s", diff)
	}
	messages := map[string]int64{"before": 3, "same-moment": 3, "back": 1, "reached": 3, "fell": 3}
	if diff := cmp.Diff(messages, result.Messages); diff != "" {
		t.Errorf("messages: want -, got +\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"awake>asleep": 3, "asleep>awake": 1}, result.Moves); diff != "" {
		t.Errorf("moves: want -, got +\n%s", diff)
	}
	// A moment before nothing of it has happened.
	result = runSimulation(t, simulated(nil), 9, order("ada", 0, 80))
	if diff := cmp.Diff(map[string]app.SegmentFigures{"sleepers": {}}, result.Segments); diff != "" {
		t.Errorf("segments: want -, got +\n%s", diff)
	}
	// Without what stands beside the journeys there is nothing to tell; points are counted all the same.
	alone := simulated(nil)
	delete(alone, "segments/sleepers.lua")
	delete(alone, "scores.lua")
	result = runSimulation(t, alone, 60, order("ada", 0, 80))
	if result.Segments != nil || result.Messages["reached"] != 0 || result.Messages["never"] != 1 || result.Scores["heat"].Customers != 1 {
		t.Errorf("%+v", result)
	}
}

// TestASegmentThatFailsShowsInTheSimulation: it changes nobody, and the result says where.
func TestASegmentThatFailsShowsInTheSimulation(t *testing.T) {
	result := runSimulation(t, simulated(map[string]string{"segments/old.lua": "segment { title = \"Old\" }\nmember(function(customer)\n  return customer.age > 18\nend)"}),
		5, order("ada", 0, 1))
	if len(result.Errors) != 1 || !strings.Contains(result.Errors[0], "segments/old.lua:3") || result.Segments["old"] != (app.SegmentFigures{}) {
		t.Errorf("%+v", result)
	}
	if _, err := app.FindVersion(simulated(map[string]string{"scores.lua": "score {"}), "shop"); err == nil || !strings.Contains(err.Error(), "scores.lua") {
		t.Errorf("broken scores: %v", err)
	}
	if _, err := app.NewSimulation(context.Background(), version(t, simulated(map[string]string{"segments/odd.lua": "member(3)"})), simulationStart); err == nil ||
		!strings.Contains(err.Error(), "segments/odd.lua") {
		t.Errorf("a broken segment: %v", err)
	}
}

// TestRanksComeAtTheEnd: nobody has a rank while the past is lived, since everybody's time passes apart; at the end they are
// counted, always with the same outcome.
func TestRanksComeAtTheEnd(t *testing.T) {
	files := simulated(map[string]string{"segments/best.lua": "segment { title = \"Best\" }\nmember(function() return rfm { m = 5 } end)"})
	files["shop/journey.lua"].Data = append(files["shop/journey.lua"].Data, "\non(\"Segment Entered\", function(customer, event) if event.properties.segment == \"best\" then tag \"best\" end end)"...)
	var lines []engine.Line
	for n := range 50 {
		line := order(fmt.Sprint("user", n), n%20, float64(n+1))
		line.Event.Name = "Order Completed"
		lines = append(lines, line)
	}
	for range 3 {
		result := runSimulation(t, files, 30, lines...)
		if best := result.Segments["best"]; best != (app.SegmentFigures{Members: 10, Entered: 10}) {
			t.Errorf("%+v", best)
		}
	}
}

// TestADiffShowsSegmentsAndThresholds compares two folders that differ in what stands beside one journey.
func TestADiffShowsSegmentsAndThresholds(t *testing.T) {
	ctx := context.Background()
	old := version(t, simulated(nil))
	new := version(t, simulated(map[string]string{
		"segments/sleepers.lua": "segment { title = \"Sleepers\" }\nmember(function() return count(\"Order\", \"20 days\") == 0 end)",
		"scores.lua":            `score { name = "heat", half_life = "10 days", thresholds = { 20 } }`,
	}))
	d, err := app.NewDiff(ctx, old, new, simulationStart.AddDate(0, 0, 45))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	lines := []engine.Line{order("ada", 0, 80), order("ada", 30, 5), order("bob", 40, 5)}
	if err = d.Take(ctx, lines); err != nil {
		t.Fatal(err)
	}
	result, err := d.Finish(ctx, len(lines), 3)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][2]int64{}
	for _, c := range result.Changes {
		got[c.Kind+" "+c.Name] = [2]int64{c.Old, c.New}
	}
	for name, want := range map[string][2]int64{"segment members sleepers": {1, 0}, "segment entered sleepers": {2, 1}, "score reached heat 50": {1, 0},
		"score fell below heat 50": {1, 0}, "messages reached": {2, 1}, "stages asleep": {1, 0}} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	var text strings.Builder
	for _, example := range result.Examples {
		for _, line := range example.Lines {
			text.WriteString(line.In + " " + strings.TrimSpace(line.Text) + "\n")
		}
	}
	for _, want := range []string{"old 2026-02-10 00:00  a timer\nold entered segment sleepers", "new 2026-01-21 00:00  Segment Entered", "old score heat reached 50"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the examples lack %q:\n%s", want, text.String())
		}
	}
	if result.Differ != 1 || result.Old != result.New {
		t.Errorf("%+v", result)
	}
}
