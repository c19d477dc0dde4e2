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

// A row in another encoding is among the rejects byte for byte: once the letters are turned into UTF-8 it is imported from there.
func TestRejectsKeepTheirBytes(t *testing.T) {
	latin := strings.NewReplacer("é", "\xe9", "ü", "\xfc").Replace
	for ending, text := range map[string]string{
		"csv":    "id,date,what\nJosé,1997-12-01,\"a \"\"b\"\" ü\"\n\"Né,1,2\n",
		"ndjson": `{"id":"ada","date":"1997-12-01","what":"X"}` + "\n" + `{"id":"José","date":"1997-12-01","what":"a \"b\" ü"}` + "\n" + `Né "\` + "\n",
	} {
		t.Run(ending, func(t *testing.T) {
			ledger, server := newLedger(t)
			t.Chdir(t.TempDir())
			bring := func(file, text string) (stdout, stderr string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				stdout, stderr, _ = run(t, t.Context(), cli.ImportFlags{File: file, Map: []string{"userId=id", "timestamp=date", "event=what"}, History: true, Workers: 1,
					Server: server.URL, Key: "key"}, "")
				return stdout, stderr
			}
			name := "orders one.csv" // the one that the ledger knows; what it has tells its form
			if stdout, stderr := bring(name, latin(text)); !strings.Contains(stdout, "2 rejected") {
				t.Fatal(stdout, stderr)
			}
			rejects, err := os.ReadFile(name + ".rejects." + ending)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(rejects), "Jos\xe9") || !strings.Contains(string(rejects), "N\xe9") || strings.Contains(string(rejects), "\uFFFD") {
				t.Errorf("%q", rejects)
			}
			mended := strings.NewReplacer("\xe9", "é", "\xfc", "ü").Replace(string(rejects))
			if stdout, stderr := bring(name+".rejects."+ending, mended); !strings.Contains(stdout, "1 accepted") {
				t.Errorf("%s %s %v", stdout, stderr, ledger)
			}
		})
	}
}
