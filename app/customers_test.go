package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A customer is shown as a whole: who they are, where what is known came from, where they stand, and what happened.
func TestCustomersOverHTTP(t *testing.T) {
	s := startServer(t)
	s.must("POST", "/v1/identify", map[string]any{"userId": "a/da", "anonymousId": "web-1", "traits": map[string]any{"name": "Ada", "email": "ada@example.com"}})
	for i := range 5 {
		s.must("POST", "/v1/track", map[string]any{"userId": "a/da", "event": "Order Completed", "messageId": fmt.Sprint("o", i), "properties": map[string]any{"total": 10}})
	}
	s.must("POST", "/v1/track", map[string]any{"userId": "bob", "event": "Page Viewed", "context": map[string]any{"traits": map[string]any{"first_name": "Bob", "lastName": "Lê"}}})
	s.must("POST", "/v1/consent", map[string]any{"userId": "a/da", "channel": "email", "granted": false, "source": "preferences"})
	read := func(path string, target any) {
		t.Helper()
		if err := json.Unmarshal([]byte(s.must("GET", path, nil)), target); err != nil {
			t.Fatal(err)
		}
	}
	var found struct {
		Customers []struct {
			ID, UserID, Name string
			By               *struct{ Kind string }
		}
		Next string
	}
	s.eventually("an address finds its owner", func() bool {
		read("/v1/customers?search="+url.QueryEscape("Ada@example.com"), &found)
		return len(found.Customers) == 1
	})
	if one := found.Customers[0]; one.UserID != "a/da" || one.By == nil || one.By.Kind != "email" {
		t.Errorf("found %+v", one)
	}
	if read("/v1/customers?newest=true", &found); len(found.Customers) != 2 || found.Customers[0].UserID != "bob" || found.Customers[0].Name != "Bob Lê" || found.Customers[1].Name != "Ada" {
		t.Errorf("the newest are %+v", found)
	}
	seen := map[string]bool{}
	for found.Next = ""; ; {
		path := "/v1/customers?limit=1&cursor=" + found.Next
		found.Customers, found.Next = nil, ""
		read(path, &found)
		for _, one := range found.Customers {
			seen[one.UserID] = true
		}
		if found.Next == "" {
			break
		}
	}
	if len(seen) != 2 {
		t.Errorf("everybody is %v", seen)
	}

	var ada struct {
		ID     string
		Traits []struct {
			Name, Source string
			Value        any
		}
		Consents []struct{ Granted bool }
		Stages   []struct {
			Journey, Stage string
			History        []struct{ Kind, Text, File string }
		}
	}
	read("/v1/customers/"+url.PathEscape("a/da"), &ada)
	if len(ada.Traits) != 2 || ada.Traits[1].Name != "name" || ada.Traits[1].Value != "Ada" || ada.Traits[1].Source != "api" || len(ada.Consents) != 1 || ada.Consents[0].Granted {
		t.Errorf("what is known: %+v", ada)
	}
	if len(ada.Stages) != 1 || ada.Stages[0].Stage != "active" || ada.Stages[0].History[0].Text != "moved single-purchase > active" || ada.Stages[0].History[0].File == "" {
		t.Errorf("where they stand: %+v", ada.Stages)
	}

	var life struct {
		Entries []struct {
			Seq   uint64
			Event *struct{ Event, MessageID string }
			Facts []struct{ Text string }
		}
		Next string
	}
	orders, text := 0, ""
	for cursor := ""; ; cursor = life.Next {
		life.Entries, life.Next = nil, ""
		read("/v1/customers/"+ada.ID+"/timeline?limit=2&cursor="+cursor, &life)
		for _, entry := range life.Entries {
			if entry.Event != nil && entry.Event.Event == "Order Completed" {
				orders++
			}
			for _, fact := range entry.Facts {
				text += fact.Text + "\n"
			}
		}
		if life.Next == "" {
			break
		}
	}
	if orders != 5 || !strings.Contains(text, "moved member > single-purchase\n") || !strings.Contains(text, "message thank-you: put into the outbox") || strings.Contains(text, "queued") {
		t.Errorf("%d orders in the timeline, and\n%s", orders, text)
	}

	for path, field := range map[string]string{"/v1/customers?newest=true&cursor=customers.AAAA": "cursor", "/v1/customers?search=bob&cursor=x": "cursor",
		"/v1/customers?newest=true&limit=51": "limit", "/v1/customers?search=bob&limit=51": "limit", "/v1/customers?limit=501": "limit"} {
		if status, body, _ := s.call("GET", path, nil); status != http.StatusBadRequest || !strings.Contains(body, `"field":"`+field+`"`) {
			t.Errorf("%s is answered %d %s", path, status, body)
		}
	}
	for path, want := range map[string]int{
		"/v1/customers/nobody": http.StatusNotFound, "/v1/customers/nobody/timeline": http.StatusNotFound,
		"/v1/customers?limit=0": http.StatusBadRequest, "/v1/customers?cursor=x": http.StatusBadRequest,
		"/v1/customers/bob/timeline?cursor=zz-1": http.StatusBadRequest, "/v1/customers?search=" + strings.Repeat("x", 700): http.StatusBadRequest,
	} {
		if status, body, _ := s.call("GET", path, nil); status != want {
			t.Errorf("%s is answered %d %s", path, status, body)
		}
	}
}

