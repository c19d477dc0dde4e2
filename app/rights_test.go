package app_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stagecraft/app/config"
)

// planted are the texts of a person that must be in no file after they were erased.
var planted = []string{"planted-user-7", "planted.seven@example.com", "planted-anon-7", "84901777777", "Plantagenet", "shop-planted-7", "old.planted@example.com", "planted word", "10.77.77.77"}

// filesWith returns which files of the data folder have one of the texts in them, compressed ones included.
func (s *server) filesWith(texts []string) (found []string) {
	s.t.Helper()
	has := func(path string, data []byte) {
		lower := bytes.ToLower(data)
		for _, text := range texts {
			if bytes.Contains(lower, bytes.ToLower([]byte(text))) {
				name, _ := filepath.Rel(s.cfg.Data, path)
				found = append(found, name+": "+text)
			}
		}
	}
	if err := filepath.WalkDir(s.cfg.Data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if os.IsNotExist(err) { // removed while we look
				return nil
			}
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		has(path, data)
		for at := 0; at < len(data); { // gzip and zlib streams wherever they begin
			zip := bytes.Index(data[at:], []byte{0x1f, 0x8b, 8})
			if zip < 0 {
				break
			}
			if reader, err := gzip.NewReader(bytes.NewReader(data[at+zip:])); err == nil {
				inflated, _ := io.ReadAll(io.LimitReader(reader, 16<<20))
				has(path+" (gzip)", inflated)
			}
			at += zip + 3
		}
		for at := 0; ; {
			stream := bytes.Index(data[at:], []byte("stream\n\x78"))
			if stream < 0 {
				break
			}
			inflated, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data[at+stream+9:])), 16<<20))
			has(path+" (zlib)", inflated)
			at += stream + 8
		}
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return found
}

// raw asks for something that is not JSON.
func (s *server) raw(path string) string {
	s.t.Helper()
	request, err := http.NewRequest("GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s is answered %d, %v", path, response.StatusCode, err)
	}
	return string(data)
}

