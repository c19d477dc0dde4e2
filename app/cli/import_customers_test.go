//go:build unix

package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// words runs a verb in this process and returns what it printed and its exit code.
func words(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = cli.Main("test", args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

var clubScripts = map[string]string{
	"club/journey.lua": `journey { title = "Club", stages = { "guest", "member", "gone" }, moves = { guest = { "member" }, member = { "gone" }, gone = { "member" } } }`,
	"club/guest.lua":   "stage { title = \"Guest\" }\nenter(function() send \"hello\" end)\n",
	"club/member.lua": `stage { title = "Member" }
enter(function() send "hello" end)
idle("Order Completed", "180 days", function() move "gone" end)
`,
	"club/gone.lua":                    "stage { title = \"Gone\" }\nenter(function() send \"hello\" end)\non(\"Order Completed\", function() move \"member\" end)\n",
	"club/messages/hello.email.liquid": "---\nsubject: Hello\nkind: transactional\n---\nHello\n",
}

// Numbers as people write them within the country of the calling code name customers like international ones do.
func TestNumbersOfTheCallingCode(t *testing.T) {
	builtBinary(t) // which is built from where the tests begin
	t.Chdir(t.TempDir())
	server := fresh(t, "", "STAGECRAFT_CALLING_CODE=84")
	list := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("phone,city\n090 123 45 67,Hanoi\n+84 (90) 123-45-67,Hue\n901234567,Vinh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "http://" + server.addr()
	stdout, stderr, _ := words("import", list, "--source", "crm", "--customers", "--key", testKey, "--server", at)
	if !strings.Contains(stdout, "2 accepted, 0 duplicates, 1 rejected") || !strings.Contains(stderr, "901234567") {
		t.Fatal(stdout, stderr)
	}
	for _, number := range []string{"+84901234567", "0901234567"} {
		if stdout, stderr, code := words("customers", "show", number, "--data", server.Data, "--server", at); code != 0 || !strings.Contains(stdout, `"Hue"`) {
			t.Errorf("%s: %s %s", number, stdout, stderr)
		}
	}
}

// A row of which a yes was left out is taken and among the rejects, and taken again from there; the file that is read is left alone.
func TestAYesThatIsLeftOutIsAmongTheRejects(t *testing.T) {
	builtBinary(t) // which is built from where the tests begin
	t.Chdir(t.TempDir())
	server := fresh(t, "")
	const list = "No,Viber,Mails\n1,yes,no\n2,no,no\n"
	if err := os.WriteFile("crm.csv", []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	bring := func(file string, more ...string) (string, string) {
		stdout, stderr, _ := words(append([]string{"import", file, "--source", "crm", "--customers", "--key", testKey, "--server", "http://" + server.addr(),
			"--map", "userId=No", "--map", "consent.viber=Viber", "--map", "consent.email=Mails"}, more...)...)
		return stdout, stderr
	}
	if stdout, stderr := bring("crm.csv"); !strings.Contains(stdout, "2 accepted, 0 duplicates, 1 rejected") || !strings.Contains(stderr, "its yes is left out") {
		t.Fatal(stdout, stderr)
	}
	rejects, err := os.ReadFile("crm.rejects.csv")
	if err != nil || !strings.HasSuffix(string(rejects), ",1,yes,no\n") {
		t.Fatalf("%s %v", rejects, err)
	}
	if stdout, stderr := bring("crm.rejects.csv"); !strings.Contains(stdout, "1 accepted, 0 duplicates, 1 rejected") || !strings.Contains(stderr, "crm.rejects-2.csv") {
		t.Error(stdout, stderr)
	}
	if left, _ := os.ReadFile("crm.rejects.csv"); string(left) != string(rejects) {
		t.Errorf("the file that was read is now %s", left)
	}
	if _, stderr := bring("crm.csv", "--rejects", "crm.csv"); !strings.Contains(stderr, "is the file that is read") {
		t.Error(stderr)
	}
	stdout, _, _ := words("export", "customers", "--format", "ndjson", "--columns", "userId,consents", "--server", "http://"+server.addr())
	if strings.Contains(stdout, `"channel":"viber","granted":true`) || strings.Count(stdout, `"channel":"email","granted":false`) != 2 ||
		strings.Count(stdout, `"channel":"viber","granted":false`) != 1 {
		t.Errorf("what is kept: %s", stdout)
	}
}

// TestMovingIn brings a list of customers in, where they are, with what they said, and takes everything out again.
func TestMovingIn(t *testing.T) {
	builtBinary(t) // which is built from where the tests begin
	dir := t.TempDir()
	t.Chdir(dir)
	scripts := filepath.Join(dir, "scripts")
	writeFiles(t, scripts, clubScripts)
	server := fresh(t, scripts)
	server.live(t, "club")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, "No,Mail,Name,Level,Since,State,Labels\n"+
		"1,ada@example.com,Ada,Gold,2020-05-01,subscribed,\"vip, spring\"\n"+
		"2,bob@example.com,=cmd(),Gold,2024-05-01,unsubscribed,\n"+
		"3,cleo@example.com,Cleo,Silver,2024-05-01,cleaned,vip\n"+
		"4,not an address,Dan,Gold,2024-05-01,subscribed,\n"+
		"5,eve@example.com,Eve,Platinum,2024-05-01,subscribed,\n"+
		"6,fay@example.com,Fay,Gold,2024-05-01,strange,\n"+
		"7,gus@example.com,+84 1,,,subscribed,\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("crm.csv.gz", packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	at := []string{"--server", "http://" + server.addr()}
	begin := append([]string{"import", "crm.csv.gz", "--place", "Level", "--journey", "club", "--since", "Since", "--stage", "Gold=member", "--stage", "Silver=gone",
		"--map", "userId=No", "--map", "email=Mail", "--map", "traits.name=Name", "--map", "status=State", "--map", "tags=Labels", "--save", "crm", "--key", testKey}, at...)

	stdout, stderr, code := words(append(begin, "--dry-run")...)
	for _, want := range []string{"crm: 7 rows; nothing was changed", "       4 about customers who are not there yet", "       3 bad, which would be rejected",
		"       2 club: member", "       1 club: gone", "       2 granted", "       1 refused", "       1 bounced",
		`bad: crm.csv.gz:5: email "not an address" is not a mail address`, `the journey club has no stage "Platinum"; it has guest, member, gone`, `crm.csv.gz:7: status "strange" is not known`} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the dry run lacks %q", want)
		}
	}
	if code != 1 || !strings.Contains(stderr, "3 rows would be rejected") {
		t.Errorf("the dry run: code %d, %s", code, stderr)
	}
	if t.Failed() {
		t.Log(stdout)
	}
	if o, err := server.overview(); err != nil || o.journey("club").Customers != 0 {
		t.Errorf("a dry run changed something: %v", err)
	}

	// The mapping was saved, so that the name alone is enough.
	stdout, stderr, code = words(append([]string{"import", "crm.csv.gz", "--source", "crm", "--key", testKey}, at...)...)
	if code != 1 || !strings.Contains(stdout, "4 accepted, 0 duplicates, 3 rejected") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
	if text, err := os.ReadFile("crm.rejects.csv"); err != nil || strings.Count(string(text), "\n") != 4 || !strings.Contains(string(text), "Platinum") {
		t.Errorf("the rejects: %s %v", text, err)
	}
	o, err := server.overview()
	if err != nil {
		t.Fatal(err)
	}
	club := o.journey("club")
	if club.Customers != 3 || club.Stages[0].Customers != 0 || club.Stages[1].Customers != 2 || club.Stages[2].Customers != 1 {
		t.Errorf("the stages hold %+v", club.Stages)
	}
	if decided, _, _, _ := club.message("hello"); decided != 0 || len(club.Moves) > 0 && club.Moves[0].Count > 0 {
		t.Errorf("moving in made %d messages and the moves %+v", decided, club.Moves)
	}
	if stdout, _, _ = words(append([]string{"import", "crm.csv.gz", "--source", "crm", "--key", testKey}, at...)...); !strings.Contains(stdout, "0 accepted, 4 duplicates, 3 rejected") {
		t.Errorf("once more: %s", stdout)
	}

	// What is there comes out again.
	stdout, stderr, code = words(append([]string{"export", "customers", "--format", "csv", "--columns", "userId,traits.name,email,tags,stages.club,entered.club,consents,suppressions"}, at...)...)
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || code != 0 || len(rows) != 5 {
		t.Fatal(err, code, stdout, stderr)
	}
	got := map[string][]string{}
	for _, row := range rows[1:] {
		got[row[0]] = row
	}
	if ada := got["1"]; ada[1] != "Ada" || ada[3] != "spring, vip" || ada[4] != "member" || ada[5] != "2020-05-01T00:00:00Z" || !strings.Contains(ada[6], `"granted":true`) || !strings.Contains(ada[6], `"source":"crm"`) {
		t.Errorf("Ada: %q", ada)
	}
	if bob := got["2"]; bob[1] != "'=cmd()" || !strings.Contains(bob[6], `"granted":false`) {
		t.Errorf("Bob: %q", bob)
	}
	if cleo := got["3"]; cleo[4] != "gone" || !strings.Contains(cleo[7], `"address":"cleo@example.com","reason":"bounced"`) {
		t.Errorf("Cleo: %q", cleo)
	}
	if gus := got["7"]; gus[1] != "'+84 1" || gus[4] != "" {
		t.Errorf("Gus: %q", gus)
	}

	// The export of one server is the import of another.
	if _, stderr, code = words(append([]string{"export", "customers", "--out", "all.ndjson.gz"}, at...)...); code != 0 || !strings.Contains(stderr, "all.ndjson.gz: 4 rows") {
		t.Fatal(code, stderr)
	}
	other := fresh(t, scripts)
	other.live(t, "club")
	if stdout, stderr, code = words("import", "all.ndjson.gz", "--customers", "--key", testKey, "--server", "http://"+other.addr()); code != 0 || !strings.Contains(stdout, "4 accepted") {
		t.Fatal(code, stdout, stderr)
	}
	again, _, _ := words("export", "customers", "--format", "csv", "--columns", "userId,traits.name,email,tags,stages.club,entered.club,suppressions", "--server", "http://"+other.addr())
	want, _, _ := words(append([]string{"export", "customers", "--format", "csv", "--columns", "userId,traits.name,email,tags,stages.club,entered.club,suppressions"}, at...)...)
	if again != want {
		t.Errorf("the other server has\n%swant\n%s", again, want)
	}

	// Only an event makes something happen.
	post(t, server, `{"userId":"3","event":"Order Completed","messageId":"o1"}`)
	events, _, _ := words(append([]string{"export", "events", "--event", "Order Completed", "--format", "csv", "--columns", "userId,event,messageId"}, at...)...)
	if events != "userId,event,messageId\r\n3,Order Completed,o1\r\n" {
		t.Errorf("the events: %q", events)
	}
	decisions, _, _ := words(append([]string{"export", "decisions", "--journey", "club", "--format", "csv", "--columns", "userId,kind,from,to,name"}, at...)...)
	for _, line := range []string{"3,placed,,gone,crm", "3,moved,gone,member,"} {
		if !strings.Contains(decisions, line) {
			t.Errorf("the decisions lack %q:\n%s", line, decisions)
		}
	}
	messages, _, _ := words(append([]string{"export", "messages", "--columns", "user,name,stage"}, at...)...)
	if messages != `{"user":"3","name":"hello","stage":"member"}`+"\n" {
		t.Errorf("the messages: %s", messages)
	}

	for _, bad := range []struct {
		args []string
		want string
	}{
		{[]string{"import", "crm.csv.gz", "--place", "Level", "--key", testKey}, "--journey NAME"},
		{[]string{"import", "crm.csv.gz", "--since", "Level", "--key", testKey}, "--place"},
		{[]string{"import", "crm.csv.gz", "--customers", "--history", "--key", testKey}, "--history is for events"},
		{[]string{"export", "events", "--columns", "traits"}, ""},
		{[]string{"export", "customers", "--columns", "plan"}, "have no column"},
		{[]string{"export", "customers", "--from", "2024-01-01"}, "as they are now"},
		{[]string{"export", "messages", "--event", "Order Completed", "--out", "crm.csv.gz"}, "--event: it is for events alone"},
		{[]string{"export", "events", "--journey", "club"}, "--journey: it is for messages and decisions alone"},
	} {
		_, stderr, code := words(append(bad.args, at...)...)
		if (bad.want != "") != (code != 0) || !strings.Contains(stderr, bad.want) {
			t.Errorf("%v: code %d, %s", bad.args, code, stderr)
		}
	}
}
