//go:build linux

package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashShop is where sources fetch from: two lists that grow, of which all rows are given every time, or those from a cursor on.
type crashShop struct {
	url string

	mu    sync.Mutex
	table strings.Builder
	list  []map[string]any
}

func newCrashShop(t *testing.T) *crashShop {
	t.Helper()
	shop := &crashShop{}
	shop.table.WriteString("id,customer,at\n")
	server := httptest.NewServer(shop)
	t.Cleanup(server.Close)
	shop.url = server.URL
	return shop
}

func (s *crashShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/table.csv" {
		fmt.Fprint(w, s.table.String())
		return
	}
	rows := []map[string]any{}
	var since int
	fmt.Sscan(r.URL.Query().Get("since"), &since) // empty at first
	for _, row := range s.list {
		if row["id"].(int) >= since {
			rows = append(rows, row)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"rows": rows}})
}

// scripts are the sources that fetch from the shop.
func (s *crashShop) scripts() map[string]string {
	return map[string]string{
		"sources/table.lua": `source { title = "Table", pull = { url = "` + s.url + `/table.csv", every = "1 minute",
  map = { "userId=customer", "event:=Bought", "messageId=id", "timestamp=at" } } }
`,
		"sources/list.lua": `source { title = "List", pull = { url = "` + s.url + `/list.json?since={cursor}", every = "1 minute", items = "data.rows", cursor = "id" } }
row(function(row)
  event { name = "Bought", id = row.id, at = row.at, user_id = row.customer }
end)
`,
	}
}

// grow adds a row to one of the lists and returns the message ID of its event.
func (s *crashShop) grow(list, customer string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now().UTC().Format(time.RFC3339Nano)
	if list == "table" {
		id := fmt.Sprintf("r%d", s.table.Len())
		fmt.Fprintf(&s.table, "%s,%s,%s\n", id, customer, at)
		return "table:" + id
	}
	id := len(s.list) + 1
	s.list = append(s.list, map[string]any{"id": id, "customer": customer, "at": at})
	return fmt.Sprintf("list:%d", id)
}

// fetch lets both lists grow and has them fetched, and once more when nothing is added any longer.
func (v *crashView) fetch(_ int, random *rand.Rand) error {
	people := map[string]*crashPerson{}
	for done := false; !done; {
		done = v.stop.Load()
		for _, list := range []string{"table", "list"} {
			for range random.IntN(6) {
				customer := fmt.Sprintf("%s%d", list, random.IntN(30))
				p := people[customer]
				if p == nil {
					p = &crashPerson{names: []string{"user:" + customer}}
					people[customer] = p
				}
				p.events = append(p.events, v.pulled.grow(list, customer))
				v.count("rows to fetch")
			}
			if err := v.line.post("/api/sources/"+list+"/fetch", nil); err != nil && !errors.Is(err, errCrashRefused) {
				return err // while it is fetched by itself, it is not fetched again
			} else if err == nil {
				v.count("fetched")
			}
		}
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
	}
	for _, p := range people {
		v.add("of the shop", p)
	}
	return nil
}
