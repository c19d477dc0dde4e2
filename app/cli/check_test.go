package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/cli"
	"stagecraft/app/script"
)

// verb runs the program with some words.
func verb(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main("test", args, strings.NewReader(""), &out, &errs)
	return out.String(), errs.String(), code
}

const shopPlan = `journey { title = "Shop", stages = { "member", "active" }, moves = { ["member"] = { "active" }, ["active"] = { "member" } } }`

func shop(member, hello string) map[string]string {
	return map[string]string{
		"shop/journey.lua":                 shopPlan,
		"shop/member.lua":                  member,
		"shop/active.lua":                  "stage { title = \"Active\" }\nidle(\"Order Completed\", \"180 days\", function() move \"member\" end)\n",
		"shop/messages/hello.email.liquid": "---\nsubject: Hello\n---\n" + hello + "\n",
	}
}

const member = "stage { title = \"Member\", goal = \"Order Completed\", next = \"active\" }\n\nenter(function(customer)\n  send \"hello\"\nend)\n"

func TestCheckVerb(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, "good", shop(member, "Hello {{ customer.email }}"))
	out, errs, code := verb(t, "check", "good")
	if out != "1 journey in good: no mistakes\n" || errs != "" || code != 0 {
		t.Errorf("a sound journey: code %d\n%s%s", code, out, errs)
	}

	writeFiles(t, "bad", shop(strings.Replace(member, `"hello"`, `"helo"`, 1), "Hello {{ custmer.email }}"))
	const want = `bad/shop/member.lua:4:8: error: there is no message "helo"
    4 |   send "helo"
      |        ^^^^^^
      = did you mean "hello"?

bad/shop/messages/hello.email.liquid:4:10: error: message hello: there is no variable "custmer"
    4 | Hello {{ custmer.email }}
      |          ^^^^^^^
`
	out, errs, code = verb(t, "check", "bad")
	if !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "1 journey in bad: 2 errors, 0 warnings\n") || errs != "" || code != 1 {
		t.Errorf("a broken journey: code %d\n%s%s", code, out, errs)
	}
	inside, _, code := verb(t, "check", "bad/shop")
	if inside != out || code != 1 {
		t.Errorf("one journey's folder: code %d\n%s", code, inside)
	}

	var result struct {
		Journeys         []string
		Errors, Warnings int
		Problems         []script.Problem
	}
	out, _, code = verb(t, "check", "--json", "bad")
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 1 {
		t.Fatalf("code %d, %v\n%s", code, err, out)
	}
	if len(result.Journeys) != 1 || result.Errors != 2 || len(result.Problems) != 2 {
		t.Fatalf("JSON: %+v", result)
	}
	p := result.Problems[0]
	if p.File != "shop/member.lua" || p.Line != 4 || p.Column != 8 || p.EndColumn != 14 || p.Severity != script.Bad || p.Hint == "" || p.SourceLine != `  send "helo"` {
		t.Errorf("JSON: %+v", p)
	}
}

func TestCheckVerbWarns(t *testing.T) {
	t.Chdir(t.TempDir())
	files := shop(member, "Hello")
	files["shop/messages/spare.email.liquid"] = "---\nsubject: Spare\n---\nSpare\n"
	writeFiles(t, "scripts", files)
	out, _, code := verb(t, "check") // finds the folder by its name
	if !strings.Contains(out, `warning: no script sends the message "spare"`) || !strings.Contains(out, "1 journey in scripts: 0 errors, 1 warning\n") || code != 0 {
		t.Errorf("code %d\n%s", code, out)
	}
	if _, _, code := verb(t, "check", "--strict"); code != 1 {
		t.Errorf("--strict: code %d", code)
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("there are colours, and no terminal:\n%s", out)
	}
}

// A folder that was asked for is what is checked, or it is said why not.
func TestAFolderWithoutJourneysIsToldApart(t *testing.T) {
	t.Chdir(t.TempDir())
	if os.Mkdir("empty", 0o755) != nil || os.WriteFile("file", nil, 0o644) != nil {
		t.Fatal("the folder cannot be made")
	}
	for dir, want := range map[string]string{"nowhere": "no such file", "file": "file is a file; name a folder", "empty": "empty has no journey"} {
		for _, name := range []string{"check", "test"} {
			if _, errs, code := verb(t, name, dir); code != 1 || !strings.Contains(errs, want) {
				t.Errorf("%s %s: code %d, %s", name, dir, code, errs)
			}
		}
	}
}

