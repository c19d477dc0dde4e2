package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"stagecraft/app/cli"
)

// A list is read page by page, as many entries as are asked for, and whoever does not get all of it is told.
func TestListsAreReadInPages(t *testing.T) {
	const total = 450
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("cursor"), "bulks."))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		asked = append(asked, fmt.Sprint(r.URL.Path, " ", from, " ", limit))
		bulks, answer := []map[string]any{}, map[string]any{}
		for n := from; n < min(from+limit, total); n++ {
			bulks = append(bulks, map[string]any{"name": fmt.Sprintf("bulk-%03d", n), "status": "done"})
		}
		if answer["bulks"] = bulks; from+limit < total {
			answer["next"] = fmt.Sprint("bulks.", from+limit)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	for _, c := range []struct {
		limit string
		pages string
		lines int
		more  bool
	}{
		{"", "[/api/bulks 0 50]", 50, true},
		{"200", "[/api/bulks 0 200]", 200, true},
		{"250", "[/api/bulks 0 200 /api/bulks 200 50]", 250, true},
		{"450", "[/api/bulks 0 200 /api/bulks 200 200 /api/bulks 400 50]", 450, false},
		{"0", "[/api/bulks 0 200 /api/bulks 200 200 /api/bulks 400 200]", 450, false},
	} {
		asked = nil
		args := []string{"bulk", "list", "--server", server.URL}
		if c.limit != "" {
			args = append(args, "--limit", c.limit)
		}
		var out, said bytes.Buffer
		if code := cli.Main("test", args, strings.NewReader(""), &out, &said); code != 0 {
			t.Fatalf("limit %q: exit code %d: %s", c.limit, code, said.String())
		}
		if fmt.Sprint(asked) != c.pages || strings.Count(out.String(), "bulk-") != c.lines || strings.Contains(said.String(), "There is more") != c.more {
			t.Errorf("limit %q asks for %s and lists %d, and says %q", c.limit, asked, strings.Count(out.String(), "bulk-"), said.String())
		}
	}
	var out, said bytes.Buffer
	if code := cli.Main("test", []string{"bulk", "list", "--server", server.URL, "--limit", "-1"}, strings.NewReader(""), &out, &said); code == 0 || !strings.Contains(said.String(), "--limit") {
		t.Errorf("a negative limit: exit code %d: %s", code, said.String())
	}
	out.Reset()
	var all struct{ Bulks []struct{ Name string } }
	cli.Main("test", []string{"bulk", "list", "--server", server.URL, "--json"}, strings.NewReader(""), &out, &said)
	if err := json.Unmarshal(out.Bytes(), &all); err != nil || len(all.Bulks) != total || all.Bulks[449].Name != "bulk-449" {
		t.Errorf("as JSON %d are listed: %v", len(all.Bulks), err)
	}
	out.Reset()
	cli.Main("test", []string{"bulk", "list", "--server", server.URL, "--limit", "7", "--json"}, strings.NewReader(""), &out, &said)
	if err := json.Unmarshal(out.Bytes(), &all); err != nil || len(all.Bulks) != 7 {
		t.Errorf("with a limit of 7, as JSON %d are listed: %v", len(all.Bulks), err)
	}
}
