//go:build unix

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exportsOfTools are exports with the columns that these tools write, and rows that nobody is in.
var exportsOfTools = map[string]string{
	"subscribed.csv": `"Email Address","First Name","Last Name",Address,"Phone Number",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS
mc-form@example.com,Ada,Byron,,,4,"2023-01-02 03:04:05",192.0.2.1,"2023-01-02 03:05:06",192.0.2.1,,,0,0,Europe/Berlin,DE,BE,"2024-01-01 00:00:00",1001,aaa1,,"""VIP"",""Berlin, east"""
mc-list@example.com,Bob,,,,2,,,"2022-05-06 07:08:09",192.0.2.2,,,,,,,,"2022-05-06 07:08:09",1002,aaa2,,
`,
	"unsubscribed.csv": `"Email Address","First Name","Last Name",Address,"Phone Number",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS
mc-gone@example.com,Cleo,,,,2,,,"2022-05-06 07:08:09",,,,,,,,,"2024-02-03 04:05:06",March,c1,"NORMAL",,1003,aaa3,,"""VIP"""
mc-admin@example.com,Dan,,,,2,,,"2022-05-06 07:08:09",,,,,,,,,,,,,,1004,aaa4,,
`,
	"cleaned.csv": `"Email Address","First Name","Last Name",Address,"Phone Number",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS
mc-dead@example.com,Eve,,,,1,,,"2022-05-06 07:08:09",,,,,,,,,"2023-09-10 11:12:13",April,c2,1005,aaa5,,
`,
	"nonsubscribed.csv": `"Email Address","First Name","Last Name",MEMBER_RATING,LAST_CHANGED,LEID,EUID,NOTES,TAGS
mc-shop@example.com,Fay,,2,"2024-01-01 00:00:00",1006,aaa6,,"""buyer"""
`,
	"subscribers.csv": `uuid,email,name,attributes,status,created_at,updated_at
5e91dda1-1c16-467d-9bf9-2a21bf22ae21,lm-on@example.com,Gus Green,"{""city"": ""Hue"", ""age"": 41}",enabled,2021-03-04 05:06:07.123456 +0000 UTC,2024-01-01 00:00:00 +0000 UTC
5e91dda1-1c16-467d-9bf9-2a21bf22ae22,lm-off@example.com,Hal,{},disabled,2021-03-04 05:06:07.123456 +0200 CEST,2024-01-01 00:00:00 +0000 UTC
5e91dda1-1c16-467d-9bf9-2a21bf22ae23,lm-block@example.com,Ida,,blocklisted,2021-03-04 05:06:07.12 +0000 +0000,2024-01-01 00:00:00 +0000 +0000
`,
	"mautic.json": `{"total":"4","contacts":{
"47":{"id":47,"isPublished":true,"dateAdded":"2020-07-21T12:27:12-05:00","points":10,"tags":[{"id":1,"tag":"fair"},{"id":2,"tag":"vip"}],"stage":{"id":1,"name":"Customer"},"doNotContact":[],"fields":{"core":{},"all":{"id":47,"email":"ma-on@example.com","firstname":"Jan","lastname":"Jung","city":"Hoi An","points":10}}},
"48":{"id":48,"dateAdded":"2020-07-22T00:00:00+00:00","tags":[],"stage":null,"doNotContact":[{"id":1,"reason":1,"comments":"","channel":"email","channelId":3}],"fields":{"all":{"id":48,"email":"ma-gone@example.com","firstname":"Kim","lastname":null}}},
"49":{"id":49,"dateAdded":"2020-07-22T00:00:00+00:00","tags":[],"stage":{"id":2,"name":"Lead"},"doNotContact":[{"id":2,"reason":2,"comments":"","channel":"email","channelId":null}],"fields":{"all":{"id":49,"email":"ma-dead@example.com","firstname":"Lea","lastname":"L"}}},
"50":{"id":50,"dateAdded":"2020-07-22T00:00:00+00:00","tags":[],"stage":null,"doNotContact":[{"id":3,"reason":3,"comments":"","channel":"email","channelId":null}],"fields":{"all":{"id":50,"email":"ma-manual@example.com","firstname":"Mia","lastname":"M"}}}}}`,
	"people.csv": `id,email,created_at,unsubscribed,first_name,cio_id,timezone
cio-1,ci-on@example.com,1609459200,,Nan,a3000001,Asia/Saigon
cio-2,ci-gone@example.com,1609459200,true,Otto,a3000002,
`,
	"suppressions.json": `{"category":"bounces","suppressions":[{"created":1613063089,"email":"ci-dead@example.com","reason":"550 no such user","status":"5.1.1"}]}`,
	"klaviyo.csv": `Email,Klaviyo ID,First Name,Last Name,Organization,Title,Phone Number,City,Country,Source,Email Marketing Consent,Email Marketing Consent Timestamp,First Active,Last Active,Profile Created On,Date Added,Email Suppressions
kl-on@example.com,01ABC,Pam,P,,,,,,Popup,SUBSCRIBED,2025-03-01T10:00:00Z,,,2024-01-02 03:04:05+00:00,,
kl-gone@example.com,01ABD,Quin,,,,,,,Popup,UNSUBSCRIBED,2025-03-02 10:00:00,,,2024-01-02 03:04:05,,"[""UNSUBSCRIBE""]"
kl-never@example.com,01ABE,Ray,,,,,,,Checkout,NEVER_SUBSCRIBED,,,,2024-01-02,,
kl-dead@example.com,01ABF,Sam,,,,,,,Popup,SUBSCRIBED,2025-03-01T10:00:00Z,,,2024-01-02,,HARD_BOUNCE
kl-spam@example.com,01ABG,Tom,,,,,,,Popup,SUBSCRIBED,2025-03-01T10:00:00Z,,,2024-01-02,,SPAM_COMPLAINT
kl-hand@example.com,01ABH,Uma,,,,,,,Popup,SUBSCRIBED,2025-03-01T10:00:00Z,,,2024-01-02,,USER_SUPPRESSED
`,
}

