//go:build unix

package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	guardScript = `stage { title = "All" }

on("Order Completed", function(customer, event)
  local kind = event.properties.kind
  if kind == "loop" then
    while true do end
  elseif kind == "bomb" then
    local t = {}
    for i = 1, 1e9 do t[i] = ("x"):rep(100000) .. i end
  elseif kind == "error" then
    local nothing = event.properties.nothing.there
  end
  send "thanks"
end)
`
	mendedScript = `stage { title = "All" }

on("Order Completed", function(customer, event)
  send "thanks"
end)
`
)

// guardLines are the lines at which the script fails.
var guardLines = map[string]int{"loop": 6, "bomb": 9, "error": 11}

// TestScriptsDoNotBlockOthers gives the server customers for whom the script loops, eats memory or fails. The others get
// their answer and their message all the same; what failed is kept with file and line, and is made good by a replay once
// the script is mended.
func TestScriptsDoNotBlockOthers(t *testing.T) {
	dir := t.TempDir()
	scripts, data := filepath.Join(dir, "scripts"), filepath.Join(dir, "data")
	writeFiles(t, scripts, map[string]string{
		"guard/journey.lua":                  `journey { title = "Guard", stages = { "all" }, moves = {} }`,
		"guard/all.lua":                      guardScript,
		"guard/messages/thanks.email.liquid": "---\nsubject: 'thanks {{ event.properties.n }};'\nkind: transactional\n---\nThank you.\n",
	})
	server := startServer(t, data, scripts)
	server.live(t, "guard")

	const good, bad = 200, 10
	var sending sync.WaitGroup
	send := func(count int, kind string) {
		sending.Go(func() {
			w, err := dialWire(server.addr())
			if err != nil {
				t.Error(err)
				return
			}
			defer w.close()
			for i := range count {
				n := fmt.Sprintf("%s-%d", kind, i)
				body := fmt.Sprintf(`{"event":"Order Completed","userId":%q,"messageId":%q,"properties":{"n":%q,"kind":%q},"context":{"traits":{"email":"%s@example.com"}}}`,
					n, n, n, kind, n)
				if status, err := w.post(request("/v1/track", []byte(body))); err != nil || status != 200 {
					t.Errorf("%s was answered %d, %v", n, status, err)
					return
				}
			}
		})
	}
	for kind := range guardLines {
		send(bad, kind)
	}
	for _, kind := range []string{"good", "fine", "well"} {
		send(good, kind)
	}
	sending.Wait()
	if t.Failed() {
		t.FailNow()
	}
	server.await(t, "everyone else's messages", func(o shown) bool {
		decided, accepted, _, _ := o.journey("guard").message("thanks")
		return decided == 3*good && accepted == 3*good
	})
	o, err := server.overview()
	if err != nil {
		t.Fatal(err)
	}
	if want := bad * len(guardLines); len(o.Errors) != want {
		t.Fatalf("%d dead letters, want %d", len(o.Errors), want)
	}
	for _, letter := range o.Errors {
		kind, _, _ := strings.Cut(letter.User, "-")
		if letter.File != "guard/all.lua" || letter.Line != guardLines[kind] || letter.Message == "" {
			t.Errorf("%s: %s:%d %q, want line %d", letter.User, letter.File, letter.Line, letter.Message, guardLines[kind])
		}
	}

	// Mended, the script is taken within a second; a busy machine is given longer.
	version := o.journey("guard").Version
	writeFiles(t, scripts, map[string]string{"guard/all.lua": mendedScript})
	server.await(t, "the mended script", func(o shown) bool { return o.journey("guard").Version != version })
	for _, letter := range o.Errors {
		if err := server.call("POST", "/api/errors/"+letter.Ref+"/replay", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.call("POST", "/api/errors/"+o.Errors[0].Ref+"/replay", nil, nil); err == nil {
		t.Error("a dead letter was replayed twice")
	}
	const all = 3*good + 3*bad
	server.await(t, "the messages of the replays", func(o shown) bool {
		decided, accepted, _, _ := o.journey("guard").message("thanks")
		return decided == all && accepted == all && len(o.Errors) == 0
	})
	if err := server.stop(); err != nil {
		t.Fatal(err)
	}
	left := map[string]int{}
	if err := readMail(data, func(line logged) error { left[line.Subject]++; return nil }); err != nil {
		t.Fatal(err)
	}
	for subject, times := range left {
		if times != 1 {
			t.Errorf("%q left %d times", subject, times)
		}
	}
	if len(left) != all {
		t.Errorf("%d messages left, want %d", len(left), all)
	}
}

// await polls the overview until it shows what is expected.
func (p *serverProcess) await(t testing.TB, what string, come func(shown) bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		o, err := p.overview()
		if err != nil {
			t.Fatal(err)
		}
		if come(o) {
			return
		}
	}
	t.Fatalf("waited two minutes in vain for %s", what)
}
