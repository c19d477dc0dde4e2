package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stagecraft/app/channels"
)

// A connector that does not announce itself holds up nobody who looks at the channels or sets one; a name of ours is approved for
// nobody else.
func TestAConnectorThatSaysNothing(t *testing.T) {
	s := startServer(t)
	folder := filepath.Join(s.cfg.Data, "plugins")
	for _, name := range []string{"mute", "sms"} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "stagecraft-channel-"+name), []byte("#!/bin/sh\nexec sleep 100\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	plugins := channels.Plugins{Data: s.cfg.Data}
	if _, err := plugins.Approve("sms", "", time.Now()); err == nil || !strings.Contains(err.Error(), "of its own") {
		t.Errorf("a name of ours: %v", err)
	}
	if _, err := plugins.Approve("mute", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if text := s.must("GET", "/api/channels", nil); !strings.Contains(text, "is being asked what it is") || !strings.Contains(text, `"unfit"`) {
		t.Errorf("it is shown as %s", text)
	}
	other := t.TempDir()
	letters := func(channel, folder string) (int, string) {
		status, text, _ := s.call("PUT", "/api/channels/"+channel, map[string]any{"settings": map[string]any{"folder": folder, "sender": []string{"Sen", "Huế"}, "country": "VN"}})
		return status, text
	}
	if status, text := letters("letter", other); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("looking and setting took %s", took)
	}
	// A folder is one's own, by whatever way it is reached.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{link: "already", filepath.Join(link, ".state", "x"): "lies within", filepath.Dir(other): "holds"} {
		if status, text := letters("letter-partner", path); status != 400 || !strings.Contains(text, words) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
