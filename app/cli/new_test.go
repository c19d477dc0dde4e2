package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stagecraft/app/script"
	"stagecraft/scripts"
)

func TestNewJourney(t *testing.T) {
	t.Chdir(t.TempDir())
	presets, err := fs.Glob(scripts.Files, "*/journey.lua")
	if err != nil || len(presets) < 6 {
		t.Fatalf("presets %v, %v", presets, err)
	}
	for _, preset := range presets {
		from, _, _ := strings.Cut(preset, "/")
		name := "my-" + from
		if out, errs, code := verb(t, "new", "journey", name, "--from", from, "--scripts", "mine"); code != 0 || !strings.Contains(out, "stagecraft check mine/"+name) {
			t.Fatalf("%s: code %d\n%s%s", from, code, out, errs)
		}
		plan := read(t, "mine/"+name+"/journey.lua")
		if want := `title  = "My ` + strings.ReplaceAll(from, "-", " ") + `"`; !strings.Contains(plan, want) {
			t.Errorf("%s: no %s in\n%s", from, want, plan)
		}
		originals, _ := fs.Glob(scripts.Files, from+"/*.lua")
		copies, _ := filepath.Glob("mine/" + name + "/*.lua")
		if len(originals) != len(copies) {
			t.Errorf("%s: %d files, want %d, tests included", from, len(copies), len(originals))
		}
	}
	if out, _, code := verb(t, "check", "mine", "--strict"); code != 0 {
		t.Errorf("what new writes does not pass check:\n%s", out)
	}
	if out, _, code := verb(t, "test", "mine"); code != 0 {
		t.Errorf("what new writes does not pass its tests:\n%s", out)
	}
	if got := read(t, "mine/stagecraft.d.lua"); got != string(script.Annotations()) {
		t.Errorf("stagecraft.d.lua is not what the language says: %.200s", got)
	}
	if got := read(t, "mine/.luarc.json"); !strings.Contains(got, "Lua 5.1") {
		t.Errorf(".luarc.json: %s", got)
	}
	if left, _ := filepath.Glob("mine/.new-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNewJourneyOverwritesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, "mine", map[string]string{".luarc.json": "{}", "shop/journey.lua": "-- mine"})
	if _, errs, code := verb(t, "new", "journey", "shop", "--scripts", "mine"); code != 1 || !strings.Contains(errs, "is there already") {
		t.Errorf("code %d, %s", code, errs)
	}
	if read(t, "mine/shop/journey.lua") != "-- mine" || read(t, "mine/.luarc.json") != "{}" {
		t.Error("something was overwritten")
	}
	for args, want := range map[string]string{
		"shop --from lead-scorin": `did you mean "lead-scoring"?`,
		"../outside":              "cannot name a journey",
		"lib":                     "cannot name a journey",
		"Shop":                    "cannot name a journey",
	} {
		if _, errs, code := verb(t, slices.Concat([]string{"new", "journey", "--scripts", "elsewhere"}, strings.Fields(args))...); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("a folder was made for a journey that was refused")
	}
}

// A data folder that has no scripts yet gets the built-in ones too, as at the server's first start.
func TestNewJourneyInANewDataFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, errs, code := verb(t, "new", "journey", "shop", "--data", "data"); code != 0 {
		t.Fatalf("code %d, %s", code, errs)
	}
	for _, file := range []string{"data/scripts/shop/journey.lua", "data/scripts/customer-lifecycle/journey.lua", "data/scripts/stagecraft.d.lua"} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if sources, err := script.ReadSources(os.DirFS("data/scripts")); err != nil || len(sources) < 7 {
		t.Errorf("%d journeys, %v", len(sources), err)
	}
}

func TestNewStage(t *testing.T) {
	t.Chdir(t.TempDir())
	writeFiles(t, "mine", shop(member, "Hello"))
	if out, errs, code := verb(t, "new", "stage", "shop", "vip", "--scripts", "mine"); code != 0 || !strings.Contains(out, `say move "vip"`) {
		t.Fatalf("code %d, %s%s", code, out, errs)
	}
	if out, errs, code := verb(t, "new", "stage", "shop", "on-trial", "--after", "member", "--scripts", "mine"); code != 0 {
		t.Fatalf("code %d, %s%s", code, out, errs)
	}
	const want = `journey { title = "Shop", stages = { "member", "on-trial", "active", "vip" }, moves = { ["member"] = { "active", "on-trial" }, ["active"] = { "member", "vip" }, ["on-trial"] = { "active" } } }`
	if got := read(t, "mine/shop/journey.lua"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := read(t, "mine/shop/on-trial.lua"); !strings.Contains(got, `stage { title = "On trial" }`) {
		t.Errorf("%s", got)
	}
	if out, _, code := verb(t, "check", "mine"); code != 0 {
		t.Errorf("what new writes does not pass check:\n%s", out)
	}
	for args, wantErr := range map[string]string{
		"shop vip":                   `has a stage "vip" already`,
		"shp other":                  `did you mean "shop"?`,
		"shop other --after membr":   `did you mean "member"?`,
		"shop ../other":              "cannot name a stage",
		"shop journey":               "cannot name a stage",
		"shop other --scripts empty": "has no journey",
	} {
		if _, errs, code := verb(t, slices.Concat([]string{"new", "stage", "--scripts", "mine"}, strings.Fields(args))...); code != 1 || !strings.Contains(errs, wantErr) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
	if got := read(t, "mine/shop/journey.lua"); got != want {
		t.Errorf("a refused stage changed journey.lua: %s", got)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
