package app_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// Whoever was erased and came back stays so on the server that they move to: nothing is sent to them there either.
func TestWhoWasErasedMovesInAsErased(t *testing.T) {
	from := startServer(t, func(c *config.Config) { c.Scripts = writeRights(t) })
	back := map[string]any{"userId": "p2", "traits": map[string]any{"email": "p2@example.com"}}
	from.must("POST", "/v1/identify", back)
	from.must("POST", "/v1/customers/p2/erase", nil)
	from.must("POST", "/v1/identify", back)
	line := ""
	for cursor, page := "", 0; line == "" && (page == 0 || cursor != ""); page++ {
		_, text, header := from.call("GET", "/v1/export/customers?columns=userId,email,suppressions&cursor="+url.QueryEscape(cursor), nil)
		line, cursor = strings.TrimSpace(text), header.Get("X-Next-Cursor")
	}
	if !strings.Contains(line, `"channel":"","address":"","reason":"erased"`) {
		t.Fatalf("the export says %s", line)
	}

	to := startServer(t, func(c *config.Config) { c.Scripts = writeRights(t) })
	to.setMode("shop", lifecycle.Live)
	take := func(id, customer string) string {
		to.must("POST", "/v1/import", `{"source":"cust"}`)
		rows := `{"customers":[{"line":1,"id":"` + id + `","customer":` + customer + `}]}`
		to.must("POST", "/v1/import/cust/look?kind=customers", rows)
		return to.must("POST", "/v1/import/cust/customers", rows)
	}
	if text := take("1", line); !strings.Contains(text, `"accepted":1`) {
		t.Fatalf("the row is answered %s", text)
	}
	if text := take("2", `{"userId":"p3","email":"p3@example.com","suppressions":[{"channel":"","address":"","reason":"bounced","at":"2026-01-01T00:00:00Z"}]}`); !strings.Contains(text, "no name of a channel") {
		t.Errorf("a bounce of no channel is answered %s", text)
	}
	to.track("p2", "Order Completed")
	to.track("other", "Order Completed", map[string]any{"context": map[string]any{"traits": map[string]any{"email": "other@example.com"}}})
	to.eventually("somebody else's mail is written", func() bool { return len(to.mails()) > 0 })
	to.eventually("theirs is settled", func() bool {
		for _, m := range to.overview().Messages {
			if m.Reason == "suppressed: erased" {
				return true
			}
		}
		return false
	})
	if got := strings.Join(to.mails(), ""); strings.Contains(got, "p2@example.com") {
		t.Errorf("it was sent to whoever was erased: %s", got)
	}
	var replayed struct {
		Equal       bool
		Differences json.RawMessage
	}
	if text := to.must("GET", "/v1/customers/p2/replay", nil); json.Unmarshal([]byte(text), &replayed) != nil || !replayed.Equal {
		t.Errorf("the replay is %s", text)
	}
}
