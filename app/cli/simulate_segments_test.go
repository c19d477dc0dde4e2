//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/app"
)

// segmentedClub is a journey that hears of everything that segments and scores tell, beside its own waits and silences.
func segmentedClub(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	journey := `journey { title = "Club", stages = { "guest", "regular", "asleep" },
  moves = { guest = { "regular", "asleep" }, regular = { "asleep" }, asleep = { "regular" } } }
on("Order Completed", function(customer, event)
  score(event.properties.revenue / 2, { name = "heat" })
  score(1, { half_life = "90 days" })
end)
`
	files := map[string]string{
		"scores.lua":              "score { name = \"heat\", half_life = \"30 days\", cap = 100, thresholds = { 10, 40 } }\nscore { thresholds = { 3 } }\n",
		"segments/sleepers.lua":   "segment { title = \"Sleepers\" }\nmember(function(customer) return count(\"Order Completed\", \"120 days\") == 0 end)\n",
		"segments/spenders.lua":   "segment { title = \"Spenders\" }\nmember(function(customer) return sum(\"Order Completed\", \"revenue\", \"200 days\") >= 60 end)\n",
		"segments/settled.lua":    "segment { title = \"Settled\" }\nmember(function(customer) return in_stage_for(\"club\", \"45 days\", \"regular\") and not in_segment \"sleepers\" end)\n",
		"segments/hot.lua":        "segment { title = \"Hot\" }\nmember(function(customer) return score_at_least(\"heat\", 25) and not in_segment \"never\" end)\n",
		"segments/never.lua":      "segment { title = \"Never\" }\nmember(function(customer) return customer.tags.nobody end)\n",
		"segments/never_test.lua": "it(\"is empty\", function() expect(customer {}).to.never.be.in_segment \"never\" end)\n",
		"club/guest.lua": `stage { title = "Guest" }
enter(function() send "hello" wait "30 days" send "month" wait "90 days" send "same-moment" end)
on("Score Reached", function(customer, event) if event.properties.score == "heat" then move "regular" end end)
on("Segment Entered", function(customer, event) if event.properties.segment == "sleepers" then move "asleep" end end)`,
		"club/regular.lua": `stage { title = "Regular" }
idle("Order Completed", "100 days", function() send "idle" end)
on("Segment Entered", function(customer, event) if event.properties.segment == "sleepers" then move "asleep" end end)`,
		"club/asleep.lua": `stage { title = "Asleep" }
enter(function() if wait_for("Segment Left", "150 days", { segment = "sleepers" }) then send "back" move "regular" else send "gone" end end)`,
	}
	messages := []string{"hello", "month", "same-moment", "idle", "back", "gone", "reached", "fell", "reached-none"}
	for _, segment := range []string{"sleepers", "spenders", "settled", "hot"} {
		for _, way := range []string{"Entered", "Left"} {
			name := strings.ToLower(way) + "-" + segment
			messages = append(messages, name)
			journey += fmt.Sprintf("on(\"Segment %s\", function(customer, event) if event.properties.segment == %q then send %q end end)\n", way, segment, name)
		}
	}
	files["club/journey.lua"] = journey + `on("Score Reached", function(customer, event) if event.properties.score == "heat" then send "reached" else send "reached-none" end end)
on("Score Fell Below", function(customer, event) if event.properties.score == "heat" then send "fell" end end)
`
	for _, name := range messages {
		files["club/messages/"+name+".email.liquid"] = "---\nsubject: Hello\n---\nHello\n"
	}
	writeFiles(t, dir, files)
	return dir
}

// TestSimulatedSegmentsAgreeWithThePlan counts sleepers by hand over the list of orders: whoever has not ordered for 120 days,
// from the moment on at which that is so.
func TestSimulatedSegmentsAgreeWithThePlan(t *testing.T) {
	dir, until := segmentedClub(t), "1997-12-01T00:00:00Z"
	var got app.SimulationResult
	text := stagecraft(t, append([]string{"simulate", "club", "--json", "--scripts", dir, "--events", cut, "--until", until}, mapping...)...)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	end, _ := time.Parse(time.RFC3339, until)
	var want app.SegmentFigures
	for _, orders := range ordersByCustomer(t, end) {
		for i, order := range orders {
			asleep := order.Add(120 * 24 * time.Hour)
			again := i+1 < len(orders)
			if asleep.After(end) || again && orders[i+1].Before(asleep) {
				continue
			}
			want.Entered++
			if again {
				want.Left++
			} else {
				want.Members++
			}
		}
	}
	if got.Segments["sleepers"] != want || want.Left == 0 || want.Members == 0 {
		t.Errorf("%+v, want %+v", got.Segments["sleepers"], want)
	}
	if never := got.Segments["never"]; len(got.Segments) != 5 || never != (app.SegmentFigures{}) {
		t.Errorf("%+v", got.Segments)
	}
	if points := got.Scores[""]; points.Customers == 0 || len(points.Thresholds) != 1 || points.Thresholds[0].Threshold != 3 || points.Thresholds[0].Reached == 0 {
		t.Errorf("the score without a name: %+v", points)
	}
	text = stagecraft(t, append([]string{"simulate", "club", "--scripts", dir, "--events", cut, "--until", until}, mapping...)...)
	for _, line := range []string{"segments                                        members      entered         left\n",
		fmt.Sprintf("  %-40s %12d %12d %12d\n", "sleepers", want.Members, want.Entered, want.Left), "  heat ", "  (without a name) ", "    40 "} {
		if !strings.Contains(text, line) {
			t.Errorf("the text lacks %q:\n%s", line, text)
		}
	}
	if text = stagecraft(t, append([]string{"simulate", "customer-lifecycle", "--events", cut, "--until", until}, mapping...)...); strings.Contains(text, "segments") {
		t.Errorf("the built-in journeys have no segments beside them:\n%s", text)
	}
}

