//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app"
)

// testedShop writes a scripts folder with one journey and its tests.
func testedShop(t *testing.T, stage, tests string) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"shop/journey.lua":                    `journey { title = "Shop", stages = { "new", "old" }, moves = { new = { "old" } } }`,
		"shop/new.lua":                        stage,
		"shop/old.lua":                        `stage { title = "Old" }`,
		"shop/messages/hello.email.liquid":    "---\nsubject: Hello\n---\nHello\n",
		"shop/messages/reminder.email.liquid": "---\nsubject: Do not forget\n---\nHello\n",
		"shop/shop_test.lua":                  tests,
	})
	return dir
}

const (
	shopStage = "stage { title = \"New\" }\non(\"Order\", function(customer, event)\n  send \"hello\"\n  wait \"10 days\"\n  send \"reminder\"\nend)\n"
	shopTests = `describe("orders", function()
  it("are greeted", function()
    local c = customer { email = "a@b.vn" }
    c:track "Order"
    expect(c).to.have.received("hello")
  end)
  it("are not reminded", function()
    local c = customer { email = "a@b.vn" }
    c:track "Order"
    advance "11 days"
    expect(c).to_not.have.received("reminder")
  end)
end)
`
)

func TestTestPrintsWhatFailed(t *testing.T) {
	dir := testedShop(t, shopStage, shopTests)
	out, errs, code := verb(t, "test", dir)
	if code != 1 || errs != "" {
		t.Errorf("exit %d, %q", code, errs)
	}
	for _, want := range []string{"FAIL  shop", "✗ orders › are not reminded\n      " + filepath.Join(dir, "shop", "shop_test.lua") + ":11: expected not reminder among the messages received",
		`11 |     expect(c).to_not.have.received("reminder")`, "expected  not reminder", "actual    hello, reminder", "2026-01-15 09:00  a timer", "1 case passed, 1 failed"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "are greeted") {
		t.Errorf("what passes is not listed:\n%s", out)
	}
	// One journey's folder, one case.
	if out, _, code = verb(t, "test", filepath.Join(dir, "shop"), "--run", "GREETED", "-v"); code != 0 || !strings.Contains(out, "✓ orders › are greeted") || strings.Contains(out, "reminded") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if out, _, code = verb(t, "test", dir, "--run", "nothing like it"); code != 1 || !strings.Contains(out, "no case") {
		t.Errorf("exit %d\n%s", code, out)
	}
	out, _, code = verb(t, "test", dir, "--json")
	var result struct {
		Passed, Failed int
		Results        []struct {
			Name    string
			Failure *struct {
				File string
				Line int
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 1 || result.Passed != 1 || result.Failed != 1 || len(result.Results) != 2 ||
		result.Results[1].Failure.File != "shop/shop_test.lua" || result.Results[1].Failure.Line != 11 {
		t.Errorf("exit %d, %v, %s", code, err, out)
	}
	if _, errs, code = verb(t, "test", t.TempDir()); code != 1 || !strings.Contains(errs, "has no journey") {
		t.Errorf("a folder without journeys: exit %d, %s", code, errs)
	}
}

func TestTestOfABrokenJourney(t *testing.T) {
	dir := testedShop(t, "stage { title = \"New\" }\non(\"Order\" function() end)\n", shopTests)
	if out, _, code := verb(t, "test", dir); code != 1 || !strings.Contains(out, "shop/new.lua:2") || !strings.Contains(out, "the journey cannot run") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestTheBuiltInJourneysPass runs the tests that ship.
func TestTheBuiltInJourneysPass(t *testing.T) {
	out, errs, code := verb(t, "test", filepath.Join("..", "..", "scripts"), "-v")
	if code != 0 || !strings.Contains(out, "customer-lifecycle") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

func TestDiffOfTwoVersions(t *testing.T) {
	old, new := testedShop(t, shopStage, ""), testedShop(t, strings.ReplaceAll(shopStage, "10 days", "20 days"), "")
	events := filepath.Join(t.TempDir(), "events.ndjson")
	rows := `{"type":"track","event":"Order","userId":"ada","timestamp":"2026-01-01T00:00:00Z"}
{"type":"track","event":"Order","userId":"bob","timestamp":"2026-01-20T00:00:00Z"}
{"type":"track","event":"Visit","userId":"eve","timestamp":"2026-01-20T00:00:00Z"}
`
	if err := os.WriteFile(events, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"simulate", "--diff", filepath.Join(old, "shop"), filepath.Join(new, "shop"), "--events", events, "--until", "2026-02-01T00:00:00Z"}
	out, errs, code := verb(t, args...)
	if code != 0 || errs != "" {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"3 events of 3 customers", "reminder                                            2            1           -1",
		"Something else would have become of 2 customers.", "- 2026-01-11 00:00  a timer\n+ 2026-01-21 00:00  a timer\n                    message reminder", app.DiffNote} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	out, _, code = verb(t, append(args, "--json", "--examples", "1")...)
	var result app.DiffResult
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 || result.Differ != 2 || len(result.Examples) != 1 || len(result.Changes) != 1 {
		t.Errorf("exit %d, %v, %s", code, err, out)
	}
	args[3] = args[2]
	if out, _, code = verb(t, args...); code != 0 || !strings.Contains(out, "Nothing changes") {
		t.Errorf("a version and itself: exit %d\n%s", code, out)
	}
	for _, wrong := range [][]string{
		{"simulate", "--diff", args[2], "--events", events}, {"simulate", "--diff", args[2], filepath.Join(old, "nowhere"), "--events", events},
		{"simulate", "shop"}, {"simulate", args[2], args[3], "--events", events}, {"simulate", "--diff", args[2], args[3], "--events", events, "--stored"},
	} {
		if _, errs, code := verb(t, wrong...); code != 1 || errs == "" {
			t.Errorf("%v: exit %d, %q", wrong, code, errs)
		}
	}
}

// TestDiffOverRealOrders compares versions of customer-lifecycle over a part of CDNOW, with the built-in one by its name.
func TestDiffOverRealOrders(t *testing.T) {
	new := filepath.Join(t.TempDir(), "customer-lifecycle")
	if err := os.CopyFS(new, os.DirFS(filepath.Join("..", "..", "scripts", "customer-lifecycle"))); err != nil {
		t.Fatal(err)
	}
	stage := filepath.Join(new, "single-purchase.lua")
	text, err := os.ReadFile(stage)
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(stage, bytes.ReplaceAll(text, []byte(`wait "30 days"`), []byte(`wait "14 days"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	until := "1998-07-01T00:00:00Z"
	out, errs, code := verb(t, append([]string{"simulate", "--diff", "customer-lifecycle", new, "--json", "--events", cut, "--until", until}, mapping...)...)
	var result app.DiffResult
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 {
		t.Fatalf("exit %d, %v, %s", code, err, errs)
	}
	before := simulate(t, "customer-lifecycle", "--events", cut, "--until", until)
	after := simulate(t, "customer-lifecycle", "--scripts", filepath.Dir(new), "--events", cut, "--until", until)
	if len(result.Changes) != 1 || result.Changes[0].Name != "second-order" || result.Changes[0].Old != before.Messages["second-order"] ||
		result.Changes[0].New != after.Messages["second-order"] || result.Changes[0].New <= result.Changes[0].Old {
		t.Errorf("%+v, simulated apart %v and %v", result.Changes, before.Messages, after.Messages)
	}
	if int64(result.Differ) < result.Changes[0].New-result.Changes[0].Old || int64(result.Differ) > result.Customers || len(result.Examples) != 3 {
		t.Errorf("%d of %d customers differ, %d shown", result.Differ, result.Customers, len(result.Examples))
	}
}

// TestDiffOfWhatAServerHasStored reads the history of a running server over HTTP.
func TestDiffOfWhatAServerHasStored(t *testing.T) {
	old, new := testedShop(t, shopStage, ""), testedShop(t, strings.ReplaceAll(shopStage, "send \"hello\"", "move \"old\""), "")
	data := filepath.Join(t.TempDir(), "data")
	server := startServer(t, data, old)
	for _, body := range []string{`{"event":"Order","userId":"ada","messageId":"1"}`, `{"event":"Visit","userId":"bob","messageId":"2"}`, `{"event":"Order","anonymousId":"x","messageId":"3"}`} {
		w, err := dialWire(server.addr())
		if err != nil {
			t.Fatal(err)
		}
		if status, err := w.post(request("/v1/track", []byte(body))); err != nil || status != 200 {
			t.Fatalf("%d %v", status, err)
		}
		w.close()
	}
	out, errs, code := verb(t, "simulate", "--diff", filepath.Join(old, "shop"), filepath.Join(new, "shop"), "--stored", "--data", data, "--json",
		"--until", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	var result app.DiffResult
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 {
		t.Fatalf("exit %d, %v, %s", code, err, errs)
	}
	if result.Events != 3 || result.Customers != 3 || result.Differ != 2 {
		t.Errorf("%+v", result)
	}
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
}
