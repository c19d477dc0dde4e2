package web_test

import (
	"strings"
	"testing"

	"stagecraft/app/web"
)

// No text that somebody has made up is a formula in a spreadsheet.
func TestCellsAreNoFormulas(t *testing.T) {
	for text, formula := range map[string]bool{
		"=1+1": true, "+1": true, "-1": true, "@SUM(A1)": true, "\t=1": true, "\r=1": true, "\n=1": true, "＝1": true, "＋1": true, "－1": true, "＠A1": true,
		"": false, "a=1": false, "'": false, "ada@example.com": false, "…": false,
	} {
		export, figures := web.CellOf(text)
		if strings.HasPrefix(strings.TrimPrefix(export, `"`), "'") != (formula || text == "'") || strings.HasPrefix(figures, "'") != (formula || text == "'") {
			t.Errorf("%q is written as %q and %q", text, export, figures)
		}
	}
}
