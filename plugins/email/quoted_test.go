package email_test

import (
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"

	"stagecraft/plugins/email"
)

// FuzzQuote reads back what was quoted: nothing but line breaks may have changed, no line is too long or ends with white
// space, and no boundary can be in it.
func FuzzQuote(f *testing.F) {
	for _, text := range []string{"", "plain", "a=b", "trailing \nspace\t\r\n", " ", "\r\r\n\n", strings.Repeat("x", 200), strings.Repeat("é", 60),
		strings.Repeat("word ", 40), strings.Repeat(" ", 80), ".\n.\n", "=_boundary", "\x00\xff", strings.Repeat("x", 74) + " y", strings.Repeat("x", 75)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := email.Quote(text)
		for line := range strings.SplitSeq(quoted, "\r\n") {
			if len(line) > 76 || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("the line %q", line)
			}
		}
		if strings.Contains(quoted, "=_") {
			t.Errorf("%q", quoted)
		}
		back, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(quoted)))
		want := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n", "\r\n")
		if err != nil || string(back) != want {
			t.Errorf("%q became %q, which reads as %q, %v", text, quoted, back, err)
		}
	})
}
