//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// batch sends events in one request.
func batch(t *testing.T, p *serverProcess, events ...string) {
	t.Helper()
	request, _ := http.NewRequest("POST", "http://"+p.addr()+"/v1/batch", strings.NewReader(`{"batch":[`+strings.Join(events, ",")+`]}`))
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

// exported returns what a server writes of its customers, by user ID. What is counted anew is left out, and so is the order
// of identities.
func exported(t *testing.T, p *serverProcess) map[string]string {
	t.Helper()
	stdout, stderr, code := words("export", "customers", "--server", "http://"+p.addr(), "--columns",
		"userId,anonymousId,identities,created,email,phone,tags,points,segments,stages,entered,consents,suppressions,acquired,traits,scores")
	if code != 0 {
		t.Fatal(stderr)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err, line)
		}
		identities, _ := row["identities"].([]any)
		var texts []string
		for _, identity := range identities {
			text, _ := json.Marshal(identity)
			texts = append(texts, string(text))
		}
		slices.Sort(texts)
		row["identities"] = texts
		if scores, ok := row["scores"].(map[string]any); ok { // they fade between two exports
			for name := range scores {
				scores[name] = "some"
			}
		}
		text, _ := json.Marshal(row)
		id, _ := row["userId"].(string)
		rows[id] = string(text)
	}
	return rows
}

