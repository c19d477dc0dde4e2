package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// A customer's name does nothing to the terminal on which it is shown, however it is cut into writes.
func TestTerminalsAreLeftAlone(t *testing.T) {
	for text, want := range map[string]string{
		"ada\tĐà Nẵng\r\n":                "ada\tĐà Nẵng\r\n",
		"\x1b[31mred\x1b[0m":              "?[31mred\x1b[0m", // the code that ends our colours is ours
		"\x1b]0;title\x07\x1b[2J":         "?]0;title??[2J",
		"a\rb\x08\x7f":                    "a?b??",
		"\u009b31m \u202etxt.exe\u2066 x": "?31m ?txt.exe? x",
		"\xff\xc2":                        "?", // half a rune waits for its end
	} {
		var whole, cut bytes.Buffer
		if n, err := cli.Plain(&whole).Write([]byte(text)); err != nil || n != len(text) {
			t.Fatal(n, err)
		}
		if whole.String() != want {
			t.Errorf("%q becomes %q, not %q", text, whole.String(), want)
		}
		if strings.ContainsAny(text, "\x1b\r") {
			continue
		}
		pieces := cli.Plain(&cut)
		for i := range len(text) {
			if _, err := pieces.Write([]byte(text[i : i+1])); err != nil {
				t.Fatal(err)
			}
		}
		if cut.String() != want {
			t.Errorf("%q in pieces becomes %q, not %q", text, cut.String(), want)
		}
	}
}
