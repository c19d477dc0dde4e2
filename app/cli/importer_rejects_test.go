package cli_test

import (
	"os"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// A file of bad rows belongs to the source that they are from, also without --source, and what is still bad goes to the next one.
func TestRejectsBelongToTheirSource(t *testing.T) {
	for _, form := range []struct{ ending, bad string }{
		{"csv", "id,date,what\nb,1997-13-01,X\n"},
		{"ndjson", `{"id":"b","date":"1997-13-01","what":"X"}` + "\n"},
	} {
		t.Run(form.ending, func(t *testing.T) {
			_, server := newLedger(t)
			t.Chdir(t.TempDir())
			name := "orders one.csv" // the one that the ledger knows; what it has tells its form
			if err := os.WriteFile(name, []byte(form.bad), 0o600); err != nil {
				t.Fatal(err)
			}
			bring := func(file string) (stdout, stderr string) {
				stdout, stderr, _ = run(t, t.Context(), cli.ImportFlags{File: file, Map: []string{"userId=id", "timestamp=date", "event=what"}, History: true, Workers: 1,
					Server: server.URL, Key: "key"}, "")
				return stdout, stderr
			}
			read := name
			for _, to := range []string{".rejects.", ".rejects-2.", ".rejects-3."} {
				stdout, stderr := bring(read)
				if read = name + to + form.ending; !strings.Contains(stdout, name+": 1 row in ") || !strings.Contains(stderr, "see "+read+" for") {
					t.Fatalf("%s: %s %s", read, stdout, stderr)
				}
			}
			text, err := os.ReadFile(read)
			if err != nil {
				t.Fatal(err)
			}
			at := strings.LastIndex(string(text), "1997-13-01") // the row's own; the reason has it too
			if err = os.WriteFile(read, []byte(string(text[:at])+"1997-12-01"+string(text[at+10:])), 0o600); err != nil {
				t.Fatal(err)
			}
			if stdout, stderr := bring(read); !strings.Contains(stdout, name+": 1 row in ") || !strings.Contains(stdout, "1 accepted") {
				t.Errorf("mended: %s %s", stdout, stderr)
			}
		})
	}
}
