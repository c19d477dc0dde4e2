package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/lifecycle"
	"stagecraft/docs"

	"github.com/getkin/kin-openapi/openapi3"
)

// someOfAll has some of everything that comes in pages.
func someOfAll(t *testing.T) *server {
	files := owing()
	files["segments/all.lua"] = "member(function(customer) return true end)\n"
	files["segments/some.lua"] = "member(function(customer) return customer.traits.email ~= nil end)\n"
	s := startServer(t, withScripts(t, files))
	s.setMode("trial", lifecycle.Live)
	for i := range 23 {
		s.track(fmt.Sprint("user-", i), "Subscribed")
	}
	for i := range 7 {
		s.must("PUT", fmt.Sprint("/api/bulks/bulk-", i), `{"act": "exit", "journey": "trial", "audience": {"list": true}}`)
		s.must("PUT", fmt.Sprint("/api/broadcasts/sale-", i), saleDraft)
	}
	s.eventually("everybody is a member", func() bool { return strings.Count(s.must("GET", "/v1/segments", nil), `"members":23`) == 2 })
	return s
}

// page asks for a page of a list, whose entries stand under a name.
func (s *server) page(path, name, query string) (entries []json.RawMessage, next string) {
	s.t.Helper()
	var page map[string]json.RawMessage
	if err := json.Unmarshal([]byte(s.must("GET", path+"?"+query, nil)), &page); err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(page[name], &entries); err != nil {
		s.t.Fatalf("%s has no %s: %v", path, name, err)
	}
	if page["next"] != nil && json.Unmarshal(page["next"], &next) != nil {
		s.t.Fatalf("%s has the next %s", path, page["next"])
	}
	return entries, next
}

// Who pages through a list meets everything once, in the order in which it stands in one page.
func TestListsComeInPages(t *testing.T) {
	s := someOfAll(t)
	for _, list := range []struct {
		path, name string
		count      int
	}{
		{"/v1/customers", "customers", 23}, {"/v1/messages", "messages", 23}, {"/api/messages", "messages", 23},
		{"/api/events", "events", 23}, {"/v1/segments/all/members", "members", 23},
		{"/api/bulks", "bulks", 7}, {"/api/broadcasts", "broadcasts", 7},
	} {
		t.Run(list.path, func(t *testing.T) {
			whole, next := s.page(list.path, list.name, "limit=200")
			if next != "" || len(whole) < list.count {
				t.Fatalf("one page has %d of %d, and the next is %q", len(whole), list.count, next)
			}
			var all []json.RawMessage
			for pages := 0; pages == 0 || next != ""; pages++ {
				var some []json.RawMessage
				if some, next = s.page(list.path, list.name, "limit=5&cursor="+url.QueryEscape(next)); len(some) > 5 || pages > 100 {
					t.Fatalf("page %d has %d", pages, len(some))
				}
				all = append(all, some...)
			}
			if len(all) != len(whole) {
				t.Fatalf("%d in pages, %d in one", len(all), len(whole))
			}
			seen := map[string]bool{}
			for i, one := range all {
				if seen[string(one)] {
					t.Errorf("%s comes twice", one)
				}
				if seen[string(one)] = true; string(one) != string(whole[i]) {
					t.Errorf("number %d is %s, want %s", i, one, whole[i])
				}
			}
		})
	}
	if _, next := s.page("/api/bulks", "bulks", "limit=3"); next != "" { // what it names goes, and the list goes on
		s.must("DELETE", "/api/bulks/bulk-3", nil)
		if rest, _ := s.page("/api/bulks", "bulks", "cursor="+next); len(rest) != 3 || !strings.Contains(string(rest[0]), `"name":"bulk-2"`) {
			t.Errorf("after one of seven was removed, %s follow three", rest)
		}
	}
}

// pagedLists returns the addresses of all lists that come in pages, by the description.
func pagedLists(t *testing.T) (lists []string) {
	document, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{customer}", "user-1", "/segments/{name}", "/segments/all", "{kind}", "customers")
	for path, item := range document.Paths.Map() {
		if item.Get == nil || path == "/v1/export/{kind}" { // which has its next in a header, and no limit
			continue
		}
		cursor, limit := item.Get.Parameters.GetByInAndName("query", "cursor"), item.Get.Parameters.GetByInAndName("query", "limit")
		next := false
		if answer := item.Get.Responses.Value("200"); answer != nil && answer.Value.Content.Get("application/json") != nil {
			schema := answer.Value.Content.Get("application/json").Schema
			next = schema != nil && schema.Value.Properties["next"] != nil
		}
		if next != (cursor != nil) || cursor != nil && limit == nil && path != "/api/history" { // of which each page has its size
			t.Errorf("GET %s: a list has a limit, a cursor and a next, or none of them", path)
		}
		if cursor != nil {
			lists = append(lists, fill.Replace(path))
		}
	}
	return lists
}

// A cursor that no page gave is refused by every list, and so is one of another list, and a limit that is none.
func TestACursorBelongsToItsList(t *testing.T) {
	s := someOfAll(t)
	_, messages := s.page("/v1/messages", "messages", "limit=5")
	_, some := s.page("/v1/segments/some/members", "members", "limit=5")
	_, bulks := s.page("/api/bulks", "bulks", "limit=5")
	if messages == "" || some == "" || bulks == "" {
		t.Fatalf("lists of more than 5 have the next %q, %q and %q", messages, some, bulks)
	}
	lists := pagedLists(t)
	if len(lists) < 10 {
		t.Errorf("only these come in pages: %s", lists)
	}
	refused := func(path, field, value string) {
		t.Helper()
		query := field + "=" + url.QueryEscape(value)
		if path == "/api/history" {
			query += "&partition=0"
		}
		status, answer, _ := s.call("GET", path+"?"+query, nil)
		if status != 400 || !strings.Contains(answer, `"field":"`+field+`"`) {
			t.Errorf("%s with the %s %q: %d %s", path, field, value, status, answer)
		}
	}
	for _, path := range lists {
		var name string
		switch {
		case strings.HasSuffix(path, "/messages"):
			name = "messages"
			refused(path, "cursor", bulks)
		default:
			refused(path, "cursor", messages)
			name = path[strings.LastIndex(path, "/")+1:]
		}
		for _, made := range []string{"zz", "3-00", ".", name + ".", name + "." + base64.RawURLEncoding.EncodeToString([]byte("made up")), some, strings.Repeat("x", 400)} {
			refused(path, "cursor", made)
		}
		if path != "/api/history" {
			refused(path, "limit", "0")
			refused(path, "limit", "many")
			refused(path, "limit", "1000000")
		}
	}
	if status, answer, _ := s.call("POST", "/api/webhooks/replay", map[string]string{"since": "2026-03-01T00:00:00Z", "cursor": messages}); status != 400 || !strings.Contains(answer, "another list") {
		t.Errorf("webhooks are replayed from the place of a list of messages: %d %s", status, answer)
	}
}
