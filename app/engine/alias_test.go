package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"stagecraft/app/lifecycle"
)

// alias says that somebody has another name.
func (h *harness) alias(user, previous string, public bool) {
	h.t.Helper()
	event := h.event(user, "")
	event.Type, event.Public = lifecycle.Alias, public
	event.Properties, _ = json.Marshal(map[string]string{"previousId": previous})
	h.receive(event)
}

// of returns the customer that an identity leads to, or "" if there is none.
func (h *harness) of(kind lifecycle.IdentityKind, value string) string {
	answer, err := h.engine.Customer(context.Background(), lifecycle.Identity{Kind: kind, Value: value})
	if err != nil {
		return ""
	}
	return answer.Customer.ID.String()
}

// same reports whether two user IDs lead to one customer.
func (h *harness) same(a, b string) func() bool {
	return func() bool {
		x, y := h.of(lifecycle.UserID, a), h.of(lifecycle.UserID, b)
		return x != "" && x == y
	}
}

func TestAliasJoinsTwoUsers(t *testing.T) {
	// Whichever of the two IDs is the smaller one: both orders are in these.
	for i := range 6 {
		old, now := fmt.Sprint("lead-", i), fmt.Sprint("ada-", i)
		t.Run(old, func(t *testing.T) {
			h := newHarness(t, journey("j", twoStages,
				"a", `stage { title = "A" }
on("Order", function() move "b" end)`, "b", `stage { title = "B" }`))
			h.track(old, "Page", "n", 1)
			h.clock.Advance(time.Hour)
			h.track(now, "Order")
			h.clock.Advance(time.Hour)
			h.alias(now, old, false)
			h.eventually(h.same(old, now))
			h.track(old, "Later")
			h.eventually(func() bool {
				c := h.customer(now)
				v := c.Visit("j")
				answer, err := h.engine.Customer(t.Context(), lifecycle.Identity{Kind: lifecycle.UserID, Value: old})
				return err == nil && v != nil && v.Stage == "b" && c.Created.Equal(start) && c.Knows(lifecycle.Identity{Kind: lifecycle.UserID, Value: old}) &&
					times(answer.Timeline, "Page") > 0 && times(answer.Timeline, "Order") > 0 && times(answer.Timeline, "Later") > 0
			})
			h.eventually(func() bool { return len(h.customer(now).Questions) == 0 })
			h.alias(now, old, false) // once more changes nothing
			if questions := h.customer(now).Questions; len(questions) > 0 {
				t.Errorf("messages wait once more for %+v", questions)
			}
			h.restart()
			h.eventually(h.same(old, now))
		})
	}
}

// Two who name each other at the same time become one, and neither is lost in a circle.
func TestAliasesThatCross(t *testing.T) {
	h := newHarness(t)
	for i := range 20 {
		a, b, c := fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("c", i)
		var events []lifecycle.Event
		for _, pair := range [][2]string{{a, b}, {b, a}, {b, c}, {c, a}} {
			event := h.event(pair[0], "")
			event.Type, event.Properties = lifecycle.Alias, json.RawMessage(fmt.Sprintf(`{"previousId":%q}`, pair[1]))
			events = append(events, event)
		}
		h.receive(events...)
	}
	for i := range 20 {
		h.eventually(h.same(fmt.Sprint("a", i), fmt.Sprint("b", i)))
		h.eventually(h.same(fmt.Sprint("b", i), fmt.Sprint("c", i)))
		h.track(fmt.Sprint("c", i), "Order")
	}
}

// A name that nobody had leads to the customer from then on, and what runs for the customer goes on.
func TestAliasOfANewName(t *testing.T) {
	h := newHarness(t, journey("j", twoStages, "a", `stage { title = "A" }
enter(function() wait "2 days" log "waited" end)`, "b", `stage { title = "B" }`))
	h.track("ada", "Order")
	h.alias("ada", "old-name", false)
	h.eventually(h.same("ada", "old-name"))
	h.track("old-name", "Page")
	anonymous := h.event("", "Page")
	anonymous.AnonymousID = "old-name"
	h.receive(anonymous)
	h.want(`
		0 event Order
		0 entered j/a
		0 event identify
		0 event Page
		0 event Page`)
	h.clock.Advance(3 * 24 * time.Hour)
	h.want(`
		0 event Order
		0 entered j/a
		0 event identify
		0 event Page
		0 event Page
		2 log j/a waited`)
}

// Whoever can read the key of a public page joins nobody with somebody else's user ID.
func TestAliasWithAPublicKey(t *testing.T) {
	h := newHarness(t)
	h.track("victim", "Order")
	page := h.event("", "Page")
	page.AnonymousID = "device"
	h.receive(page)
	h.alias("mallory", "victim", true)
	h.alias("mallory", "device", true)
	h.eventually(func() bool { return h.of(lifecycle.AnonymousID, "device") == h.of(lifecycle.UserID, "mallory") })
	if h.same("mallory", "victim")() {
		t.Error("a public key joined two users")
	}
	if c := h.customer("victim"); len(c.Identities) != 1 {
		t.Errorf("the victim is also %+v", c.Identities)
	}
}
