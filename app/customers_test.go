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