// TestImportedSegmentsEqualTheSimulation imports the same orders into a server that has the same segments and scores: who is
// a member, how often each was entered and left, what was crossed, and what scripts did about it, are the same to the last one.
func TestImportedSegmentsEqualTheSimulation(t *testing.T) {
	dir := segmentedClub(t)
	want := simulate(t, "club", "--events", cut, "--scripts", dir)
	var simulated app.SimulationResult
	if err := json.Unmarshal([]byte(stagecraft(t, append([]string{"simulate", "club", "--json", "--events", cut, "--scripts", dir}, mapping...)...)), &simulated); err != nil {
		t.Fatal(err)
	}
	for name, segment := range simulated.Segments {
		if name != "never" && (segment.Entered == 0 || segment.Entered != want.Messages["entered-"+name] || segment.Left != want.Messages["left-"+name]) {
			t.Errorf("%s: %+v, and scripts heard of %d and %d", name, segment, want.Messages["entered-"+name], want.Messages["left-"+name])
		}
	}
	var reached, fell int64
	for _, threshold := range simulated.Scores["heat"].Thresholds {
		reached, fell = reached+threshold.Reached, fell+threshold.FellBelow
	}
	if reached == 0 || reached != want.Messages["reached"] || fell == 0 || fell != want.Messages["fell"] || want.Messages["back"] == 0 || want.Messages["gone"] == 0 ||
		want.Messages["idle"] == 0 || want.Messages["same-moment"] == 0 {
		t.Errorf("%+v, and scripts heard of %+v", simulated.Scores, want.Messages)
	}

	server := fresh(t, dir)
	stagecraft(t, "journeys", "club", "live", "--server", "http://"+server.addr())
	stagecraft(t, server.importArgs(cut, "orders")...)
	if diff := cmp.Diff(want, server.figures(t, "club")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	members := map[string]int64{}
	for name, segment := range simulated.Segments {
		members[name] = segment.Members
	}
	if diff := cmp.Diff(members, server.members(t)); diff != "" {
		t.Errorf("members: want -, got +\n%s", diff)
	}
	// What the server has stored leads there once more: what segments and scores told is made anew, not told twice.
	var again app.SimulationResult
	text := stagecraft(t, "simulate", "club", "--json", "--stored", "--scripts", dir, "--server", "http://"+server.addr())
	if err := json.Unmarshal([]byte(text), &again); err != nil {
		t.Fatal(err)
	}
	again.Until = simulated.Until
	if diff := cmp.Diff(simulated, again); diff != "" {
		t.Errorf("over what is stored: want -, got +\n%s", diff)
	}
}

// members reads how many are in each segment.
func (p *serverProcess) members(t *testing.T) map[string]int64 {
	t.Helper()
	request, _ := http.NewRequest("GET", "http://"+p.addr()+"/v1/segments", nil)
	showKey(request)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var list struct {
		Segments []struct {
			Name    string
			Members int64
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	members := map[string]int64{}
	for _, segment := range list.Segments {
		members[segment.Name] = segment.Members
	}
	return members
}

// TestDiffOfSegments compares two folders whose journeys are the same, and a built-in journey with a copy of it.
func TestDiffOfSegments(t *testing.T) {
	old, new := segmentedClub(t), segmentedClub(t)
	if err := os.WriteFile(filepath.Join(new, "segments", "sleepers.lua"),
		[]byte("segment { title = \"Sleepers\" }\nmember(function(customer) return count(\"Order Completed\", \"60 days\") == 0 end)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--json", "--events", cut, "--until", "1997-12-01T00:00:00Z"}, mapping...)
	diff := func(old, new string) (result app.DiffResult) {
		text := stagecraft(t, append([]string{"simulate", "--diff", old, new}, args...)...)
		if err := json.Unmarshal([]byte(text), &result); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return result
	}
	result := diff(filepath.Join(old, "club"), filepath.Join(new, "club"))
	for i, dir := range []string{old, new} {
		var apart app.SimulationResult
		if err := json.Unmarshal([]byte(stagecraft(t, append([]string{"simulate", "club", "--scripts", dir}, args...)...)), &apart); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, change := range result.Changes {
			want, is := map[string]int64{"segment members": apart.Segments[change.Name].Members, "segment entered": apart.Segments[change.Name].Entered,
				"segment left": apart.Segments[change.Name].Left, "messages": apart.Messages[change.Name]}[change.Kind]
			if got := []int64{change.Old, change.New}[i]; is && got != want {
				t.Errorf("%s %s: %d, simulated apart %d", change.Kind, change.Name, got, want)
			}
			if is && change.Name == "sleepers" {
				found++
			}
		}
		if found != 3 {
			t.Errorf("%+v", result.Changes)
		}
	}
	copied := filepath.Join(new, "customer-lifecycle")
	if err := os.CopyFS(copied, os.DirFS(filepath.Join("..", "..", "scripts", "customer-lifecycle"))); err != nil {
		t.Fatal(err)
	}
	if result = diff("customer-lifecycle", copied); result.Differ != 0 || len(result.Changes) != 0 {
		t.Errorf("a built-in journey and its copy: %+v", result.Changes)
	}
}
