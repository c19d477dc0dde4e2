package cli_test

import (
	"testing"

	"stagecraft/app/cli"
)

// An import gives back what an export has written, whatever apostrophes stood there before.
func TestUnguarded(t *testing.T) {
	for cell, want := range map[string]string{
		"'=1": "=1", "''=1": "'=1", "a;'=1+1;'@x": "a;=1+1;@x", "a;''=1": "a;'=1", "'\t'=1": "\t=1", "a\r\n'-1": "a\r\n-1", ";;'＝1": ";;＝1",
		`a;'"=1`: `a;"=1`, `''"'=1`: `'"'=1`, "a\n'\"\"-1": "a\n\"\"-1", "'\"\t": "\"\t", `a;'"b`: `a;'"b`,
		"": "", "'": "'", "'a'": "'a'", "it's; 'so'": "it's; 'so'", "a'=1": "a'=1", "a;'\n": "a;'\n", "'\n": "\n",
		`{"a":"\u003b'=1;'b"}`: `{"a":"\u003b'=1;'b"}`,
	} {
		if got := cli.Unguarded(cell); got != want {
			t.Errorf("%q is read as %q, not %q", cell, got, want)
		}
	}
}
