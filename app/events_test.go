package app_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

type eventsSeen struct {
	Events []struct {
		Customer, UserID string
		Test             bool
		Event            struct{ Type, Event, MessageID string }
	}
	Next string
}

func (s *server) events(query string) (page eventsSeen) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.must("GET", "/api/events?"+query, nil)), &page); err != nil {
		s.t.Fatal(err)
	}
	return page
}

// Whoever connects a shop sees what came in of everybody, narrowed as they like, page by page.
func TestEventsOfEverybodyOverHTTP(t *testing.T) {
	s := startServer(t)
	for i := range 30 {
		s.track(fmt.Sprint("u", i%3), []string{"Looked", "Order Completed"}[i%2], map[string]any{"messageId": fmt.Sprint("m", i)})
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "u1", "traits": map[string]any{"plan": "gold"}})
	if page := s.events("limit=2"); len(page.Events) != 2 || page.Events[0].Event.Type != "identify" || page.Events[1].Event.MessageID != "m29" ||
		page.Events[1].UserID != "u2" || page.Next == "" {
		t.Errorf("the newest are %+v", page)
	}
	for query, want := range map[string]int{"": 31, "event=Looked": 15, "type=identify": 1, "customer=u1": 11, "customer=u1&event=Looked": 5,
		"source=shopify": 0, "test=true": 0, "history=false": 31, "until=2020-01-01T00:00:00Z": 0, "from=2020-01-01T00:00:00Z": 31} {
		seen := map[string]bool{}
		for cursor, pages := "", 0; ; pages++ {
			page := s.events(query + "&limit=4&cursor=" + url.QueryEscape(cursor))
			for _, one := range page.Events {
				seen[one.Event.MessageID] = true
			}
			if cursor = page.Next; cursor == "" || pages > 50 {
				break
			}
		}
		if len(seen) != want {
			t.Errorf("%q lists %d events, want %d", query, len(seen), want)
		}
	}
	for _, query := range []string{"test=maybe", "type=order", "from=yesterday", "limit=501", "limit=x"} {
		if status, body, _ := s.call("GET", "/api/events?"+query, nil); status != 400 {
			t.Errorf("%s is answered %d %s", query, status, body)
		}
	}
}

// Every list goes on with the cursor that it gave, ends without one, and refuses what is no cursor, or another list's.
func TestListsHaveOneKindOfCursor(t *testing.T) {
	s := startServer(t)
	for i := range 12 {
		s.must("POST", "/v1/identify", map[string]any{"userId": fmt.Sprint("u", i), "traits": map[string]any{"email": fmt.Sprintf("desk%d@example.com", i/6)}})
		s.track("ada", "Looked", map[string]any{"messageId": fmt.Sprint("m", i)})
	}
	s.eventually("both addresses are suspicious", func() bool {
		return strings.Count(s.must("GET", "/v1/identities/suspicious", nil), `"identity"`) == 2
	})
	lists := map[string]string{"/api/events": "events", "/v1/customers": "customers", "/v1/customers/ada/timeline": "entries",
		"/v1/identities/suspicious": "suspicious", "/v1/calls": "calls", "/v1/calls?state=closed": "calls"}
	cursors := map[string]string{}
	for path, field := range lists {
		query := url.Values{"limit": {"1"}}
		whole, seen := s.list(path, field, url.Values{"limit": {"100"}}), []string{}
		for range 100 {
			page := s.list(path, field, query)
			seen = append(seen, page.rows...)
			if page.next == "" {
				break
			}
			cursors[path] = page.next
			query.Set("cursor", page.next)
		}
		if strings.Join(seen, "\n") != strings.Join(whole.rows, "\n") || whole.next != "" {
			t.Errorf("%s one by one:\n%s\nat once:\n%s", path, strings.Join(seen, "\n"), strings.Join(whole.rows, "\n"))
		}
	}
	if len(cursors) != 4 {
		t.Errorf("lists with more than a page are %v", cursors)
	}
	cursors["nobody"] = "x"
	cursors["nonsense"] = "events.AAAA"
	for _, path := range []string{"/api/events", "/v1/customers", "/v1/customers/ada/timeline", "/v1/identities/suspicious", "/v1/calls",
		"/v1/export/customers", "/v1/export/events", "/v1/export/messages", "/api/history?partition=3"} {
		for from, cursor := range cursors {
			if from == path {
				continue
			}
			join := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			status, body, header := s.call("GET", path+join+"cursor="+url.QueryEscape(cursor), nil)
			if status != 400 || !strings.Contains(body, `"field":"cursor"`) || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("%s with the cursor of %s is answered %d %s", path, from, status, body)
			}
		}
	}
}

type listPage struct {
	rows []string
	next string
}

func (s *server) list(path, field string, query url.Values) (page listPage) {
	s.t.Helper()
	join := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
	var answer map[string]json.RawMessage
	var rows []json.RawMessage
	if err := json.Unmarshal([]byte(s.must("GET", path+join+query.Encode(), nil)), &answer); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(answer[field], &rows); err != nil {
		s.t.Fatal(path, err)
	}
	if answer["next"] != nil {
		_ = json.Unmarshal(answer["next"], &page.next)
	}
	for _, row := range rows {
		page.rows = append(page.rows, string(row))
	}
	return page
}
