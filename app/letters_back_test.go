package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
	"stagecraft/plugins/letter"
)

// clockedLetter is the real connector by the clock in the file "clock" of its folder; without one, by the machine's.
type clockedLetter struct {
	*letter.Connector
	mu     sync.Mutex
	folder string
}

func (c *clockedLetter) Configure(ctx context.Context, raw json.RawMessage) error {
	var settings struct{ Folder string }
	_ = json.Unmarshal(raw, &settings) // the connector says what is wrong
	c.mu.Lock()
	c.folder = settings.Folder
	c.mu.Unlock()
	return c.Connector.Configure(ctx, raw)
}

func (c *clockedLetter) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := os.ReadFile(filepath.Join(c.folder, "clock"))
	if at, wrong := time.Parse(time.RFC3339, string(text)); err == nil && wrong == nil {
		return at
	}
	return time.Now()
}

func newClockedLetter() *clockedLetter {
	c := &clockedLetter{}
	c.Connector = letter.NewAt(c.now)
	return c
}

// letterStates are the states and reasons of messages, by customer.
func (s *server) letterStates() map[string]string {
	states := map[string]string{}
	for _, m := range s.overview().Messages {
		states[m.User] = strings.TrimSpace(m.State + " " + m.Reason)
	}
	return states
}

func (s *server) refOf(user string) string {
	s.t.Helper()
	for _, m := range s.overview().Messages {
		if m.User == user {
			return m.Ref
		}
	}
	s.t.Fatalf("%s has no message", user)
	return ""
}

// inUTF16 is how the PDF holds a text.
func inUTF16(text string) string {
	var out strings.Builder
	for _, r := range text {
		out.WriteByte(byte(r >> 8))
		out.WriteByte(byte(r))
	}
	return out.String()
}