// plant makes a person of whom there is something everywhere.
func (s *server) plant() {
	s.t.Helper()
	s.must("POST", "/v1/track", map[string]any{"anonymousId": "planted-anon-7", "event": "Product Viewed", "properties": map[string]any{"note": "planted word"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "planted-user-7", "anonymousId": "planted-anon-7", "traits": map[string]any{"email": "Old.Planted@example.com"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "planted-user-7", "traits": map[string]any{"email": "planted.seven@example.com", "name": "Geoffrey Plantagenet", "phone": "+84 901 777 777"},
		"context": map[string]any{"ip": "10.77.77.77", "externalIds": []map[string]any{{"id": "shop-planted-7", "type": "shopify", "collection": "users"}}}})
	s.must("POST", "/v1/consent", map[string]any{"userId": "planted-user-7", "granted": false, "topic": "news", "source": "counter"})
	s.must("POST", "/v1/consent", map[string]any{"userId": "planted-user-7", "granted": true, "topic": "news", "source": "counter", "proof": "planted word"})
	for range 3 {
		s.must("POST", "/v1/track", map[string]any{"userId": "planted-user-7", "event": "Order Completed", "properties": map[string]any{"total": 70, "note": "planted word"}})
	}
	s.must("POST", "/v1/track", map[string]any{"userId": "planted-user-7", "event": "Jump", "properties": map[string]any{"to": "planted word"}})
	s.eventually("a mail to them is written", func() bool { return strings.Contains(strings.Join(s.mails(), ""), "planted.seven@example.com") })
	s.eventually("the visitor has become one with the customer", func() bool {
		status, body, _ := s.call("GET", "/v1/customers/planted-anon-7", nil)
		return status == http.StatusOK && strings.Contains(body, "planted-user-7")
	})
}

func rightsFiles() map[string]string {
	return map[string]string{
		"shop/journey.lua":                     `journey { title = "Shop", stages = { "member", "buyer" } }`,
		"shop/member.lua":                      "stage { title = \"Member\" }\non(\"Order Completed\", function(customer)\n  send \"thanks\"\n  wait \"30 days\"\n  send \"thanks\"\nend)\non(\"Jump\", function(customer, event) move(event.properties.to) end)\n",
		"shop/buyer.lua":                       `stage { title = "Buyer" }`,
		"shop/messages/thanks.email.liquid":    "---\nsubject: 'Thank you, {{ customer.traits.name | default: \"friend\" }}'\nkind: transactional\n---\nDear {{ customer.traits.name | default: \"friend\" }}: {{ event.properties.note | default: \"hello\" }}\n",
		"shop/messages/thanks.email.vi.liquid": "---\nsubject: Thank you\nkind: transactional\n---\nDear {{ customer.traits.name | default: \"friend\" }}\n",
	}
}

func (s *server) rewrite() {
	s.t.Helper()
	if status, text, _ := s.call("POST", "/v1/privacy/rewrite", nil); status != http.StatusAccepted {
		s.t.Fatalf("the rewrite is answered %d %s", status, text)
	}
	s.eventually("the store is rewritten", func() bool {
		text := s.must("GET", "/v1/privacy", nil)
		if strings.Contains(text, `"problem"`) {
			s.t.Fatal(text)
		}
		return strings.Contains(text, `"rewriting":false`)
	})
}

// Somebody who is erased is found by nobody, and after a rewrite in no file; the others are as they were, what was counted
// stays, and nothing is sent if they come back. An older backup that has them loses them as it starts.
func TestErasedFromEveryFile(t *testing.T) {
	s := startServer(t, func(c *config.Config) { c.Scripts = writeRights(t) })
	s.setMode("shop", "live")
	s.track("other", "Order Completed")
	s.plant()
	if len(s.filesWith(planted[:2])) == 0 {
		t.Fatal("the planted texts are not where they are looked for")
	}
	backup := t.TempDir()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(backup, os.DirFS(s.cfg.Data)); err != nil {
		t.Fatal(err)
	}
	s.start()

	var document struct {
		Customer struct{ Identities []map[string]any }
		Consents []map[string]any
		Timeline []map[string]any
		Messages []struct {
			Rendered map[string]any
		}
		SetAside []map[string]any
	}
	text := s.must("GET", "/v1/customers/planted-user-7/export", nil)
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	for _, want := range planted {
		if want != "84901777777" && !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("the document about them lacks %s", want)
		}
	}
	if len(document.Consents) != 2 || len(document.Timeline) < 6 || len(document.Messages) == 0 || document.Messages[0].Rendered == nil {
		t.Errorf("the document has %d words of consent, %d entries and %d messages", len(document.Consents), len(document.Timeline), len(document.Messages))
	}
	if len(document.SetAside) != 1 {
		t.Errorf("the document has %d steps that were set aside: %v", len(document.SetAside), document.SetAside)
	}
	before := s.overview()
	s.must("POST", "/v1/customers/"+url.PathEscape("planted.seven@example.com")+"/erase", nil)
	for _, who := range []string{"planted-user-7", "planted-anon-7", "planted.seven@example.com", "+84901777777", "shopify:shop-planted-7", "old.planted@example.com"} {
		if status, text, _ := s.call("GET", "/v1/customers/"+url.PathEscape(who), nil); status != http.StatusNotFound {
			t.Errorf("%s is answered %d %s", who, status, text)
		}
	}
	for _, path := range []string{"/v1/export/events", "/v1/export/customers", "/v1/export/messages", "/v1/export/decisions", "/api/overview"} {
		if text := s.raw(path); strings.Contains(strings.ToLower(text), "planted") {
			t.Errorf("%s still tells of them: %s", path, text)
		}
	}
	s.rewrite()
	if found := s.filesWith(planted); len(found) > 0 {
		t.Errorf("after the rewrite there is still\n%s", strings.Join(found, "\n"))
	}
	for i, j := range s.overview().Journeys {
		if j.Name == "shop" && (j.Messages[0].Decided != before.Journeys[i].Messages[0].Decided || j.Stages[0].Customers != 1) {
			t.Errorf("counted before %+v, now %+v", before.Journeys[i], j)
		}
	}
	if _, text, _ := s.call("GET", "/v1/customers/other", nil); !strings.Contains(text, "other@example.com") {
		t.Errorf("somebody else is now %s", text)
	}

	// They come back, and somebody else gets their address.
	mails := len(s.mails())
	s.must("POST", "/v1/identify", map[string]any{"userId": "planted-user-7", "traits": map[string]any{"email": "fresh@example.com"}})
	s.must("POST", "/v1/identify", map[string]any{"userId": "another", "traits": map[string]any{"email": "planted.seven@example.com"}})
	for _, who := range []string{"planted-user-7", "another"} {
		s.eventually(who+" is suppressed", func() bool {
			_, text, _ := s.call("GET", "/v1/customers/"+who, nil)
			return strings.Contains(text, `"reason":"erased"`)
		})
		s.must("POST", "/v1/track", map[string]any{"userId": who, "event": "Order Completed"})
	}
	s.track("third", "Order Completed")
	s.eventually("somebody else's mail is written", func() bool { return len(s.mails()) > mails })
	if got := strings.Join(s.mails()[mails:], ""); strings.Contains(got, "planted") || strings.Contains(got, "fresh@") {
		t.Errorf("something was sent to somebody who was erased: %s", got)
	}

	// An older backup, with the list of who was erased.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(s.cfg.Data, "erased"))
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Data = backup
	if err = os.WriteFile(filepath.Join(backup, "erased"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, who := range planted[:3] {
		if status, text, _ := s.call("GET", "/v1/customers/"+url.PathEscape(who), nil); status != http.StatusNotFound {
			t.Errorf("of the backup, %s is answered %d %s", who, status, text)
		}
	}
	s.rewrite()
	if found := s.filesWith(planted); len(found) > 0 {
		t.Errorf("after the rewrite the backup still has\n%s", strings.Join(found, "\n"))
	}
}

// Who comes back after an erasure and is erased again stays so with a backup from between the two.
func TestErasedTwice(t *testing.T) {
	s := startServer(t, func(c *config.Config) { c.Scripts = writeRights(t) })
	erased := func() {
		t.Helper()
		if status, text, _ := s.call("GET", "/v1/customers/ada", nil); status != http.StatusNotFound {
			t.Errorf("ada is answered %d %s", status, text)
		}
	}
	s.track("ada", "Order Completed")
	s.must("POST", "/v1/customers/ada/erase", nil)
	erased()
	s.track("ada", "Order Completed")
	backup := t.TempDir()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(backup, os.DirFS(s.cfg.Data)); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.must("POST", "/v1/customers/ada/erase", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(s.cfg.Data, "erased"))
	if err == nil {
		err = os.WriteFile(filepath.Join(backup, "erased"), list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Data = backup
	s.start()
	erased()
	s.track("ada", "Order Completed") // by herself: nothing keeps her from it
	if err = s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.must("GET", "/v1/customers/ada", nil)
}

func writeRights(t *testing.T) string {
	dir := t.TempDir()
	writeScripts(t, dir, rightsFiles())
	return dir
}
