package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"stagecraft/app/lifecycle"
)

// sourcesView is what the tests look at of GET /api/sources.
type sourcesView struct {
	Name, Title, Address string
	Problem              *struct{ Message, File string }
	Secrets              []struct {
		Name        string
		Set, Former bool
	}
	Events, Repeats, Refused int
	Rejects                  int
	Rank                     int
	Pull                     *struct {
		URL, Value, Problem string
		Failures, Old       int
	}
}

func (s *server) source(name string) (found sourcesView) {
	s.t.Helper()
	var answer struct{ Sources []sourcesView }
	if err := json.Unmarshal([]byte(s.must("GET", "/api/sources", nil)), &answer); err != nil {
		s.t.Fatal(err)
	}
	for _, one := range answer.Sources {
		if one.Name == name {
			return one
		}
	}
	s.t.Fatalf("there is no source %s", name)
	return found
}

func (s *server) setSecret(source, value string, keep bool) {
	s.t.Helper()
	s.must("PUT", "/api/sources/"+source+"/secrets/signing", map[string]any{"value": value, "keep": keep})
}

// post gives a source a request without any key of ours.
func (s *server) post(source, body string, headers map[string]string) (int, string) {
	s.t.Helper()
	status, text, _ := s.call("POST", "/v1/sources/"+source, body, func(r *http.Request) {
		r.Header.Del("Authorization")
		for name, value := range headers {
			r.Header.Set(name, value)
		}
	})
	return status, text
}

func mac(secret, text string) []byte {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

// signed is a source for tests: what its body says happens.
const signed = `source { title = "Tills", secrets = { "signing" } }
receive(function(request)
  verify.hmac_sha256 { header = "X-Sig", secret = "signing" }
  local o = json()
  if o.challenge then answer(o.challenge) return end
  if o.bad then refuse("bad: " .. o.bad) end
  if o.crash then error("no such field") end
  event { name = o.name, id = o.id, user_id = o.user, email = o.email, traits = o.traits, properties = { total = o.total } }
end)
`

// Whoever fills the places of one source keeps nobody from another.
func TestASourceUnderLoadHoldsNoOtherUp(t *testing.T) {
	s := startServer(t)
	writeScripts(t, s.cfg.Scripts, map[string]string{
		"sources/slow.lua":  `source { title = "Slow", open = true } receive(function() local n = 0 while true do n = n + 1 end end)`,
		"sources/tills.lua": signed,
	})
	s.eventually("the sources are there", func() bool {
		slow, _ := s.post("slow", "{}", nil)
		tills, _ := s.post("tills", "{}", nil)
		return slow != http.StatusNotFound && tills != http.StatusNotFound
	})
	s.setSecret("tills", "mine", false)
	var flood sync.WaitGroup
	var refused atomic.Int64
	over := make(chan struct{})
	for range 48 {
		flood.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if status, _ := s.post("slow", "{}", nil); status == http.StatusTooManyRequests {
					refused.Add(1)
				}
			}
		})
	}
	s.eventually("the slow source is full", func() bool { return refused.Load() > 0 })
	for i := range 20 {
		body := fmt.Sprintf(`{"name": "Sold", "id": "%d", "user": "ada"}`, i)
		if status, text := s.post("tills", body, map[string]string{"X-Sig": hex.EncodeToString(mac("mine", body))}); status != http.StatusOK {
			t.Errorf("beside a source that is full: %d %s", status, text)
			break
		}
	}
	close(over)
	flood.Wait()
	// A few more than fit at one time wait for their turn.
	var turns sync.WaitGroup
	for i := range 12 {
		turns.Go(func() {
			body := fmt.Sprintf(`{"name": "Sold", "id": "turn %d", "user": "ada"}`, i)
			if status, text := s.post("tills", body, map[string]string{"X-Sig": hex.EncodeToString(mac("mine", body))}); status != http.StatusOK {
				t.Errorf("one of several at once: %d %s", status, text)
			}
		})
	}
	turns.Wait()
}

// A shop's webhook, signed as Shopify signs it, reaches the customer once, however often it is posted.
func TestAShopPosts(t *testing.T) {
	s := startServer(t)
	body, err := os.ReadFile("script/testdata/sources/shopify-orders-paid.json")
	if err != nil {
		t.Fatal(err)
	}
	head := func(secret string) map[string]string {
		return map[string]string{"X-Shopify-Topic": "orders/paid", "X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac(secret, string(body)))}
	}
	if status, text := s.post("shopify", string(body), head("first")); status != http.StatusServiceUnavailable || !strings.Contains(text, "sources secret shopify signing") {
		t.Errorf("without a secret: %d %s", status, text)
	}
	s.setSecret("shopify", "first", false)
	if status, text := s.post("shopify", string(body), head("wrong")); status != http.StatusUnauthorized {
		t.Errorf("signed with another secret: %d %s", status, text)
	}
	if status, text := s.post("shopify", string(body), head("first")); status != http.StatusOK || text != `{"accepted":1}` {
		t.Errorf("signed: %d %s", status, text)
	}
	s.setSecret("shopify", "second", true)
	for _, secret := range []string{"first", "second"} {
		if status, text := s.post("shopify", string(body), head(secret)); status != http.StatusOK || text != `{"accepted":0,"repeats":1}` {
			t.Errorf("posted again with the %s secret: %d %s", secret, status, text)
		}
	}
	s.setSecret("shopify", "third", false)
	if status, _ := s.post("shopify", string(body), head("second")); status != http.StatusUnauthorized {
		t.Errorf("a secret that was replaced still counts: %d", status)
	}
	view := s.source("shopify")
	if view.Events != 1 || view.Repeats != 2 || view.Refused != 3 || len(view.Secrets) != 1 || !view.Secrets[0].Set || !strings.HasSuffix(view.Address, "/v1/sources/shopify") {
		t.Errorf("it stands like this: %+v", view)
	}
	if status, _ := s.post("nobody", "{}", nil); status != http.StatusNotFound {
		t.Errorf("a source that is not there: %d", status)
	}
	filepath.WalkDir(s.cfg.Data, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			if data, _ := os.ReadFile(path); strings.Contains(string(data), `"third"`) {
				t.Errorf("%s holds the secret in the clear", path)
			}
		}
		return nil
	})
	// What was counted, and the secret, are there after a restart.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	if view := s.source("shopify"); view.Events != 1 || view.Repeats != 2 || !view.Secrets[0].Set {
		t.Errorf("after a restart it stands like this: %+v", view)
	}
	if status, text := s.post("shopify", string(body), head("third")); status != http.StatusOK || text != `{"accepted":0,"repeats":1}` {
		t.Errorf("after a restart: %d %s", status, text)
	}
}