// TestRoundTrip moves customers from one server into empty ones, as NDJSON, as CSV, and as CSV for programs: nothing of them
// is lost.
func TestRoundTrip(t *testing.T) {
	builtBinary(t)
	dir := t.TempDir()
	t.Chdir(dir)
	scripts := filepath.Join(dir, "scripts")
	writeFiles(t, scripts, clubScripts)
	writeFiles(t, scripts, map[string]string{
		"club/journey.lua": clubScripts["club/journey.lua"] + `
on("Product Viewed", function()
  score(6.25, { name = "heat" })
  score(3, { once = "first view" })
end)
on("Score Reached", function() tag("warm") end)`,
		"scores.lua":         `score { name = "heat", half_life = "14 days", thresholds = { 5 } }`,
		"segments/loyal.lua": "segment { title = \"Loyal\" }\nmember(function() return score_at_least(\"heat\", 5) end)\n",
	})
	server := fresh(t, scripts)
	server.live(t, "club")
	list := `{"userId":"bob","email":"bob@example.com","phone":"+84901234567","created":"2020-01-02T03:04:05Z","tags":["vip","a, b"],
		"traits":{"zip":"00100","old":{"plan":["x","y"]}},"consents":[{"channel":"email","topic":"news","granted":true,"at":"2024-05-01T00:00:00Z","source":"shop"},
		{"channel":"sms","granted":false,"at":"2024-05-02T00:00:00Z","source":"STOP"}],
		"suppressions":[{"channel":"email","address":"bob@old.example","reason":"bounced","at":"2023-01-01T00:00:00Z"}],
		"identities":[{"kind":"external:crm","value":"B-1"},{"kind":"email","value":"bob@old.example"}],
		"stages":[{"journey":"club","stage":"member","since":"2021-05-01T00:00:00Z"}]}`
	writeFiles(t, dir, map[string]string{"list.ndjson": strings.ReplaceAll(list, "\n", "") + "\n"})
	if stdout, stderr, code := words("import", "list.ndjson", "--customers", "--key", testKey, "--server", "http://"+server.addr()); code != 0 {
		t.Fatal(stdout, stderr)
	}
	batch(t, server,
		`{"type":"page","anonymousId":"browser-1","messageId":"1","context":{"page":{"url":"https://shop.example/a?utm_source=spring","referrer":"https://blog.example/"}}}`,
		`{"type":"identify","userId":"=ada","anonymousId":"browser-1","messageId":"2","traits":{"email":"ada@example.com","phone":"+84901112223","plan":"pro","n":7},"context":{"externalIds":[{"id":"1001","type":"shop","collection":"users"}]}}`,
		`{"type":"track","event":"Product Viewed","userId":"=ada","messageId":"3"}`,
		`{"type":"alias","userId":"=ada","previousId":"ada-before","messageId":"4"}`)
	var want map[string]string
	for deadline := time.Now().Add(2 * time.Minute); len(want) != 2 || slices.ContainsFunc([]string{"browser-1", "spring", "warm", "loyal", "ada-before"}, func(part string) bool { return !strings.Contains(want["=ada"], part) }); time.Sleep(10 * time.Millisecond) {
		if want = exported(t, server); time.Now().After(deadline) {
			t.Fatalf("they did not become one: %v", want)
		}
	}
	for who, parts := range map[string][]string{
		"=ada": {`"segments":["loyal"]`, `"heat":"some"`, `"once":"`, `"halfLife":"336h0m0s"`, `"tags":["warm"]`, `external:shop`, `"guest"`, `"source":"spring"`},
		"bob":  {`external:crm`, `"a, b"`, `"member"`, `"2021-05-01T00:00:00Z"`, `"STOP"`, `bob@old.example`},
	} {
		for _, part := range parts {
			if !strings.Contains(want[who], part) {
				t.Errorf("%s lacks %s: %s", who, part, want[who])
			}
		}
	}
	for _, file := range [][]string{{"all.ndjson"}, {"all.csv"}, {"raw.csv.gz", "--raw"}} {
		if _, stderr, code := words(append([]string{"export", "customers", "--out", file[0], "--server", "http://" + server.addr()}, file[1:]...)...); code != 0 {
			t.Fatal(stderr)
		}
		other := fresh(t, scripts)
		other.live(t, "club")
		to := []string{"import", file[0], "--customers", "--key", testKey, "--server", "http://" + other.addr()}
		if stdout, stderr, code := words(to...); code != 0 || !strings.Contains(stdout, "2 accepted") {
			t.Fatal(file, stdout, stderr)
		}
		got := exported(t, other)
		for who := range want {
			if got[who] != want[who] {
				t.Errorf("%s: the other server has\n%s\nnot\n%s", file[0], got[who], want[who])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d customers", file[0], len(got))
		}
		if stdout, _, _ := words(to...); !strings.Contains(stdout, "0 accepted, 2 duplicates") {
			t.Errorf("%s, once more: %s", file[0], stdout)
		}
		// What counts once was given before.
		batch(t, other, `{"type":"track","event":"Product Viewed","userId":"=ada","messageId":"5"}`)
		if one, _, _ := words("export", "customers", "--columns", "userId,score,scores.heat", "--format", "csv", "--server", "http://"+other.addr()); !strings.Contains(one, "'=ada,3,12.5") && !strings.Contains(one, "'=ada,3,12.4") {
			t.Errorf("%s: %s", file[0], one)
		}
	}
}

// TestEventsRoundTrip moves events from one server into empty ones, in either form: names and values are as they were.
func TestEventsRoundTrip(t *testing.T) {
	builtBinary(t)
	dir := t.TempDir()
	t.Chdir(dir)
	scripts := filepath.Join(dir, "scripts")
	writeFiles(t, scripts, clubScripts) // which are off: nothing else happens
	server := fresh(t, scripts)
	batch(t, server,
		`{"type":"identify","userId":"=E","anonymousId":"-rt4","messageId":"1","timestamp":"2026-01-02T03:04:05Z","traits":{"plan":"pro","city":"=Hue","old":{"a":[1]}}}`,
		`{"type":"track","event":"+Order, \"big\"","userId":"=E","messageId":"2","timestamp":"2026-01-02T03:04:06Z","properties":{"total":12.50,"code":"00001","n":"5","note":"'=x","list":[{"sku":"a,b"}]},"context":{"ip":"192.0.2.1"}}`,
		`{"type":"page","anonymousId":"@eve","messageId":"3","timestamp":"2026-01-02T03:04:07Z","properties":{"url":"https://shop.example/"}}`)
	events := func(p *serverProcess) string {
		stdout, stderr, code := words("export", "events", "--columns", "userId,anonymousId,messageId,type,event,timestamp,properties,traits,context", "--server", "http://"+p.addr())
		if code != 0 {
			t.Fatal(stderr)
		}
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	export := func(file string, more ...string) {
		if _, stderr, code := words(append([]string{"export", "events", "--out", file, "--server", "http://" + server.addr()}, more...)...); code != 0 {
			t.Fatal(stderr)
		}
	}
	want := events(server)
	if strings.Count(want, "\n") != 2 {
		t.Fatalf("there are %s", want)
	}
	for _, file := range [][]string{{"all.csv"}, {"raw.csv.gz", "--raw"}, {"all.ndjson"}} {
		export(file[0], file[1:]...)
		other := fresh(t, scripts)
		if stdout, stderr, code := words("import", file[0], "--history", "--key", testKey, "--server", "http://"+other.addr()); code != 0 || !strings.Contains(stdout, "3 accepted") {
			t.Fatal(file, stdout, stderr)
		}
		if got := events(other); got != want {
			t.Errorf("%s: the other server has\n%s\nnot\n%s", file[0], got, want)
		}
	}
}

// TestTextsRoundTrip moves texts of all signs that mean something to spreadsheets: none is a formula, whatever separates cells, and
// each comes back as it was.
func TestTextsRoundTrip(t *testing.T) {
	builtBinary(t)
	dir := t.TempDir()
	t.Chdir(dir)
	scripts := filepath.Join(dir, "scripts")
	writeFiles(t, scripts, clubScripts)
	server := fresh(t, scripts)
	signs, random := []string{"=", "-", "＝", "'", `"`, ";", "\t", "\n", "\r", " ", "a"}, rand.New(rand.NewPCG(1, 2))
	var events []string
	for i := range 500 {
		note := ""
		for range 1 + random.IntN(8) {
			note += signs[random.IntN(len(signs))]
		}
		text, _ := json.Marshal(note)
		events = append(events, fmt.Sprintf(`{"type":"track","event":"E","userId":"u","messageId":"%d","properties":{"note":%s}}`, i, text))
	}
	batch(t, server, events...)
	notes := func(p *serverProcess) []string {
		stdout, stderr, code := words("export", "events", "--columns", "messageId,properties.note", "--server", "http://"+p.addr())
		if code != 0 {
			t.Fatal(stderr)
		}
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		slices.Sort(lines)
		return lines
	}
	if _, stderr, code := words("export", "events", "--columns", "userId,messageId,type,event,timestamp,properties.note", "--out", "all.csv", "--server", "http://"+server.addr()); code != 0 {
		t.Fatal(stderr)
	}
	table, _ := os.ReadFile("all.csv")
	for _, cell := range strings.FieldsFunc(string(table), func(sign rune) bool { return strings.ContainsRune(";\t\r\n", sign) }) {
		if bare := strings.TrimLeft(cell, `"`); strings.HasPrefix(bare, "=") || strings.HasPrefix(bare, "-") || strings.HasPrefix(bare, "＝") {
			t.Errorf("%q may be a formula", cell)
		}
	}
	other := fresh(t, scripts)
	if stdout, stderr, code := words("import", "all.csv", "--history", "--key", testKey, "--server", "http://"+other.addr()); code != 0 || !strings.Contains(stdout, "500 accepted") {
		t.Fatal(stdout, stderr)
	}
	want, got := notes(server), notes(other)
	if len(want) != 500 || len(got) != 500 {
		t.Fatalf("%d and %d events", len(want), len(got))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s is not %s", got[i], want[i])
		}
	}
}
