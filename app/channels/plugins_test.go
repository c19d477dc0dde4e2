//go:build unix

package channels_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stagecraft/app/channels"
	"stagecraft/app/lifecycle"
)

// install puts a connector into a data folder that runs this test's puppet.
func install(t testing.TB, data, name, words string) string {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, "plugins", "stagecraft-channel-"+name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "#!/bin/sh\n# " + words + "\nexec '" + executable + "' plugin puppet\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func code(t testing.TB, err error, want lifecycle.Code, words string) {
	t.Helper()
	if lifecycle.CodeOf(err) != want || want != "" && !strings.Contains(err.Error(), words) {
		t.Errorf("%v, expected %s with %q", err, want, words)
	}
}

func approval(t testing.TB, p channels.Plugins) string {
	t.Helper()
	list, err := p.List()
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, plugin := range list {
		words = append(words, plugin.Name+" "+string(plugin.Approval))
	}
	return strings.Join(words, ", ")
}

func TestApprovalIsOfWhatTheFileHolds(t *testing.T) {
	data := t.TempDir()
	p := channels.Plugins{Data: data}
	if got := approval(t, p); got != "" {
		t.Error(got)
	}
	_, err := p.Approve("pigeon", "", time.Now())
	code(t, err, lifecycle.NotFound, "put its executable")
	_, err = p.Approve("../pigeon", "", time.Now())
	code(t, err, lifecycle.Invalid, "no name")
	path := install(t, data, "pigeon", "first")
	_, err = p.Executable("pigeon")
	code(t, err, lifecycle.Conflict, "not approved")
	_, err = p.Approve("pigeon", strings.Repeat("0", 64), time.Now())
	code(t, err, lifecycle.Conflict, "not what was looked at")
	if _, err = p.Approve("pigeon", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Executable("pigeon"); got != path || err != nil {
		t.Errorf("%s %v", got, err)
	}
	install(t, data, "pigeon", "second")
	_, err = p.Executable("pigeon")
	code(t, err, lifecycle.Conflict, "has changed")
	if got := approval(t, p); got != "pigeon changed" {
		t.Error(got)
	}
	install(t, data, "pigeon", "first")
	if got := approval(t, p); got != "pigeon approved" {
		t.Error(got)
	}
	if err := os.Chmod(path, 0o772); err != nil {
		t.Fatal(err)
	}
	_, err = p.Executable("pigeon")
	code(t, err, lifecycle.Invalid, "others may change")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := approval(t, p); got != "pigeon missing" {
		t.Error(got)
	}
	if err := os.Symlink("/bin/sh", path); err != nil {
		t.Fatal(err)
	}
	_, err = p.Executable("pigeon")
	code(t, err, lifecycle.Invalid, "link")
	if err := p.Remove("pigeon"); err != nil {
		t.Fatal(err)
	}
	code(t, p.Remove("pigeon"), lifecycle.NotFound, "not approved")
	if info, err := os.Stat(filepath.Join(data, "approved.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func TestApprovalOfAFolderIsOfAllInIt(t *testing.T) {
	data := t.TempDir()
	p := channels.Plugins{Data: data}
	folder := filepath.Join(data, "plugins", "stagecraft-channel-pigeon")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("lib/fly.js", "fly")
	_, err := p.Approve("pigeon", "", time.Now())
	code(t, err, lifecycle.Invalid, "no executable")
	write("stagecraft-channel-pigeon", "#!/bin/sh\n")
	if err := os.Symlink("fly.js", filepath.Join(folder, "lib", "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Approve("pigeon", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, err := p.Executable("pigeon"); err != nil || got != filepath.Join(folder, "stagecraft-channel-pigeon") {
		t.Errorf("%s %v", got, err)
	}
	for name, text := range map[string]string{"lib/fly.js": "fall", "lib/new.js": "", "stagecraft-channel-pigeon": "#!/bin/bash\n"} {
		path := filepath.Join(folder, name)
		before, missing := os.ReadFile(path)
		write(name, text)
		_, err := p.Executable("pigeon")
		code(t, err, lifecycle.Conflict, "has changed")
		if write(name, string(before)); missing != nil {
			_ = os.Remove(path)
		}
		if _, err := p.Executable("pigeon"); err != nil {
			t.Errorf("%s as it was: %v", name, err)
		}
	}
	if err := os.Symlink("../../../secret", filepath.Join(folder, "lib", "out")); err != nil {
		t.Fatal(err)
	}
	_, err = p.Executable("pigeon")
	code(t, err, lifecycle.Invalid, "leads out")
}

func TestAChangedConnectorIsNotStartedAgain(t *testing.T) {
	data := t.TempDir()
	p := channels.Plugins{Data: data}
	path := install(t, data, "puppet", "first")
	o := options(t)
	var log lines
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := channels.New(o)
	c, err := h.Start(t.Context(), channels.Spec{Channel: "email", Name: "puppet", Plugins: &p})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(t.Context())
	eventually(t, "refusal", func() bool { return strings.Contains(c.Status().LastError, "not approved") })
	if _, err := p.Approve("puppet", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	install(t, data, "puppet", "second")
	if got := c.Send(t.Context(), outgoing("crash")); got[0].Outcome != inDoubt {
		t.Errorf("%+v", got)
	}
	eventually(t, "refusal after the change", func() bool { return strings.Contains(c.Status().LastError, "has changed") })
	if c.Ready() || c.Status().PID != 0 {
		t.Errorf("%+v", c.Status())
	}
	tries := c.Status().Restarts
	eventually(t, "more tries", func() bool { return c.Status().Restarts > tries+3 })
	for _, words := range []string{"is not approved", "has changed", "failed and is started again"} {
		if got := log.count(words); got != 1 {
			t.Errorf("%q was logged %d times", words, got)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a word of the file", func() bool { return log.count("file is not there") == 1 })
	install(t, data, "puppet", "second")
	if _, err := p.Approve("puppet", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}
