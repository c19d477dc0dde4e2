package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// A letter goes from a script into the day's journal, whoever has no whole address gets none, and the channel's settings
// are refused with the name of what is wrong.
func TestALetterIsPosted(t *testing.T) {
	folder := t.TempDir()
	s := startServer(t, withScripts(t, func() map[string]string {
		files := ordered("ada", "letter")
		files["trial/messages/hello.letter.liquid"] = "---\nsubject: Cảm ơn\nkind: transactional\n---\n# Chào {{ customer.name }}\n\n- một\n  - hai\n"
		return files
	}()), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	settings := map[string]any{"folder": folder, "sender": []string{"Sen", "1 Lê Duẩn, Huế"}, "country": "vn"}
	if status, text, _ := s.call("PUT", "/api/channels/letter", map[string]any{"settings": settings}); status != 400 || !strings.Contains(text, `"field":"country"`) {
		t.Errorf("%d %s", status, text)
	}
	settings["country"] = "VN"
	if status, text, _ := s.call("PUT", "/api/channels/letter", map[string]any{"settings": settings}); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	traits := func(address map[string]any) map[string]any {
		return map[string]any{"context": map[string]any{"traits": map[string]any{"name": "Ánh Tuyết", "address": address}}}
	}
	s.track("ada", "Order", traits(map[string]any{"street": "Số 12, ngõ 45", "city": "Hà Nội"}))
	s.track("bob", "Order", traits(map[string]any{"city": "Hà Nội"}))
	s.eventually("one is accepted, one is not sent", func() bool {
		states := map[string]int{}
		for _, m := range s.overview().Messages {
			states[m.State+" "+m.Reason]++
		}
		return states["accepted "] == 1 && states["suppressed "+lifecycle.BecauseIncomplete] == 1
	})
	files, err := filepath.Glob(filepath.Join(folder, ".state", "*.journal"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	journal, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"Ánh Tuyết","street":"Số 12, ngõ 45","city":"Hà Nội","country":"VN"`, `"subject":"Cảm ơn","text":"# Chào Ánh Tuyết\n\n- một\n  - hai\n"`} {
		if !strings.Contains(string(journal), want) {
			t.Errorf("%s is not in %s", want, journal)
		}
	}
}