// What a source does not take is kept with the reason, and can be given to it once more; a broken script costs nothing.
func TestWhatASourceDoesNotTake(t *testing.T) {
	s := startServer(t, withScripts(t, map[string]string{"sources/tills.lua": signed, "sources/broken.lua": "source {"}))
	s.setSecret("tills", "key", false)
	post := func(body string) (int, string) {
		return s.post("tills", body, map[string]string{"X-Sig": hex.EncodeToString(mac("key", body)), "X-Till": "7"})
	}
	if status, text := post(`{"challenge":"abc"}`); status != http.StatusOK || text != "abc" {
		t.Errorf("a challenge: %d %s", status, text)
	}
	if status, text := post(`{"bad":"no till"}`); status != http.StatusOK || text != `{"accepted":0,"refused":"bad: no till"}` {
		t.Errorf("refused by the script: %d %s", status, text)
	}
	for range 2 {
		if status, text := post(`{"crash":true}`); status != http.StatusServiceUnavailable || strings.Contains(text, "no such field") {
			t.Errorf("a script that fails: %d %s", status, text)
		}
	}
	if status, text := s.post("tills", `{"bad":"no till"}`, map[string]string{"X-Sig": "00"}); status != http.StatusUnauthorized {
		t.Errorf("unsigned: %d %s", status, text)
	}
	var kept struct {
		Rejects []struct {
			ID, Reason, File, Body string
			Line                   int
		}
	}
	read := func() {
		t.Helper()
		kept.Rejects = nil
		if err := json.Unmarshal([]byte(s.must("GET", "/api/sources/tills/rejects", nil)), &kept); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if len(kept.Rejects) != 2 || kept.Rejects[0].File != "sources/tills.lua" || kept.Rejects[0].Line != 7 || kept.Rejects[1].Reason != "bad: no till" {
		t.Fatalf("kept are %+v", kept.Rejects)
	}
	if text := s.must("POST", "/api/sources/tills/rejects/"+kept.Rejects[1].ID+"/replay", map[string]any{}); !strings.Contains(text, "no till") {
		t.Errorf("nothing was changed, and it is taken: %s", text)
	}
	// The script is mended, with what it lacked.
	writeScripts(t, s.cfg.Scripts, map[string]string{"sources/tills.lua": strings.ReplaceAll(strings.ReplaceAll(signed,
		`error("no such field")`, `o.user, o.name = "u9", "Mended"`), `refuse("bad: " .. o.bad)`, `o.user, o.name = "u9", request.headers["X-Till"]`)})
	s.eventually("the mended script is there", func() bool {
		_, text, _ := s.call("POST", "/api/sources/tills/try", map[string]any{"body": `{"crash":true}`})
		return strings.Contains(text, "Mended")
	})
	for _, reject := range kept.Rejects {
		if text := s.must("POST", "/api/sources/tills/rejects/"+reject.ID+"/replay", map[string]any{}); text != `{"accepted":1}` {
			t.Errorf("given again: %s", text)
		}
	}
	if read(); len(kept.Rejects) != 0 {
		t.Errorf("still kept are %+v", kept.Rejects)
	}
	if broken := s.source("broken"); broken.Problem == nil || broken.Problem.File != "sources/broken.lua" {
		t.Errorf("a broken source: %+v", broken)
	}
	if status, text := s.post("broken", "{}", nil); status != http.StatusServiceUnavailable {
		t.Errorf("a request to a broken source: %d %s", status, text)
	}
	if status, text, _ := s.call("POST", "/api/sources/tills/try", map[string]any{"body": `nonsense`}); status != http.StatusBadRequest || !strings.Contains(text, "not JSON") {
		t.Errorf("trying nonsense: %d %s", status, text)
	}
}

// Journeys hear what comes in by sources like what comes in by the API.
func TestASourceMovesACustomer(t *testing.T) {
	files := trial("stage { title = \"A\" }\non(\"Order Completed\", function(customer, event) set(\"spent\", event.properties.total) send \"hello\" end)\n")
	files["sources/tills.lua"] = signed
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	s.setSecret("tills", "key", false)
	body := `{"name":"Order Completed","id":"1","user":"ada","email":"ada@example.com","total":20}`
	if status, text := s.post("tills", body, map[string]string{"X-Sig": hex.EncodeToString(mac("key", body))}); status != http.StatusOK {
		t.Fatal(status, text)
	}
	s.eventually("the message leaves", func() bool {
		messages := s.overview().Messages
		return len(messages) == 1 && messages[0].User == "ada" && messages[0].State == "accepted"
	})
}