// The cursor of a timeline is that customer's, by whichever name and after whatever merge; nobody else's goes on with it. A
// search that finds more than it may list says so.
func TestACursorOfATimelineIsOneCustomers(t *testing.T) {
	s := startServer(t)
	for i := range 3 {
		s.track("ada", "Looked", map[string]any{"messageId": fmt.Sprint("a", i)})
		s.track("bob", "Looked", map[string]any{"messageId": fmt.Sprint("b", i)})
		s.must("POST", "/v1/track", map[string]any{"anonymousId": "phone", "event": "Looked", "messageId": fmt.Sprint("p", i)})
	}
	page := func(who, cursor string) (int, string, string) {
		status, text, _ := s.call("GET", "/v1/customers/"+who+"/timeline?limit=1&cursor="+url.QueryEscape(cursor), nil)
		var answer struct{ Next string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(text)
		}
		return status, text, answer.Next
	}
	_, _, ada := page("ada", "")
	_, _, phone := page("phone", "")
	for _, one := range [][2]string{{"bob", ada}, {"ada", phone}, {"phone", ada}} {
		if status, text, _ := page(one[0], one[1]); status != 400 || !strings.Contains(text, `"field":"cursor"`) || !strings.Contains(text, "another customer") {
			t.Errorf("%s with another's cursor: %d %s", one[0], status, text)
		}
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "anonymousId": "phone", "traits": map[string]any{"email": "ada@example.com"}})
	s.eventually("they are one", func() bool {
		_, text, _ := s.call("GET", "/v1/customers/phone", nil)
		return strings.Contains(text, `"userId":"ada"`)
	})
	for _, one := range [][2]string{{"phone", phone}, {"ada", phone}, {"phone", ada}, {"ada@example.com", ada}} {
		if status, text, _ := page(one[0], one[1]); status != 200 {
			t.Errorf("after the merge %s cannot go on: %d %s", one[0], status, text)
		}
	}
	if status, text, _ := page("bob", phone); status != 400 {
		t.Errorf("bob goes on with the cursor of somebody who was merged: %d %s", status, text)
	}

	for _, user := range []string{"bob", "cid", "dan"} {
		s.must("POST", "/v1/identify", map[string]any{"userId": user, "traits": map[string]any{"email": "desk@example.com"}})
	}
	search := "/v1/customers?search=desk@example.com"
	s.eventually("all three are found", func() bool { return strings.Count(s.must("GET", search, nil), `"created"`) == 3 })
	if text := s.must("GET", search+"&limit=3", nil); strings.Contains(text, `"more"`) {
		t.Errorf("all: %s", text)
	}
	if text := s.must("GET", search+"&limit=2", nil); strings.Count(text, `"created"`) != 2 || !strings.Contains(text, `"more":true`) {
		t.Errorf("two of three: %s", text)
	}
}
