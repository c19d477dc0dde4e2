package app_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"stagecraft/app/config"
	"stagecraft/app/lifecycle"
)

// The messages of those who have become part of a customer are in their list, wherever they lie: in the order of time, page by
// page, and under every ID that any of them had.
func TestTheLedgerOfMergedCustomers(t *testing.T) {
	files := ordered("ada", "email")
	files["trial/messages/hello.email.liquid"] = "---\nsubject: Hello\n---\nHello\n"
	s := startServer(t, withScripts(t, files), func(c *config.Config) { c.Policy.Preset = "none" })
	s.setMode("trial", lifecycle.Live)
	visitor := func(anonymous string) {
		s.must("POST", "/v1/track", map[string]any{"anonymousId": anonymous, "event": "Order",
			"context": map[string]any{"traits": map[string]any{"email": anonymous + "@example.com"}}})
	}
	visitor("phone")
	visitor("desk")
	visitor("stranger")
	s.track("ada", "Order", map[string]any{"context": map[string]any{"traits": map[string]any{"email": "ada@example.com"}}})
	list := func(customer string, limit int) (refs []string) {
		for next := ""; ; {
			page := s.ledgerOf(fmt.Sprintf("customer=%s&limit=%d&cursor=%s", url.QueryEscape(customer), limit, url.QueryEscape(next)))
			for _, m := range page.Messages {
				refs = append(refs, m.Ref)
			}
			if next = page.Next; next == "" {
				return refs
			}
		}
	}
	var want []string
	for _, m := range s.ledgerOf("").Messages {
		if !slices.Contains(list("stranger", 10), m.Ref) {
			want = append(want, m.Ref)
		}
	}
	s.must("POST", "/v1/identify", map[string]any{"userId": "old", "anonymousId": "phone"})
	s.must("POST", "/v1/identify", map[string]any{"userId": "ada", "anonymousId": "desk"})
	s.must("POST", "/v1/alias", map[string]any{"userId": "ada", "previousId": "old"})
	own := func(kind lifecycle.IdentityKind, value string) string {
		return lifecycle.Identity{Kind: kind, Value: value}.Hash().String()
	}
	for _, name := range []string{"ada", "old", "phone", "desk", own(lifecycle.UserID, "ada"), own(lifecycle.AnonymousID, "phone")} {
		for _, limit := range []int{1, 2, 10} {
			var got []string
			s.eventually(fmt.Sprintf("all messages are %s's, %d at a time", name, limit), func() bool {
				got = list(name, limit)
				return slices.Equal(got, want)
			})
		}
	}
	if got := list("stranger", 10); len(got) != 1 {
		t.Errorf("the stranger has %d messages", len(got))
	}
}