// What was accepted for the day's batch is taken back with the consent, by a suppression, a cancellation or an erasure,
// whichever of host and connector is away meanwhile; what is in the batch is too late, and goes out of it with an erasure.
func TestLettersAreTakenBack(t *testing.T) {
	folder := ""
	s := startServer(t, withScripts(t, func() map[string]string {
		files := ordered("ada", "letter")
		files["trial/messages/hello.letter.liquid"] = "---\nsubject: News\nkind: marketing\n---\nDear {{ customer.name }}, here is our news.\n"
		return files
	}()), func(c *config.Config) {
		c.Policy.Preset = "none"
		folder = filepath.Join(c.Data, "letters") // where every file is searched
	})
	s.setMode("trial", lifecycle.Live)
	clock := func(at string) {
		t.Helper()
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "clock")
		if err := os.WriteFile(path+".new", []byte(at), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	clock("2026-05-05T10:00:00Z")
	s.must("PUT", "/api/channels/letter", map[string]any{"settings": map[string]any{"folder": folder, "sender": []string{"Sen", "1 Lê Duẩn, Huế"}, "country": "VN"}})
	names := map[string]string{"ada": "Adaplanted", "bob": "Bobplanted", "cat": "Catplanted", "dan": "Danplanted", "eve": "Eveplanted", "fay": "Fayplanted", "gil": "Gilplanted"}
	for user, name := range names {
		s.track(user, "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"name": name, "address": map[string]any{"street": "12 Main St", "city": "Huế"}}}})
	}
	state := func(user, want string) {
		t.Helper()
		s.eventually(user+" is "+want, func() bool { return strings.HasPrefix(s.letterStates()[user], want) })
	}
	for user := range names {
		state(user, "accepted")
	}

	// Consent is taken back: the ledger says so before the day is over, and the letter is in no file of the folder.
	s.must("POST", "/v1/consent", map[string]any{"userId": "ada", "granted": false, "source": "counter"})
	state("ada", "suppressed withdrawn: opted out: counter")
	if status, text, _ := s.call("POST", "/api/messages/"+s.refOf("cat")+"/cancel", map[string]any{"why": "a mistake"}); status != http.StatusOK {
		t.Errorf("the cancellation is answered %d %s", status, text)
	}
	state("cat", "cancelled withdrawn: cancelled")

	// Who is erased before there is a batch has no letter given out.
	s.track("hal", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"name": "Halplanted", "address": map[string]any{"street": "12 Main St", "city": "Huế"}}}})
	state("hal", "accepted")
	if text := s.must("POST", "/v1/customers/hal/erase", nil); strings.Contains(text, "letters") {
		t.Errorf("of a letter that was taken back the answer says %s", text)
	}

	// The connector is stopped while bob's consent is taken back, killed, and the host goes away before it could be told.
	pid := 0
	for _, c := range s.channels().Channels {
		if c.Channel == "letter" {
			pid = c.PID
		}
	}
	if pid == 0 {
		t.Fatal("the connector's process is not known")
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.must("POST", "/v1/consent", map[string]any{"userId": "bob", "granted": false, "source": "counter"})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "gil", "traits": map[string]any{"unsubscribed": true}}) // nobody is told before the last word
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	clock("2026-05-06T00:05:00Z")
	s.start()
	state("bob", "suppressed withdrawn: opted out")
	state("gil", "suppressed withdrawn: opted out")
	batch := filepath.Join(folder, "2026-05-05")
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(batch, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	s.eventually("the batch is written", func() bool { _, err := os.Stat(filepath.Join(batch, "manifest.json")); return err == nil })
	table := read("addresses.csv")
	for user, name := range names {
		if printed := user == "dan" || user == "eve" || user == "fay"; strings.Contains(table, name) != printed {
			t.Errorf("%s is printed: %v", name, !printed)
		}
	}
	if n := strings.Count(read("letters.pdf"), "/Type /Page\n"); n != 3 {
		t.Errorf("the PDF has %d pages", n)
	}

	// Too late: that is said, and the ledger knows when it was released.
	status, text, _ := s.call("POST", "/api/messages/"+s.refOf("eve")+"/cancel", map[string]any{"why": "a mistake"})
	if status != http.StatusConflict || !strings.Contains(text, "too late") {
		t.Errorf("a cancellation after the batch: %d %s", status, text)
	}
	if text := s.must("GET", "/api/messages/"+s.refOf("eve"), nil); !strings.Contains(text, `"released"`) {
		t.Errorf("the ledger does not know of the release: %s", text)
	}

	// Erasing takes them out of the batch, also by a connector that was away.
	gone := func(name string) {
		t.Helper()
		s.eventually(name+" is in no file of the batches", func() bool {
			for _, file := range s.filesWith([]string{name, inUTF16(name)}) {
				if strings.HasPrefix(file, "letters") {
					return false
				}
			}
			return true
		})
	}
	if len(s.filesWith([]string{inUTF16("Danplanted")})) == 0 {
		t.Error("the name is not found in the PDF: the search is blind")
	}
	if text := s.must("POST", "/v1/customers/dan/erase", nil); !strings.Contains(text, `"letters":1`) {
		t.Errorf("of a letter that was printed the answer says %s", text)
	}
	if text := read("manifest.json"); !strings.Contains(text, `"removed": 1`) || strings.Contains(read("addresses.csv"), "Danplanted") {
		t.Errorf("when the answer comes, the batch is %s", text)
	}
	gone("Danplanted")
	for _, c := range s.channels().Channels {
		if c.Channel == "letter" {
			pid = c.PID
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.must("POST", "/v1/customers/eve/erase", nil)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	gone("Eveplanted")
	s.eventually("the batch has one letter", func() bool { return strings.Contains(read("manifest.json"), `"removed": 2`) })
	if n := strings.Count(read("letters.pdf"), "/Type /Page\n"); n != 1 || !strings.Contains(read("addresses.csv"), "Fayplanted") {
		t.Errorf("the PDF has %d pages", n)
	}
}
