package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamesThatWindowsReserves makes files in the console that no copy of the scripts could have on Windows.
func TestNamesThatWindowsReserves(t *testing.T) {
	s := startServer(t, withScripts(t, trial("stage { title = \"A\" }\n")))
	segment := map[string]any{"text": "member(function(customer) return true end)\n"}
	for _, name := range []string{"con", "nul", "lpt1"} {
		for method, path := range map[string]string{"PUT": "/v1/segments/" + name, "POST": "/v1/segments/" + name + "/check"} {
			if status, text, _ := s.call(method, path, segment); status != 400 || !strings.Contains(text, "Windows") {
				t.Errorf("%s %s: %d %s", method, path, status, text)
			}
		}
		if status, text := s.publish(edit{"messages/" + name + ".email.liquid", nil, "---\nsubject: New\n---\nNew\n"}); status != 400 || !strings.Contains(text, "Windows") {
			t.Errorf("message %s: %d %s", name, status, text)
		}
	}
	s.must("PUT", "/v1/segments/consent", segment)
	if left, err := os.ReadDir(filepath.Join(s.cfg.Scripts, "segments")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
