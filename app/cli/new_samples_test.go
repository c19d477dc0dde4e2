package cli_test

import (
	"os"
	"strings"
	"testing"
)

func TestNewSegmentAndForm(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range []string{"segment sleepers", "segment readers --from engaged-readers", "form guide"} {
		if out, errs, code := verb(t, append(append([]string{"new"}, strings.Fields(args)...), "--data", "data")...); code != 0 {
			t.Fatalf("%s: code %d\n%s%s", args, code, out, errs)
		}
	}
	for file, want := range map[string]string{
		"segments/sleepers.lua":                  `title = "Sleepers"`,
		"segments/sleepers_test.lua":             `in_segment "sleepers"`,
		"segments/readers.lua":                   "clicked(",
		"forms/guide.lua":                        "/f/guide",
		"forms/messages/confirm.email.vi.liquid": "confirm_url",
	} {
		if got := read(t, "data/scripts/"+file); !strings.Contains(got, want) {
			t.Errorf("%s has no %s:\n%s", file, want, got)
		}
	}
	for _, absent := range []string{"segments/dormant-big-spenders.lua", "forms/newsletter.lua"} {
		if _, err := os.Stat("data/scripts/" + absent); err == nil {
			t.Errorf("%s is there, and nobody has asked for it", absent)
		}
	}
	if out, errs, code := verb(t, "check", "data/scripts", "--strict"); code != 0 {
		t.Errorf("what new writes does not pass check:\n%s%s", out, errs)
	}
	if out, errs, code := verb(t, "test", "data/scripts"); code != 0 {
		t.Errorf("what new writes does not pass its tests:\n%s%s", out, errs)
	}
	for args, want := range map[string]string{
		"segment sleepers":           "is there already",
		"segment other --from dorma": "there is no built-in segment",
		"form ../x":                  "cannot be a name",
	} {
		if _, errs, code := verb(t, append(append([]string{"new"}, strings.Fields(args)...), "--data", "data")...); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
}