// documented returns the commands of a chapter, each in one line.
func documented(t *testing.T, path, chapter string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), chapter+"\n")
	if !found {
		t.Fatalf("%s has no chapter %q", path, chapter)
	}
	part, _, _ = strings.Cut(part, "\n#")
	var code []string
	for _, line := range strings.Split(part, "\n") {
		if command, is := strings.CutPrefix(line, "    "); is {
			code = append(code, command)
		}
	}
	return strings.Split(strings.NewReplacer("\\\n", " ", "|\n", "| ").Replace(strings.Join(code, "\n")), "\n")
}

// TestExportsOfOtherTools runs what the documentation says about other tools over exports as those write them.
func TestExportsOfOtherTools(t *testing.T) {
	commands := documented(t, filepath.Join("..", "..", "docs", "import.md"), "### From other tools")
	builtBinary(t)
	dir := t.TempDir()
	t.Chdir(dir)
	writeFiles(t, dir, exportsOfTools)
	server := fresh(t, "")
	withJQ := true
	if _, err := exec.LookPath("jq"); err != nil {
		withJQ = false
	}
	for _, cut := range []struct{ in, out string }{{"mautic.json", "contacts.ndjson"}, {"suppressions.json", "bounces.ndjson"}} {
		filter := regexp.MustCompile(`(?s)jq -c '([^']*)' > ` + regexp.QuoteMeta(cut.out)).FindStringSubmatch(strings.Join(commands, "\n"))
		if filter == nil {
			t.Fatalf("nothing makes %s", cut.out)
		}
		if !withJQ {
			continue
		}
		text, err := exec.Command("jq", "-c", filter[1], cut.in).Output()
		if err == nil {
			err = os.WriteFile(cut.out, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	shellWords := regexp.MustCompile(`'[^']*'|[^\s']+`)
	for _, command := range commands {
		if !strings.HasPrefix(command, "stagecraft import ") || !withJQ && strings.Contains(command, ".ndjson") {
			continue
		}
		var args []string
		for _, word := range shellWords.FindAllString(command, -1)[1:] {
			args = append(args, strings.Trim(word, "'"))
		}
		stdout, stderr, code := words(append(args, "--key", testKey, "--server", "http://"+server.addr())...)
		if code != 0 || !strings.Contains(stdout, "accepted, 0 duplicates") {
			t.Errorf("%s\n%s%s", command, stdout, stderr)
		}
		ran++
	}
	if ran < 6 {
		t.Errorf("%d commands", ran)
	}

	stdout, stderr, code := words("export", "customers", "--server", "http://"+server.addr(), "--columns", "email,userId,created,tags,consents,suppressions,identities,stages,traits")
	if code != 0 {
		t.Fatal(stderr)
	}
	got := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		var row struct{ Email string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		got[row.Email] = line
	}
	yes, no := `"granted":true,"at":"`, `"granted":false`
	for who, want := range map[string][]string{
		"mc-form@example.com":   {yes + "2023-01-02T03:05:06Z", `"channel":"email"`, `["Berlin, east","VIP"]`, `"first_name":"Ada"`},
		"mc-list@example.com":   {yes + "2022-05-06T07:08:09Z"},
		"mc-gone@example.com":   {no + `,"at":"2024-02-03T04:05:06Z"`, `["VIP"]`, "!" + yes},
		"mc-admin@example.com":  {no, "!" + yes},
		"mc-dead@example.com":   {`"reason":"bounced"`, `"at":"2023-09-10T11:12:13Z"`, "!" + yes},
		"mc-shop@example.com":   {`["buyer"]`, "!consents", "!suppressions"},
		"lm-on@example.com":     {yes, `"city":"Hue"`, `"age":41`, `"name":"Gus Green"`, `"created":"2021-03-04T05:06:07.123456Z"`, `"kind":"external:listmonk"`},
		"lm-off@example.com":    {no, `"created":"2021-03-04T03:06:07.123456Z"`},
		"lm-block@example.com":  {no},
		"ma-on@example.com":     {`"userId":"47"`, `["fair","vip"]`, `"customer-lifecycle":"active"`, `"created":"2020-07-21T17:27:12Z"`, `"first_name":"Jan"`, "!consents", "!suppressions"},
		"ma-gone@example.com":   {no, "!stages"},
		"ma-dead@example.com":   {`"reason":"bounced"`, `"customer-lifecycle":"member"`, "!consents"},
		"ma-manual@example.com": {no},
		"ci-on@example.com":     {`"userId":"cio-1"`, `"created":"2021-01-01T00:00:00Z"`, `"external:customerio"`, "!consents"},
		"ci-gone@example.com":   {no},
		"ci-dead@example.com":   {`"reason":"bounced"`, `"at":"2021-02-11T17:04:49Z"`},
		"kl-on@example.com":     {yes + "2025-03-01T10:00:00Z", `"external:klaviyo"`, `"created":"2024-01-02T03:04:05Z"`},
		"kl-gone@example.com":   {no, "!" + yes},
		"kl-never@example.com":  {"!consents"},
		"kl-dead@example.com":   {`"reason":"bounced"`},
		"kl-spam@example.com":   {`"reason":"complained"`},
		"kl-hand@example.com":   {no, "!" + yes},
	} {
		if !withJQ && slices.Contains([]string{"ma", "ci"}, who[:2]) {
			continue
		}
		for _, part := range want {
			part, absent := strings.CutPrefix(part, "!")
			if strings.Contains(got[who], part) == absent || got[who] == "" {
				t.Errorf("%s: %q, absent %v: %s", who, part, absent, got[who])
			}
		}
	}
}
