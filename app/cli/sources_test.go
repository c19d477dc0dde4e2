//go:build unix

package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stagecraft/app/cli"
)

// shopFiles is where sources fetch from in these tests.
type shopFiles struct {
	mu        sync.Mutex
	csv       string
	json      string
	unchanged int      // requests that were answered with 304
	asked     []string // the queries for JSON
}

func (f *shopFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/orders.csv":
		tag := fmt.Sprintf(`"%d"`, len(f.csv))
		if r.Header.Get("If-None-Match") == tag {
			f.unchanged++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		fmt.Fprint(w, f.csv)
	case r.URL.Path == "/orders.json" && r.Header.Get("Authorization") == "Bearer s3cret":
		f.asked = append(f.asked, r.URL.RawQuery)
		fmt.Fprint(w, f.json)
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

func (f *shopFiles) set(csv, json string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.csv, f.json = csv, json
}

// What sources fetch is taken once, by rules as of an import and by a function of the script; bad rows are kept with their
// reasons, what has not changed is not read again, and the verbs show all of it.
func TestSourcesFetch(t *testing.T) {
	files := &shopFiles{}
	header := "id,customer,total,at\n"
	files.set(header+"1,ada,20,2099-01-01\n2,,30,2099-01-01\n3,bob,40,2020-01-01\n4,dan,\"7,50\",2099-01-01\n", `{"data":{"orders":[{"id":9007199254740995,"who":"ada","sum":7.5},{"id":9007199254740997,"who":"eve","sum":1},
		{"id":9007199254740996,"mail":"nomail","sum":1}]}}`)
	shop := httptest.NewServer(files)
	defer shop.Close()
	data := t.TempDir()
	scripts := filepath.Join(data, "scripts")
	writeFiles(t, filepath.Join(scripts, "sources"), map[string]string{
		"table.lua": `source { title = "Table", pull = { url = "` + shop.URL + `/orders.csv", every = "1 hour",
  map = { "userId=customer", "event:=Order Completed", "messageId=id", "timestamp=at", "properties.total=total" } } }`,
		"list.lua": `source { title = "List", secrets = { "token" }, pull = { url = "` + shop.URL + `/orders.json?since={cursor}", every = "1 hour",
  items = "data.orders", cursor = "id", headers = { Authorization = "Bearer {secret:token}" } } }
row(function(row)
  if row.who == "eve" then refuse "not eve" end
  event { name = "Order Completed", id = row.id, user_id = row.who, email = row.mail, properties = { total = row.sum } }
end)`,
		"inside.lua": `source { pull = { url = "http://169.254.169.254/latest", every = "1 hour", map = { "userId=a", "event:=A" } } }`,
	})
	server, err := launchServer(builtBinary(t), data, scripts, "STAGECRAFT_SOURCE_ALLOW=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if _, err = server.ready(); err != nil {
		t.Fatal(err)
	}
	run := func(code int, stdin string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		got := cli.Main("test", append(append([]string{"sources"}, args...), "--server", "http://"+server.addr()), strings.NewReader(stdin), &out, &out)
		text := strings.Join(strings.Fields(out.String()), " ")
		if got != code {
			t.Errorf("%s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, text)
		}
		return text
	}
	has := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("there is no %q in %s", part, text)
			}
		}
	}
	run(0, "", "fetch", "table")
	has(run(0, "", "list", "--json"), `"title": "Table"`, `"events": 1`, `"old": 1`, `"refused": 2`, `"rejects": 2`)
	has(run(0, "", "rejects", "table"), "userId", "is no amount")
	has(run(1, "", "fetch", "list"), "secret")
	run(0, "s3cret\n", "secret", "list", "token")
	run(0, "", "fetch", "list")
	has(run(0, "", "rejects", "list"), "not eve", `email "nomail" is no mail address`)
	has(run(0, "", "list"), "table Table 1 event", "list List 1 event", "2 not taken", "fetched every 1h0m0s")
	has(run(1, "", "fetch", "inside"), "not an address of the public internet")

	// A row that stands there as it was counts once, however often it is fetched.
	has(run(0, "", "fetch", "list"), "0 events taken, 1 row not taken: stagecraft sources rejects list says why.")
	if text := run(0, "", "list", "--json"); strings.Count(text, `"refused": 2`) != 2 {
		t.Errorf("refused are not 2 rows of each: %s", text)
	}

	// Nothing new: nothing is read. Something new: only that is taken.
	has(run(0, "", "fetch", "table"), "nothing new")
	files.mu.Lock()
	if files.unchanged == 0 {
		t.Error("a file that has not changed was read again")
	}
	files.mu.Unlock()
	files.set(header+"0,cid,10,2099-01-01\n1,ada,20,2099-01-01\n", `{"data":{"orders":[]}}`)
	has(run(0, "", "fetch", "table"), "1 event taken, 1 known already.")
	run(0, "", "fetch", "list")
	files.mu.Lock()
	if last := files.asked[len(files.asked)-1]; last != "since=9007199254740997" {
		t.Errorf("the list was asked for with %s", last)
	}
	files.mu.Unlock()
	has(run(0, "", "list", "--json"), `"events": 2`, `"value": "9007199254740997"`)
	has(run(1, "", "rejects", "list", "--replay", "all"), "not eve")
	run(0, "", "rejects", "list", "--forget", "all")
	has(run(0, "", "rejects", "list"), "Nothing is kept here.")
	has(run(1, "", "fetch", "nobody"), "there is no source")
}
