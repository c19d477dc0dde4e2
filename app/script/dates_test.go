package script_test

import (
	"os"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/app/script"
)

// The helper that docs/scripting.md shows finds the day before, over the ends of months and years.
func TestTheDayBeforeOfTheDocs(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "    -- lib/dates.lua\n")
	helper, _, found := strings.Cut(rest, "    -- a stage\n")
	if !found {
		t.Fatal("the page does not show it")
	}
	for date, want := range map[string]string{"2026-06-15": "2026-06-14", "2026-03-01": "2026-02-28", "2028-03-01T10:00:00Z": "2028-02-29", "2100-03-01": "2100-02-28", "2026-01-01": "2025-12-31", "2026-08-01": "2026-07-31"} {
		p := compile(t, journey(`enter(function() wait_until(use("lib/dates").day_before("`+date+`") .. " 18:00") end)`, "lib/dates.lua", helper))
		result, err := p.Run(script.Call{Handler: "one.lua#1", Stage: "one", Customer: customer(), Now: noon, Run: lifecycle.HashID("run")})
		if err != nil || !strings.Contains(strings.ToLower(result.Journal[len(result.Journal)-1].Arg), want+" 18:00") {
			t.Errorf("the day before %s: %+v, %v", date, result, err)
		}
	}
}
