//go:build unix

package cli_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stagecraft/app/cli"
)

const cut = "testdata/cdnow-cut.csv"

var mapping = []string{"--map", "userId=customer_id", "--map", "timestamp=date", "--map", "event:=Order Completed",
	"--map", "properties.revenue=dollar_value", "--map", "properties.quantity=number_of_cds"}

// outcome is what a simulation says, and what a server's overview says in other words.
type outcome struct {
	Customers int64            `json:"customers"`
	Stages    map[string]int64 `json:"stages"`
	Entered   map[string]int64 `json:"entered"`
	Moves     map[string]int64 `json:"moves"`
	Messages  map[string]int64 `json:"messages"`
}

// stagecraft runs a verb in this process and returns what it printed.
func stagecraft(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := cli.Main("test", args, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("stagecraft %s: exit %d\n%s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

func simulate(t *testing.T, journey string, args ...string) outcome {
	t.Helper()
	var result outcome
	text := stagecraft(t, append(append([]string{"simulate", journey, "--json"}, args...), mapping...)...)
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return result
}

// TestSimulateAgreesWithThePlan holds the engine to a count of its own that knows nothing of engines: the rules of
// customer-lifecycle written down directly over the list of orders.
func TestSimulateAgreesWithThePlan(t *testing.T) {
	for _, until := range []string{"1998-07-01T00:00:00Z", "1997-06-15T00:00:00Z", "1997-03-02T12:00:00Z", "1999-01-01T00:00:00Z", "1996-01-01T00:00:00Z"} {
		t.Run(until, func(t *testing.T) {
			got := simulate(t, "customer-lifecycle", "--events", cut, "--until", until)
			if diff := cmp.Diff(planned(t, until), got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
	if file := os.Getenv("STAGECRAFT_CDNOW"); file != "" {
		got := simulate(t, "customer-lifecycle", "--events", file, "--until", "1998-07-01T00:00:00Z")
		want := outcome{Customers: 23570, Stages: map[string]int64{"active": 5341, "lost": 18229},
			Entered: map[string]int64{"member": 23570, "single-purchase": 23570, "active": 14183, "lost": 23422},
			Moves: map[string]int64{"member>single-purchase": 23570, "single-purchase>active": 8990, "single-purchase>lost": 14580,
				"active>lost": 8842, "lost>active": 5193},
			Messages: map[string]int64{"thank-you": 23570, "second-order": 19297, "club": 14183, "miss-you": 23422, "last-call": 20237}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the whole file: want -, got +\n%s", diff)
		}
	}
}

func planned(t *testing.T, until string) outcome {
	t.Helper()
	end, err := time.Parse(time.RFC3339, until)
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	f := outcome{Stages: map[string]int64{}, Entered: map[string]int64{}, Moves: map[string]int64{}, Messages: map[string]int64{}}
	by := func(orders []time.Time, i int) time.Time { // the next order, or never
		if i < len(orders) {
			return orders[i]
		}
		return end.Add(day)
	}
	for _, orders := range ordersByCustomer(t, end) {
		f.Customers++
		f.Entered["member"]++
		f.Entered["single-purchase"]++
		f.Moves["member>single-purchase"]++
		f.Messages["thank-you"]++
		stage := "single-purchase"
		lose := func(from string, at time.Time, next time.Time) {
			f.Moves[from+">lost"]++
			f.Entered["lost"]++
			f.Messages["miss-you"]++
			if call := at.Add(60 * day); !call.After(end) && !call.After(next) {
				f.Messages["last-call"]++
			}
		}
		for i, order := range orders {
			next := by(orders, i+1)
			if i > 0 {
				f.Moves[stage+">active"] += 0
				if stage != "active" {
					f.Moves[stage+">active"]++
					f.Entered["active"]++
					f.Messages["club"]++
					stage = "active"
				}
			} else if reminder := order.Add(30 * day); !reminder.After(end) && !reminder.After(next) {
				f.Messages["second-order"]++
			}
			if lost := order.Add(180 * day); !lost.After(end) && !lost.After(next) {
				lose(stage, lost, next)
				stage = "lost"
			}
		}
		f.Stages[stage]++
	}
	for key, count := range f.Moves {
		if count == 0 {
			delete(f.Moves, key)
		}
	}
	return f
}

func ordersByCustomer(t *testing.T, end time.Time) map[string][]time.Time {
	t.Helper()
	orders := map[string][]time.Time{}
	for _, row := range cutRows(t)[1:] {
		at, err := time.Parse("2006-01-02", row[1])
		if err != nil {
			t.Fatal(err)
		}
		if !at.After(end) {
			orders[row[0]] = append(orders[row[0]], at)
		}
	}
	return orders
}

func cutRows(t *testing.T) [][]string {
	t.Helper()
	file, err := os.Open(cut)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func writeRows(t *testing.T, name string, rows [][]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fresh starts the real program on an empty folder with the scripts given, or the built-in ones.
func fresh(t *testing.T, scripts string, env ...string) *serverProcess {
	t.Helper()
	data := t.TempDir()
	if scripts == "" {
		scripts = filepath.Join(data, "scripts")
	}
	server, err := launchServer(builtBinary(t), data, scripts, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.stop() })
	if _, err := server.ready(); err != nil {
		t.Fatal(err)
	}
	return server
}

func (p *serverProcess) importArgs(file, source string) []string {
	return append([]string{"import", file, "--history", "--source", source, "--server", "http://" + p.addr(), "--key", testKey}, mapping...)
}

// figures reads the server's overview in the words of a simulation. Nothing may have been sent.
func (p *serverProcess) figures(t *testing.T, journey string) outcome {
	t.Helper()
	answer, err := http.Get("http://" + p.addr() + "/api/overview")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var overview struct {
		Journeys []struct {
			Name      string
			Customers int64
			Stages    []struct {
				Name               string
				Customers, Entered int64
			}
			Moves []struct {
				From, To string
				Count    int64
			}
			Messages []struct {
				Name                                  string
				Decided, Accepted, Suppressed, Queued int64
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&overview); err != nil {
		t.Fatal(err)
	}
	f := outcome{Stages: map[string]int64{}, Entered: map[string]int64{}, Moves: map[string]int64{}, Messages: map[string]int64{}}
	for _, j := range overview.Journeys {
		if j.Name != journey {
			continue
		}
		f.Customers = j.Customers
		for _, stage := range j.Stages {
			if stage.Customers > 0 {
				f.Stages[stage.Name] = stage.Customers
			}
			if stage.Entered > 0 {
				f.Entered[stage.Name] = stage.Entered
			}
		}
		for _, move := range j.Moves {
			if move.Count > 0 {
				f.Moves[move.From+">"+move.To] = move.Count
			}
		}
		for _, message := range j.Messages {
			f.Messages[message.Name] = message.Decided
			if message.Suppressed != message.Decided {
				t.Errorf("%s: history must mail nobody: %+v", message.Name, message)
			}
		}
	}
	return f
}

// TestImportedHistoryEqualsTheSimulation imports the same orders in several ways; each must end exactly where the
// simulation until that moment ends, and mail nobody.
func TestImportedHistoryEqualsTheSimulation(t *testing.T) {
	rows := cutRows(t)
	want := simulate(t, "customer-lifecycle", "--events", cut)

	t.Run("whole", func(t *testing.T) {
		server := fresh(t, "")
		stagecraft(t, server.importArgs(cut, "orders")...)
		if diff := cmp.Diff(want, server.figures(t, "customer-lifecycle")); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		// Once more: nothing counts twice.
		stagecraft(t, server.importArgs(cut, "orders")...)
		if diff := cmp.Diff(want, server.figures(t, "customer-lifecycle")); diff != "" {
			t.Errorf("after a repeat: want -, got +\n%s", diff)
		}
		if mails, _ := filepath.Glob(filepath.Join(server.Data, "mail", "*.ndjson")); len(mails) > 0 {
			for _, file := range mails {
				if text, _ := os.ReadFile(file); len(text) > 0 {
					t.Errorf("history was mailed: %.200s", text)
				}
			}
		}
	})

	t.Run("customers in another order", func(t *testing.T) {
		shuffled := append([][]string(nil), rows[1:]...)
		sort.SliceStable(shuffled, func(i, j int) bool { return reverse(shuffled[i][0]) > reverse(shuffled[j][0]) })
		server := fresh(t, "")
		stagecraft(t, server.importArgs(writeRows(t, "orders.csv", append(rows[:1:1], shuffled...)), "orders")...)
		if diff := cmp.Diff(want, server.figures(t, "customer-lifecycle")); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})

	t.Run("by time", func(t *testing.T) {
		sorted := append([][]string(nil), rows[1:]...)
		sort.SliceStable(sorted, func(i, j int) bool { return sorted[i][1] < sorted[j][1] })
		server := fresh(t, "")
		stagecraft(t, server.importArgs(writeRows(t, "orders.csv", append(rows[:1:1], sorted...)), "orders")...)
		if diff := cmp.Diff(want, server.figures(t, "customer-lifecycle")); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})

	t.Run("interrupted, resumed, with live events and a crash in between", func(t *testing.T) {
		server := fresh(t, "")
		// The first command is killed after a part of the file; it reads from a pipe that we stop feeding.
		half := len(rows) / 2
		interrupted := exec.Command(builtBinary(t), append(server.importArgs("-", "orders"), "--strict")...)
		in, err := interrupted.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err = interrupted.Start(); err != nil {
			t.Fatal(err)
		}
		w := csv.NewWriter(in)
		if err = w.WriteAll(rows[:half]); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(2 * time.Minute)
		for server.figuresUnchecked(t) == 0 && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		_ = interrupted.Process.Kill()
		_ = interrupted.Wait()
		// Somebody new comes in live, and the server is killed.
		post(t, server, `{"userId":"live-1","event":"Page Viewed","messageId":"l1"}`)
		server.kill()
		server, err = launchServer(builtBinary(t), server.Data, filepath.Join(server.Data, "scripts"))
		if err != nil {
			t.Fatal(err)
		}
		defer server.stop()
		if _, err = server.ready(); err != nil {
			t.Fatal(err)
		}
		post(t, server, `{"userId":"live-2","event":"Page Viewed","messageId":"l2"}`)
		stagecraft(t, server.importArgs(cut, "orders")...)
		// A live event of one who was imported changes nothing of the past.
		post(t, server, fmt.Sprintf(`{"userId":%q,"event":"Page Viewed","messageId":"l3"}`, rows[1][0]))
		with := want
		with.Customers += 2
		with.Stages = map[string]int64{"member": 2}
		with.Entered = map[string]int64{}
		for stage, count := range want.Stages {
			with.Stages[stage] = count
		}
		for stage, count := range want.Entered {
			with.Entered[stage] = count
		}
		with.Entered["member"] += 2
		if diff := cmp.Diff(with, server.figures(t, "customer-lifecycle")); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})
}

func (p *serverProcess) figuresUnchecked(t *testing.T) int64 {
	return p.figures(t, "customer-lifecycle").Customers
}

func post(t *testing.T, p *serverProcess, body string) {
	t.Helper()
	request, _ := http.NewRequest("POST", "http://"+p.addr()+"/v1/track", strings.NewReader(body))
	request.SetBasicAuth(testKey, "")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != 200 {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
}

func reverse(text string) string {
	runes := []rune(text)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

// TestImportOfOwnJourney runs a journey with every kind of handler over the orders, in both ways.
func TestImportOfOwnJourney(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"club/journey.lua": `journey { title = "Club", stages = { "guest", "regular", "vip", "gone" },
  moves = { guest = { "regular", "vip", "gone" }, regular = { "vip", "gone" }, vip = { "regular", "gone" }, gone = { "guest", "regular" } } }
on("Order Completed", function(customer, event)
  if event.properties.revenue >= 100 then move "vip" end
end)
idle("Order Completed", "300 days", function() move "gone" end)
leave(function() send "changed" end)`,
		"club/guest.lua": `stage { title = "Guest" }
on("Order Completed", function(customer, event)
  send "thanks"
  for week = 1, 3 do
    wait "1 week"
    send "weekly"
  end
  if event.properties.quantity > 1 then move "regular" end
end)`,
		"club/regular.lua": `stage { title = "Regular", goal = "Order Completed", next = "vip" }
enter(function() wait "45 days" send "weekly" wait "45 days" move "gone" end)`,
		"club/vip.lua": `stage { title = "VIP" }
idle("Order Completed", "60 days", function() send "weekly" wait "10 days" move "regular" end)
on("Order Completed", function() send "thanks" end)`,
		"club/gone.lua": `stage { title = "Gone" }
on("Order Completed", function(customer, event) if event.properties.quantity == 1 then move "guest" else move "regular" end end)`,
		"club/messages/thanks.email.liquid":  "---\nsubject: Thanks\n---\nThanks\n",
		"club/messages/weekly.email.liquid":  "---\nsubject: Weekly\n---\nWeekly\n",
		"club/messages/changed.email.liquid": "---\nsubject: Changed\n---\nChanged\n",
	})
	want := simulate(t, "club", "--events", cut, "--scripts", dir)
	if want.Entered["vip"] == 0 || want.Entered["gone"] == 0 || want.Moves["gone>regular"] == 0 || want.Messages["changed"] == 0 {
		t.Fatalf("the journey does not do what it is for: %+v", want)
	}
	server := fresh(t, dir)
	stagecraft(t, "journeys", "club", "live", "--server", "http://"+server.addr())
	stagecraft(t, server.importArgs(cut, "orders")...)
	if diff := cmp.Diff(want, server.figures(t, "club")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