// new, check and test mean the same folder: that of the server, before one that only has the usual name.
func TestTheServersFolderComesFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"new", "journey", "one"}, {"new", "journey", "other", "--scripts", "scripts"}} {
		if _, errs, code := verb(t, args...); code != 0 {
			t.Fatalf("%v: %s", args, errs)
		}
	}
	mine := filepath.Join("stagecraft-data", "scripts")
	for _, c := range []struct {
		args []string
		want string
	}{{[]string{"check"}, "journeys in " + mine}, {[]string{"test", "--run", "member"}, "(" + mine + ")"},
		{[]string{"check", "--data", "elsewhere"}, "1 journey in scripts"}, {[]string{"test", "--run", "member", "--scripts", "scripts"}, "(scripts)"}} {
		if out, errs, code := verb(t, c.args...); code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%v: code %d, want %q\n%s%s", c.args, code, c.want, out, errs)
		} else if said, want := strings.Contains(errs, "no journeys in "+filepath.Join("elsewhere", "scripts")+": those in scripts are taken"), slices.Contains(c.args, "elsewhere"); said != want {
			t.Errorf("%v says where the scripts are not: %v, %q", c.args, said, errs)
		}
	}
	t.Chdir(t.TempDir())
	if _, errs, code := verb(t, "check"); code != 0 || !strings.Contains(errs, "the built-in ones are taken") {
		t.Errorf("code %d, %q", code, errs)
	}
}

// What is wrong in a shared helper is told once.
func TestCheckVerbTellsHelpersOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, "scripts", map[string]string{
		"lib/greet.lua":  "local unused = function() end\nlocal function never() end\nreturn 1\n",
		"a/journey.lua":  `journey { stages = { "all" } }`,
		"a/all.lua":      `local greet = use "lib/greet"`,
		"b/journey.lua":  `journey { stages = { "all" } }`,
		"b/all.lua":      `local greet = use "lib/greet"`,
		"b/notes.txt":    "not a script",
		"README.md":      "not a journey",
		"c/messages.lua": "no journey either",
	})
	out, _, _ := verb(t, "check")
	if strings.Count(out, "function never is never used") != 1 || !strings.HasSuffix(out, "2 journeys in scripts: 0 errors, 2 warnings\n") {
		t.Errorf("%s", out)
	}
}

// The journeys that come with the program pass, without a warning.
func TestBuiltInJourneysPassCheck(t *testing.T) {
	t.Chdir(t.TempDir())
	out, _, code := verb(t, "check", "--strict")
	if code != 0 || !strings.HasSuffix(out, " built-in journeys: no mistakes\n") || strings.HasPrefix(out, "0") {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestUnknownVerbs(t *testing.T) {
	for args, want := range map[string]string{
		"chekc":             `did you mean "check"?`,
		"importt file.csv":  `did you mean "import"?`,
		"new jorney x":      `did you mean "journey"?`,
		"check --strickt":   `did you mean "--strict"?`,
		"something-strange": "unexpected argument something-strange\n",
	} {
		_, errs, code := verb(t, strings.Fields(args)...)
		if code != 2 || !strings.Contains(errs, want) || strings.Count(errs, "did you mean") > 1 {
			t.Errorf("%s: code %d\n%s", args, code, errs)
		}
	}
}

// A segment that names a stage which the journey lost is empty from then on; it is said with the name that it has by now.
func TestCheckVerbTellsSegmentsOfStagesThatAreGone(t *testing.T) {
	t.Chdir(t.TempDir())
	files := shop(member, "Hello")
	files["shop/journey.lua"] = `journey { title = "Shop", stages = { "member", "active" }, moves = { member = { "active" }, active = { "member" } }, renamed = { ["lead"] = "member" }, retired = { ["spy"] = false } }`
	files["segments/seen.lua"] = `member(function(customer)
  local here = stage "shop"
  local twice = stage "shop"
  twice = customer.plan
  if here == "lead" or "membr" ~= stage "shop" then return true end
  if in_stage_for("shop", "3 days", "lead") or here == "member" or twice == "pro" or customer.plan == "pro" then return true end
  return in_stage_for("shop", "3 days", "spy") or stage "shap" == "x" or sent("hellp", "3 days") or sent("a broadcast", "3 days")
end)`
	writeFiles(t, "scripts", files)
	out, _, code := verb(t, "check", "--json")
	var found struct {
		Warnings int
		Problems []struct {
			File          string
			Line, Column  int
			Message, Hint string
		}
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 {
		t.Fatalf("code %d: %v\n%s", code, err, out)
	}
	want := []string{
		`5:14 the customers of stage "lead" of shop are in "member" by now; nobody is in it (write "member")`,
		`5:24 shop has no stage "membr"; nobody is in it (did you mean "member"?)`,
		`7:41 the stage "spy" of shop is retired; nobody is in it (leave it out, or name another stage)`,
		`7:57 there is no journey "shap"; nobody is in a stage of it (did you mean "shop"?)`,
		`7:79 no journey has a message "hellp" (did you mean "hello"?)`,
	}
	var said []string
	for _, p := range found.Problems {
		if p.File == "segments/seen.lua" {
			said = append(said, fmt.Sprintf("%d:%d %s (%s)", p.Line, p.Column, p.Message, p.Hint))
		}
	}
	if !slices.Equal(said, want) {
		t.Errorf("found:\n%s", strings.Join(said, "\n"))
	}
}
