package app_test

import (
	"crypto/sha256"
	"fmt"
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

	// A batch of another day beside it. Who is erased is in neither any more, although the folder is none of ours, and the batch's
	// sums are right.
	table := "number,id,name\r\n1,00ff,Bình\r\n2," + strings.Split(strings.Split(string(journal), `"id":"`)[1], `"`)[0] + ",Ánh Tuyết\r\n"
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	batch := filepath.Join(folder, "2026-01-01")
	for name, text := range map[string]string{"addresses.csv": table, "manifest.json": `{"sha256":"` + sum(table) + `"}`} {
		if err = os.MkdirAll(batch, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(batch, name), []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if text := s.must("POST", "/v1/customers/ada/erase", nil); strings.Contains(text, `"letters"`) {
		t.Errorf("a letter that waits is told as given out for printing: %s", text)
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if left := read(files[0]); strings.Contains(left, "Tuyết") {
		t.Errorf("the letter waits to be printed: %s", left)
	}
	left := read(filepath.Join(batch, "addresses.csv"))
	if strings.Contains(left, "Tuyết") || !strings.Contains(left, "Bình") || len(left) != len(table) {
		t.Errorf("the table is %s", left)
	}
	if manifest := read(filepath.Join(batch, "manifest.json")); !strings.Contains(manifest, sum(left)) {
		t.Errorf("the sum of the table is not in %s", manifest)
	}
}
