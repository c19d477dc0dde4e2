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
		"'=1": true, "": false, "a=1": false, "'": false, "ada@example.com": false, "…": false,
	} {
		export, figures := web.CellOf(text)
		if strings.HasPrefix(strings.TrimPrefix(export, `"`), "'") != (formula || text == "'") || strings.HasPrefix(figures, "'") != (formula || text == "'") {
			t.Errorf("%q is written as %q and %q", text, export, figures)
		}
	}
}

// Nor is a part of one where a spreadsheet separates cells by something else than a comma, and the text can be had back.
func TestCellsWithOtherSeparators(t *testing.T) {
	for text, want := range map[string]string{
		"a;=1+1;@x": "a;'=1+1;'@x", "a\t=1": "a\t'=1", "a\n-1": "a\n'-1", "a;'=1": "a;''=1", "=1;=2": "'=1;'=2", "a; b;c": "a; b;c", ";;＝1": ";;'＝1", "a;\r\n=1": "a;\r\n'=1",
		`a;"=1+1;b`: `a;'"=1+1;b`, `a;'"'=1`: `a;''"'=1`, "a\n\"\"-1": "a\n'\"\"-1", `"=1;b`: `'"=1;b`, `a;"b"`: `a;"b"`,
	} {
		if export, figures := web.CellOf(text); export != `"`+strings.ReplaceAll(want, `"`, `""`)+`"` || figures != want {
			t.Errorf("%q is written as %q and %q", text, export, figures)
		}
	}
	if got, want := web.JSONCell(`{"a":";=1;b;-2;'=3;'c"}`), `"{""a"":""\u003b=1;b\u003b-2\u003b'=3;'c""}"`; got != want {
		t.Errorf("JSON is written as %s, not %s", got, want)
	}
}
