package script_test

import (
	"testing"

	"stagecraft/app/script"
)

// Names of devices are no names of files on Windows, with whatever follows them.
func TestNamesThatWindowsReserves(t *testing.T) {
	for name, want := range map[string]bool{"con": true, "nul": true, "aux.lua": true, "prn.email.liquid": true, "com1": true, "LPT9.lua": true, "com0": true,
		"consent": false, "com": false, "com10": false, "lpta": false, "active": false, "first.con": false, "": false} {
		if script.Reserved(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	source := script.Source{Name: "shop", Files: map[string][]byte{
		"journey.lua": []byte(`journey { title = "Shop", stages = { "a" }, moves = {} }`), "a.lua": []byte(`stage { title = "A" }`)}}
	if _, err := script.New(script.Limits{}).AddStage(source, "nul", "a", `stage { title = "Nul" }`); err == nil {
		t.Error("a stage is called nul")
	}
}
